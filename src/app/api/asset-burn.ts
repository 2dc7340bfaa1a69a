import { TAP_VERSION } from '../../asset/commitment/tap-commitment.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { assetOf, units, unitsOf } from '../forms/asset.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf } from '../forms/parse.ts';
import { decimal, flag, object, text } from '../schema.ts';

export const assetBurn = defineOperation({
  name: 'asset.burn',
  needs: 'chain',
  params: object({ asset: text(), amount: units(), dry_run: flag() }, { fee_rate_sat_per_vbyte: decimal(), note: text() }),
  result: assetSentSchema,
  async run(context, { asset, amount, dry_run: dryRun, fee_rate_sat_per_vbyte: rate, note }) {
    const { id } = assetOf(context.runtime.state.assets, asset);
    const burnt = unitsOf(amount);
    if (burnt === 0n) throw usage('there is nothing to burn');
    const request = {
      kind: 'burn',
      payouts: [{ kind: 'burn', assetId: id, amount: burnt }],
      commitmentVersion: TAP_VERSION.V2,
      note: note ?? null,
    } as const;
    const action = { kind: 'transfer', request, feerate: feerateOf(rate), dryRun } as const;
    const reply = await commanded(context, { kind: 'asset', what: action }, 'asset_anchor');
    return assetSentJson(context.runtime.state.assets, reply);
  },
});
