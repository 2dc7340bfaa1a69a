import { toHex } from '../../base/bytes.ts';
import { encodeTx, formatTxId } from '../../bitcoin/tx.ts';
import type { AssetState } from '../../node/asset/types.ts';
import type { NodeReply } from '../../node/types.ts';
import { flag, hex, list, object, type TypeOf } from '../schema.ts';
import { costJson, costSchema, holdingJson, holdingSchema } from './asset.ts';

/** A transaction with assets that was made and (unless it is a dry run) published. */
export const assetSentSchema = object({
  txid: hex(32),
  published: flag(),
  dry_run: flag(),
  cost: costSchema,
  assets: list(holdingSchema),
  tx: hex(),
});

export function assetSentJson(
  state: AssetState,
  reply: Extract<NodeReply, { readonly kind: 'asset_anchor' }>,
): TypeOf<typeof assetSentSchema> {
  const { anchor, holdings, cost, published } = reply;
  // Of a dry run nothing is in the state.
  const seen = { ...state, anchors: state.anchors.set(anchor.txid, anchor) };
  return {
    txid: formatTxId(anchor.txid),
    published,
    dry_run: !published,
    cost: costJson(cost),
    assets: holdings.map((holding) => holdingJson(seen, holding)),
    tx: toHex(encodeTx(anchor.tx)),
  };
}
