import { type Bytes, equal } from '../../base/bytes.ts';
import type { AssetState, Holding } from '../../node/asset/types.ts';
import { defineOperation } from '../define.ts';
import { type BatchJson, batchJson, batchSchema, mintedJson } from '../forms/asset-batch.ts';
import { list, object } from '../schema.ts';

export const assetMintList = defineOperation({
  name: 'asset.mint.list',
  needs: 'chain',
  params: object({}),
  result: object({ batches: list(batchSchema) }),
  run: async ({ runtime }) => ({ batches: batchesOf(runtime.state.assets) }),
});

/** The open one, those that were minted, and those that were dropped, each newest first. */
export function batchesOf(state: AssetState): readonly BatchJson[] {
  const minted = [...state.anchors.values()].filter(({ kind }) => kind === 'mint').sort((a, b) => b.createdAt - a.createdAt);
  return [
    ...(state.batch === null ? [] : [batchJson(state.batch, { assets: null, cancelledAt: null })]),
    ...minted.map((anchor) => mintedJson(state, anchor, madeIn(state, anchor.txid))),
    ...state.cancelled.map(({ batch, cancelledAt }) => batchJson(batch, { assets: null, cancelledAt })),
  ];
}

/** What a minting made. */
const madeIn = (state: AssetState, txid: Bytes): readonly Holding[] =>
  [...state.holdings.values()].filter((holding) => equal(holding.facts.outPoint.txid, txid) && holding.proof.genesisReveal !== null);
