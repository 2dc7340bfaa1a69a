import { commanded, defineOperation, usage } from '../define.ts';
import { assetOf, units, unitsOf } from '../forms/asset.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf } from '../forms/parse.ts';
import { decimal, flag, object, text } from '../schema.ts';

export const assetSplit = defineOperation({
  name: 'asset.split',
  needs: 'chain',
  params: object({ asset: text(), amount: units(), dry_run: flag() }, { fee_rate_sat_per_vbyte: decimal() }),
  result: assetSentSchema,
  async run(context, { asset, amount, dry_run: dryRun, fee_rate_sat_per_vbyte: rate }) {
    const { id } = assetOf(context.runtime.state.assets, asset);
    const moved = unitsOf(amount);
    if (moved === 0n) throw usage('there is nothing to split off');
    const action = { kind: 'move_asset', assetId: id, amount: moved, from: null, note: null, feerate: feerateOf(rate), dryRun } as const;
    const reply = await commanded(context, { kind: 'asset', what: action }, 'asset_anchor');
    return assetSentJson(context.runtime.state.assets, reply);
  },
});
