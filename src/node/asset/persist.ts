import { assetId } from '../../asset/genesis.ts';
import { type Bytes, utf8 } from '../../base/bytes.ts';
import { type BytesMap, bytesMap } from '../../base/bytes-map.ts';
import type { TxId } from '../../base/ids.ts';
import { type Codec, encodeWith } from '../../codec/codec.ts';
import type { AssetTable, Row, StoredState } from '../batch.ts';
import { numberCodec } from '../codec.ts';
import { batchesCodec, groupCodec } from './batch-codec.ts';
import { addressRecordCodec, anchorCodec, holdingCodec, keyHistoryCodec, knownCodec, leasesCodec } from './codec.ts';
import { atRest } from './holding.ts';
import { NO_HISTORY } from './key-range.ts';
import type { AssetState } from './types.ts';

const BATCHES = utf8('asset_batch');
const LEASES = utf8('asset_leases');
const KEY_HISTORY = utf8('asset_key_history');
const KEY_INDEX = utf8('asset_key_index');

/** Everything in which two states of the assets differ, as rows. */
export function assetRows(before: AssetState, after: AssetState): Row[] {
  if (before === after) return [];
  const rows: Row[] = [
    ...rowsOf('asset_anchor', anchorCodec, before.anchors, after.anchors),
    ...rowsOf('asset', holdingCodec, before.holdings, after.holdings),
    ...rowsOf('asset_known', knownCodec, before.known, after.known),
    ...rowsOf('asset_group', groupCodec, before.groups, after.groups),
    ...rowsOf('asset_address', addressRecordCodec, before.addresses, after.addresses),
  ];
  if (before.batch !== after.batch || before.cancelled !== after.cancelled)
    rows.push({ table: 'meta', key: BATCHES, blob: encodeWith(batchesCodec, after) });
  if (before.leases !== after.leases) rows.push({ table: 'meta', key: LEASES, blob: encodeWith(leasesCodec, after.leases) });
  if (before.keyHistory !== after.keyHistory)
    rows.push({ table: 'meta', key: KEY_HISTORY, blob: encodeWith(keyHistoryCodec, after.keyHistory) });
  if (before.nextKeyIndex !== after.nextKeyIndex)
    rows.push({ table: 'meta', key: KEY_INDEX, blob: encodeWith(numberCodec, after.nextKeyIndex) });
  return rows;
}

const rowsOf = <K extends Bytes, V>(table: AssetTable, codec: Codec<V>, before: BytesMap<K, V>, after: BytesMap<K, V>): Row[] =>
  [...after.changesSince(before)].map(([key, value]) => ({ table, key, blob: value === undefined ? null : encodeWith(codec, value) }));

/** What changed and is committed need not be decoded any more. */
export function restAssets(state: AssetState, since: AssetState): AssetState {
  let { holdings } = state;
  for (const [key, holding] of holdings.changesSince(since.holdings))
    if (holding !== undefined) holdings = holdings.set(key, atRest(holding));
  return holdings === state.holdings ? state : { ...state, holdings };
}

/** The assets as they were stored. `read` decodes a blob or throws. */
export function loadAssets(stored: StoredState, read: <T>(name: string, codec: Codec<T>, blob: Bytes) => T): AssetState {
  const all = <T>(table: AssetTable, codec: Codec<T>): readonly T[] =>
    (stored.assets?.[table] ?? []).map((blob) => read(table, codec, blob));
  const batches = stored.meta.get('asset_batch');
  const keyHistory = stored.meta.get('asset_key_history');
  const keyIndex = stored.meta.get('asset_key_index');
  const leases = stored.meta.get('asset_leases');
  return {
    keyHistory: keyHistory === undefined ? NO_HISTORY : read('asset_key_history', keyHistoryCodec, keyHistory),
    nextKeyIndex: keyIndex === undefined ? 0 : read('asset_key_index', numberCodec, keyIndex),
    ...(batches === undefined ? { batch: null, cancelled: [] } : read('asset_batch', batchesCodec, batches)),
    anchors: bytesMap(all('asset_anchor', anchorCodec).map((each) => [each.txid as TxId, each] as const)),
    holdings: bytesMap(all('asset', holdingCodec).map((each) => [each.key, each] as const)),
    known: bytesMap(all('asset_known', knownCodec).map((each) => [assetId(each.genesis), each] as const)),
    groups: bytesMap(all('asset_group', groupCodec).map((each) => [each.groupKey, each] as const)),
    addresses: bytesMap(all('asset_address', addressRecordCodec).map((each) => [each.script, each] as const)),
    leases: leases === undefined ? [] : read('asset_leases', leasesCodec, leases),
  };
}
