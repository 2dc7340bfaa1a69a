import { commanded, defineOperation } from '../define.ts';
import { batchDetailJson, batchDetailSchema, siblingOf } from '../forms/asset-batch.ts';
import { feerateOf } from '../forms/parse.ts';
import { decimal, flag, hex, object } from '../schema.ts';

export const assetMintFund = defineOperation({
  name: 'asset.mint.fund',
  needs: 'chain',
  params: object(
    { dry_run: flag() },
    {
      fee_rate_sat_per_vbyte: decimal(),
      sibling_leaf: hex(undefined, { description: 'a script beside the assets in the script tree of their output' }),
      sibling_branch: hex(64, { description: 'the two hashes of a branch there' }),
    },
  ),
  result: batchDetailSchema,
  async run(context, { dry_run: dryRun, fee_rate_sat_per_vbyte: rate, sibling_leaf: leaf, sibling_branch: branch }) {
    const action = { kind: 'fund_batch', feerate: feerateOf(rate), sibling: siblingOf({ leaf, branch }), dryRun } as const;
    return batchDetailJson(await commanded(context, { kind: 'asset', what: action }, 'asset_batch'));
  },
});
