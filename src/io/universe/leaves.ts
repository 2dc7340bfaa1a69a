import { assetId } from '../../asset/genesis.ts';
import { evenKey } from '../../asset/keys.ts';
import type { NodeRef } from '../../asset/mssmt/node.ts';
import type { Entry } from '../../asset/mssmt/tree.ts';
import type { Arrival } from '../../asset/universe/diff.ts';
import {
  type LeafKey,
  leafTreeKey,
  type ProofType,
  type UniverseId,
  universeIdOf,
  universeKey,
  universeName,
} from '../../asset/universe/id.ts';
import { multiverseLeaf, universeLeaf } from '../../asset/universe/tree.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal, toHex, tryText } from '../../base/bytes.ts';
import type { BlockHash, TxId } from '../../base/ids.ts';
import { blockHash } from '../../bitcoin/block.ts';
import { formatOutPoint, formatTxId, txId } from '../../bitcoin/tx.ts';
import type { Page, UniverseProof, UniverseRoot } from './contract.ts';
import { type Columns, plain, signed, type UniverseDatabase, unsigned } from './database.ts';
import { multiverseTree, provePath, writeTree } from './trees.ts';

/** The rows of universes and leaves, and their trees. Nothing here verifies. */

export interface StoredUniverse extends UniverseRoot {
  readonly row: bigint;
}

export interface StoredLeaf {
  readonly row: bigint;
  readonly assetId: Bytes;
  readonly blockHash: BlockHash;
  readonly amount: bigint;
  readonly proof: Bytes;
}

export function findUniverse(database: UniverseDatabase, id: UniverseId): StoredUniverse | null {
  const row = database.one('SELECT * FROM universe WHERE proof_type = ? AND key = ?', id.proofType, universeKey(id));
  return row === null ? null : universeOf(row);
}

/** In the order in which they came; of one proof type, or (null) of both. */
export function listUniverses(database: UniverseDatabase, page: Page, proofType: ProofType | null = null): readonly StoredUniverse[] {
  const sql = 'SELECT * FROM universe WHERE ? IS NULL OR proof_type = ? ORDER BY id LIMIT ? OFFSET ?';
  return database.all(sql, proofType, proofType, page.limit, page.offset).map(universeOf);
}

export function listLeafKeys(database: UniverseDatabase, universe: bigint, page: Page): readonly LeafKey[] {
  const sql = 'SELECT txid, vout, script_key FROM leaf WHERE universe = ? ORDER BY id LIMIT ? OFFSET ?';
  return database.all(sql, universe, page.limit, page.offset).map((row) => ({
    outPoint: { txid: plain(row['txid']) as TxId, vout: Number(row['vout']) },
    scriptKey: plain(row['script_key']),
  }));
}

export const countLeaves = (database: UniverseDatabase, universe: bigint): number =>
  Number(database.one('SELECT count(*) AS n FROM leaf WHERE universe = ?', universe)?.['n'] ?? 0);

/** The proofs of a universe after a row, in the order in which they came. */
export function listProofs(
  database: UniverseDatabase,
  part: { readonly universe: bigint; readonly after: bigint; readonly limit: number },
): readonly { readonly row: bigint; readonly proof: Bytes }[] {
  const sql = 'SELECT id, proof FROM leaf WHERE universe = ? AND id > ? ORDER BY id LIMIT ?';
  return database.all(sql, part.universe, part.after, part.limit).map((row) => ({ row: row['id'] as bigint, proof: plain(row['proof']) }));
}

export function findLeaf(database: UniverseDatabase, id: UniverseId, key: LeafKey): StoredLeaf | null {
  const sql =
    'SELECT leaf.* FROM leaf JOIN universe ON universe.id = leaf.universe WHERE universe.proof_type = ? AND universe.key = ? AND leaf.key = ?';
  const row = database.one(sql, id.proofType, universeKey(id), leafTreeKey(key));
  if (row === null) return null;
  return {
    row: row['id'] as bigint,
    assetId: plain(row['asset_id']),
    blockHash: plain(row['block_hash']) as BlockHash,
    amount: unsigned(row['amount']),
    proof: plain(row['proof']),
  };
}

export function multiverseRoot(database: UniverseDatabase, proofType: ProofType): NodeRef | null {
  const row = database.one('SELECT root_hash, root_sum FROM multiverse WHERE proof_type = ?', proofType);
  return row === null ? null : rootOf(row);
}

/** A leaf with its proofs, from one state of the file. */
export function proveLeaf(database: UniverseDatabase, id: UniverseId, key: LeafKey): UniverseProof | null {
  return database.read(() => {
    const universe = findUniverse(database, id);
    const leaf = findLeaf(database, id, key);
    if (universe === null || leaf === null) return null;
    const { row, ...root } = universe;
    const multiverse = must(multiverseRoot(database, id.proofType), 'a universe without a multiverse');
    return {
      root,
      key,
      proof: leaf.proof,
      assetId: leaf.assetId,
      amount: leaf.amount,
      inclusionProof: provePath(database, row, root.root, leafTreeKey(key)),
      multiverseRoot: multiverse,
      multiverseInclusionProof: provePath(database, multiverseTree(id.proofType), multiverse, universeKey(id)),
    };
  });
}

export const isGroupStored = (database: UniverseDatabase, groupKey: Bytes): boolean =>
  database.one('SELECT 1 FROM group_key WHERE x = ?', groupKey.subarray(groupKey.length - 32)) !== null;

/**
 * Writes verified transitions with their trees, and that they are to be pushed to the federation, in one transaction: after a crash either all of
 * it is there or nothing. Throws SumOverflow, and has then written nothing.
 */
export function writeLeaves(
  database: UniverseDatabase,
  arrivals: readonly Arrival[],
  { now, origin }: { readonly now: number; readonly origin: 'inserted' | 'synced' },
): void {
  database.write(() => {
    const byUniverse = new Map<
      string,
      { readonly id: UniverseId; readonly row: bigint; readonly root: NodeRef | null; entries: Entry[] }
    >();
    for (const arrival of arrivals) {
      const id = universeIdOf(arrival.proof);
      const name = universeName(id);
      let universe = byUniverse.get(name);
      if (universe === undefined) {
        universe = { id, ...openUniverseRow(database, id, arrival), entries: [] };
        byUniverse.set(name, universe);
      }
      const row = writeLeafRow(database, universe.row, arrival, now);
      if (origin === 'inserted') enqueue(database, row, now);
      const { asset } = arrival.proof;
      universe.entries.push([leafTreeKey(arrival.key), universeLeaf(id.proofType, { amount: asset.amount, raw: arrival.raw })]);
      if (id.proofType === 'issuance') writeAsset(database, arrival);
    }
    const roots = { issuance: [] as Entry[], transfer: [] as Entry[] };
    for (const { id, row, root, entries } of byUniverse.values()) {
      const after = writeTree(database, row, root, entries);
      database.run('UPDATE universe SET root_hash = ?, root_sum = ? WHERE id = ?', after.hash, signed(after.sum), row);
      roots[id.proofType].push([universeKey(id), multiverseLeaf(id.proofType, after)]);
    }
    for (const proofType of ['issuance', 'transfer'] as const)
      if (roots[proofType].length > 0) writeMultiverse(database, proofType, roots[proofType]);
  });
}

function writeMultiverse(database: UniverseDatabase, proofType: ProofType, entries: readonly Entry[]): void {
  const root = writeTree(database, multiverseTree(proofType), multiverseRoot(database, proofType), entries);
  const sql =
    'INSERT INTO multiverse VALUES (?, ?, ?) ON CONFLICT (proof_type) DO UPDATE SET root_hash = excluded.root_hash, root_sum = excluded.root_sum';
  database.run(sql, proofType, root.hash, signed(root.sum));
}

function openUniverseRow(
  database: UniverseDatabase,
  id: UniverseId,
  { proof }: Arrival,
): { readonly row: bigint; readonly root: NodeRef | null } {
  const there = findUniverse(database, id);
  if (there !== null) return { row: there.row, root: there.root };
  const of = id.of.kind === 'asset' ? id.of.assetId : id.of.groupKey.subarray(1);
  const sql = 'INSERT INTO universe (proof_type, key, kind, of, name, root_hash, root_sum) VALUES (?, ?, ?, ?, ?, ?, 0)';
  const { id: row } = database.run(sql, id.proofType, universeKey(id), id.of.kind, of, nameOf(proof.asset.genesis.tag), new Uint8Array(32));
  return { row, root: null };
}

/** A leaf that is there under the key keeps its row: others may name it. */
function writeLeafRow(database: UniverseDatabase, universe: bigint, { key, raw, proof }: Arrival, now: number): bigint {
  const { txid, vout } = key.outPoint;
  const sql = `INSERT INTO leaf (universe, key, txid, vout, script_key, asset_id, amount, block_hash, block_height, added_at, proof)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (universe, key) DO UPDATE SET amount = excluded.amount,
    block_hash = excluded.block_hash, block_height = excluded.block_height, added_at = excluded.added_at, proof = excluded.proof RETURNING id`;
  const id = assetId(proof.asset.genesis);
  const places = [universe, leafTreeKey(key), txid, vout, proof.asset.scriptKey, id, signed(proof.asset.amount)] as const;
  const row = database.one(sql, ...places, blockHash(proof.blockHeader), proof.blockHeight, now, raw);
  tally(database, 'proof', id, now);
  return must(row ?? undefined, 'the row of a leaf')['id'] as bigint;
}

/** Counts an event of today. */
export function tally(database: UniverseDatabase, kind: 'proof' | 'sync', id: Bytes, now: number): void {
  const sql = 'INSERT INTO tally VALUES (?, ?, ?, 1) ON CONFLICT (asset_id, kind, day) DO UPDATE SET n = n + 1';
  database.run(sql, Math.floor(now / DAY_S), kind, id);
}
const DAY_S = 86_400;

/** Every server of the federation is to get it, also where it had an older one. */
function enqueue(database: UniverseDatabase, leaf: bigint, now: number): void {
  const sql = `INSERT INTO push (host, leaf, tries, next_at) SELECT host, ?, 0, ? FROM server WHERE true
    ON CONFLICT (host, leaf) DO UPDATE SET tries = 0, next_at = excluded.next_at`;
  database.run(sql, leaf, now);
}

/** What a minting tells of its asset. */
function writeAsset(database: UniverseDatabase, { proof, key }: Arrival): void {
  const { asset, blockHeader, blockHeight } = proof;
  const { genesis, groupKey } = asset;
  const id = assetId(genesis);
  const anchor = `${formatTxId(txId(proof.anchorTx))}:${key.outPoint.vout}`;
  const sql = `INSERT INTO asset VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET height = excluded.height, time = excluded.time`;
  const facts = [id, nameOf(genesis.tag), genesis.type, genesis.metaHash, groupKey?.subarray(1) ?? null] as const;
  database.run(sql, ...facts, formatOutPoint(genesis.firstPrevOut), anchor, blockHeight, blockHeader.time);
  if (proof.groupKeyReveal === null || groupKey === null) return;
  database.run('INSERT INTO group_key VALUES (?, ?) ON CONFLICT (x) DO NOTHING', groupKey.subarray(1), id);
}

const nameOf = (tag: Bytes): string => tryText(tag) ?? toHex(tag);

function universeOf(row: Columns): StoredUniverse {
  const of = plain(row['of']);
  return {
    row: row['id'] as bigint,
    id: {
      proofType: row['proof_type'] as ProofType,
      of: row['kind'] === 'asset' ? { kind: 'asset', assetId: of } : { kind: 'group', groupKey: evenKey(of) },
    },
    root: rootOf(row),
    assetName: row['name'] as string,
  };
}

const rootOf = (row: Columns): NodeRef => ({ hash: plain(row['root_hash']), sum: unsigned(row['root_sum']) });

/** Whether the leaf under the key is of this very block: then there is nothing to replace. */
export const isSameBlock = (leaf: StoredLeaf, { proof }: Arrival): boolean => equal(leaf.blockHash, blockHash(proof.blockHeader));
