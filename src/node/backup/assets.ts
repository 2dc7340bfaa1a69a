import { type Bytes, toHex, tryText } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { bigsizeNumber, type Codec, decodeWith, encodeWith, list, struct } from '../../codec/codec.ts';
import { blob, text, versioned } from '../../codec/stored.ts';
import { type History, historyCodec } from '../asset/history.ts';
import { assetRows, loadAssets } from '../asset/persist.ts';
import { type AssetState, NO_ASSETS } from '../asset/types.ts';
import { ASSET_TABLES, type AssetTable, type Row, type StoredState } from '../batch.ts';
import { cursorCodec } from '../codec.ts';
import type { BlockPoint, NodeState } from '../types.ts';
import type { BackupFailure, Section } from './format.ts';

/**
 * The section `assets`: the newest blocks that the node had followed, and every record of assets as the store has it (each of its own version),
 * the transitions of assets that came from others included. Keys are not among them: they come from the words.
 */
const KIND = 'assets';
const VERSION = 1;

interface StoredRow {
  readonly table: string;
  readonly key: Bytes;
  readonly blob: Bytes;
}
const bodyCodec: Codec<{ readonly cursor: readonly BlockPoint[]; readonly rows: readonly StoredRow[] }> = versioned(
  struct({ cursor: cursorCodec, rows: list(bigsizeNumber, struct({ table: text, key: blob, blob })) }),
);

export interface BackedUpAssets {
  readonly assets: AssetState;
  readonly cursor: readonly BlockPoint[];
  /** Histories, to be stored before the assets. */
  readonly links: readonly Row[];
  /** Tables that this lnkit does not know. */
  readonly unknown: readonly string[];
}

export function assetSection({ assets, cursor }: Pick<NodeState, 'assets' | 'cursor'>, history: History): Section {
  const rows = [...assetRows(NO_ASSETS, assets), ...linksOf(assets, history)];
  const stored = rows.flatMap(({ table, key, blob }) => (blob === null ? [] : [{ table, key, blob }]));
  return { kind: KIND, version: VERSION, body: encodeWith(bodyCodec, { cursor, rows: stored }) };
}

export const isAssetSection = ({ kind, version }: Section): boolean => kind === KIND && version === VERSION;

/** Fails with STORE_VERSION: what the seed has sealed is whole, so what does not decode was written by a newer lnkit. */
export function readAssetSection({ body }: Section): Result<BackedUpAssets, BackupFailure> {
  const read = decodeWith(bodyCodec, body);
  if (!read.ok) return newer(read.failure.message);
  const tables = new Map<string, Bytes[]>(ASSET_TABLES.map((table) => [table, []]));
  const meta = new Map<string, Bytes>();
  const links: Row[] = [];
  const unknown = new Set<string>();
  for (const row of read.value.rows) {
    const known = tables.get(row.table);
    if (known !== undefined) known.push(row.blob);
    else if (row.table === 'meta') meta.set(tryText(row.key) ?? '', row.blob);
    else if (row.table === 'asset_history') links.push({ ...row, table: 'asset_history' });
    else unknown.add(row.table);
  }
  const stored = { assets: Object.fromEntries(tables) as unknown as { readonly [T in AssetTable]: readonly Bytes[] }, meta };
  try {
    const assets = loadAssets(stored as unknown as StoredState, decodedOrThrow);
    return ok({ assets, cursor: read.value.cursor, links, unknown: [...unknown] });
  } catch (error) {
    if (error instanceof Unreadable) return newer(error.message);
    throw error;
  }
}

class Unreadable extends Error {}

function decodedOrThrow<T>(name: string, codec: Codec<T>, bytes: Bytes): T {
  const read = decodeWith(codec, bytes);
  if (!read.ok) throw new Unreadable(`${name}: ${read.failure.message}`);
  return read.value;
}

/** Every link that a holding's history leads to, once. */
function linksOf(assets: AssetState, history: History): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { base } of assets.holdings.values())
    for (const head of [base.head, ...base.additionalHeads])
      for (let link = head; link !== null; ) {
        const name = toHex(link);
        if (rows.has(name)) break;
        const stored = history(link);
        const read = stored === null ? null : decodeWith(historyCodec, stored);
        if (stored === null || read === null || !read.ok) throw new RangeError('the store has lost a transition of an asset');
        rows.set(name, { table: 'asset_history', key: link, blob: stored });
        link = read.value.before;
      }
  return [...rows.values()];
}

const newer = (why: string) =>
  fail<BackupFailure>({ code: 'STORE_VERSION', message: `the assets in the backup cannot be read: ${why}`, hint: 'update lnkit' });
