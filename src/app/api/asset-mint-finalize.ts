import { commanded, defineOperation } from '../define.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf } from '../forms/parse.ts';
import { decimal, flag, object } from '../schema.ts';

export const assetMintFinalize = defineOperation({
  name: 'asset.mint.finalize',
  needs: 'chain',
  params: object({ dry_run: flag() }, { fee_rate_sat_per_vbyte: decimal() }),
  result: assetSentSchema,
  async run(context, { dry_run: dryRun, fee_rate_sat_per_vbyte: rate }) {
    const action = { kind: 'mint_batch', feerate: feerateOf(rate), dryRun } as const;
    const reply = await commanded(context, { kind: 'asset', what: action }, 'asset_anchor');
    return assetSentJson(context.runtime.state.assets, reply);
  },
});
