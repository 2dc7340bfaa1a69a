import { assetId, assetName } from '../../asset/genesis.ts';
import { isBurn, isTombstone } from '../../asset/keys.ts';
import { toHex } from '../../base/bytes.ts';
import { formatBlockHash } from '../../bitcoin/block.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { CheckedFile } from '../asset/check.ts';
import { count, flag, hex, nullable, object, outpoint, type TypeOf, text } from '../schema.ts';
import { typeName, units } from './asset.ts';

/** What a valid proof file says. */
export const provedSchema = object({
  asset_id: hex(32),
  group_key: nullable(hex(33)),
  name: nullable(text()),
  type: text(),
  amount: units(),
  script_key: hex(33),
  outpoint: outpoint(),
  block_height: count(),
  block_hash: hex(32),
  transitions: count(),
  burnt: flag(),
  tombstone: flag(),
});

export type ProvedJson = TypeOf<typeof provedSchema>;

export function provedJson({ snapshot, transitions }: Pick<CheckedFile, 'snapshot' | 'transitions'>): ProvedJson {
  const { asset, outPoint, blockHeight, blockHash } = snapshot;
  return {
    asset_id: toHex(assetId(asset.genesis)),
    group_key: asset.groupKey === null ? null : toHex(asset.groupKey),
    name: assetName(asset.genesis),
    type: typeName(asset.genesis.type),
    amount: `${asset.amount}`,
    script_key: toHex(asset.scriptKey),
    outpoint: formatOutPoint(outPoint),
    block_height: blockHeight,
    block_hash: formatBlockHash(blockHash),
    transitions,
    burnt: isBurn(asset),
    tombstone: isTombstone(asset),
  };
}
