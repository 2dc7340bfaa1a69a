import { evenKey } from '../../asset/keys.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import type { LeafKey, Page, UniverseId } from './contract.ts';
import { type Columns, plain, type UniverseDatabase, unsigned } from './database.ts';
import { tally } from './leaves.ts';

/** What is in a universe, and how it was asked: numbers for people. */

export interface UniverseTotals {
  readonly assets: number;
  readonly groups: number;
  readonly proofs: number;
  /** How often a leaf was handed to somebody else. */
  readonly syncs: number;
}

export function totals(database: UniverseDatabase): UniverseTotals {
  const number = (sql: string): number => Number(database.one(sql)?.['n'] ?? 0);
  return database.read(() => ({
    assets: number('SELECT count(*) AS n FROM asset'),
    groups: number('SELECT count(*) AS n FROM group_key'),
    proofs: number('SELECT count(*) AS n FROM leaf'),
    syncs: number("SELECT sum(n) AS n FROM tally WHERE kind = 'sync'"),
  }));
}

export interface AssetFacts {
  readonly assetId: Bytes;
  readonly name: string;
  readonly type: number;
  /** 33 bytes. */
  readonly groupKey: Bytes | null;
  /** Units of its mintings. */
  readonly supply: bigint;
  readonly genesisPoint: string;
  readonly anchorPoint: string;
  readonly height: number;
  readonly time: number;
  readonly proofs: number;
  readonly syncs: number;
}

export const ASSET_ORDERS = ['name', 'height', 'proofs', 'syncs'] as const;
export type AssetOrder = (typeof ASSET_ORDERS)[number];

const ORDER_BY: { readonly [O in AssetOrder]: string } = {
  name: 'name, id',
  height: 'height, id',
  proofs: 'proofs DESC, id',
  syncs: 'syncs DESC, id',
};

/** Assets whose minting is here; all or those of a name. */
export function listAssets(
  database: UniverseDatabase,
  query: Page & { readonly order: AssetOrder; readonly name: string | null },
): readonly AssetFacts[] {
  const sql = `SELECT asset.*, (SELECT count(*) FROM leaf WHERE asset_id = asset.id) AS proofs,
    (SELECT coalesce(sum(n), 0) FROM tally WHERE asset_id = asset.id AND kind = 'sync') AS syncs
    FROM asset WHERE ? IS NULL OR name = ? ORDER BY ${ORDER_BY[query.order]} LIMIT ? OFFSET ?`;
  return database.read(() => database.all(sql, query.name, query.name, query.limit, query.offset).map((row) => factsOf(database, row)));
}

function factsOf(database: UniverseDatabase, row: Columns): AssetFacts {
  const id = plain(row['id']);
  const sql =
    "SELECT leaf.amount FROM leaf JOIN universe ON universe.id = leaf.universe WHERE leaf.asset_id = ? AND universe.proof_type = 'issuance'";
  return {
    assetId: id,
    name: row['name'] as string,
    type: Number(row['type']),
    groupKey: row['group_key'] === null ? null : evenKey(plain(row['group_key'])),
    supply: database.all(sql, id).reduce((sum, leaf) => sum + unsigned(leaf['amount']), 0n),
    genesisPoint: row['outpoint'] as string,
    anchorPoint: row['anchor'] as string,
    height: Number(row['height']),
    time: Number(row['time']),
    proofs: Number(row['proofs']),
    syncs: Number(row['syncs']),
  };
}

/** The universes of an asset or a group that is named by its id, key (also without its first byte), or a name that only one has. */
export function universesNamed(database: UniverseDatabase, given: string, bytes: Bytes | null): readonly UniverseId['of'][] {
  if (bytes?.length === 33) return [{ kind: 'group', groupKey: bytes }];
  const found =
    bytes?.length === 32
      ? database.all('SELECT id, group_key FROM asset WHERE id = ?', bytes)
      : database.all('SELECT id, group_key FROM asset WHERE name = ?', given);
  if (found.length === 0 && bytes?.length === 32) {
    const isGroup = database.one('SELECT 1 FROM group_key WHERE x = ?', bytes) !== null;
    return [isGroup ? { kind: 'group', groupKey: evenKey(bytes) } : { kind: 'asset', assetId: bytes }];
  }
  const all = found.map((row): UniverseId['of'] =>
    row['group_key'] === null
      ? { kind: 'asset', assetId: plain(row['id']) }
      : { kind: 'group', groupKey: evenKey(plain(row['group_key'])) },
  );
  // Tranches of one group are one universe.
  const seen = new Set<string>();
  return all.filter((of) => {
    const name = `${of.kind}${of.kind === 'asset' ? of.assetId : of.groupKey}`;
    return !seen.has(name) && seen.add(name);
  });
}

export interface LeafFacts extends LeafKey {
  readonly assetId: Bytes;
  readonly amount: bigint;
  readonly height: number;
  readonly addedAt: number;
  readonly size: number;
}

export function listLeaves(database: UniverseDatabase, universe: bigint, page: Page): readonly LeafFacts[] {
  const sql = `SELECT txid, vout, script_key, asset_id, amount, block_height, added_at, length(proof) AS size FROM leaf
    WHERE universe = ? ORDER BY id LIMIT ? OFFSET ?`;
  return database.all(sql, universe, page.limit, page.offset).map((row) => ({
    outPoint: { txid: plain(row['txid']) as TxId, vout: Number(row['vout']) },
    scriptKey: plain(row['script_key']),
    assetId: plain(row['asset_id']),
    amount: unsigned(row['amount']),
    height: Number(row['block_height']),
    addedAt: Number(row['added_at']),
    size: Number(row['size']),
  }));
}

export interface DayEvents {
  /** YYYY-MM-DD, UTC. */
  readonly date: string;
  readonly proofs: number;
  readonly syncs: number;
}

/** What happened on each day from that of `since` (unix seconds) on; days without anything are left out. */
export function eventsByDay(database: UniverseDatabase, since: number): readonly DayEvents[] {
  const sql = `SELECT date(day * 86400, 'unixepoch') AS date, sum(CASE kind WHEN 'proof' THEN n ELSE 0 END) AS proofs,
    sum(CASE kind WHEN 'sync' THEN n ELSE 0 END) AS syncs FROM tally WHERE day >= ? GROUP BY day ORDER BY day`;
  return database
    .all(sql, Math.floor(since / 86_400))
    .map((row) => ({ date: row['date'] as string, proofs: Number(row['proofs']), syncs: Number(row['syncs']) }));
}

/** Counts that leaves of these assets were handed out. */
export function logSyncs(database: UniverseDatabase, assetIds: readonly Bytes[], now: number): void {
  database.write(() => {
    for (const id of assetIds) tally(database, 'sync', id, now);
  });
}

/** The proof of an asset's minting, or of that of a group's first asset; null where it is not here. */
export function mintingOf(database: UniverseDatabase, of: UniverseId['of']): Bytes | null {
  const id = of.kind === 'asset' ? of.assetId : firstOf(database, of.groupKey);
  if (id === null) return null;
  const sql = `SELECT leaf.proof FROM leaf JOIN universe ON universe.id = leaf.universe
    WHERE leaf.asset_id = ? AND universe.proof_type = 'issuance' ORDER BY leaf.id LIMIT 1`;
  const row = database.one(sql, id);
  return row === null ? null : plain(row['proof']);
}

function firstOf(database: UniverseDatabase, groupKey: Bytes): Bytes | null {
  const row = database.one('SELECT asset_id FROM group_key WHERE x = ?', groupKey.subarray(groupKey.length - 32));
  return row === null ? null : plain(row['asset_id']);
}
