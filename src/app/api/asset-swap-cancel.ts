import { toHex, tryHex } from '../../base/bytes.ts';
import { equalOutPoint } from '../../bitcoin/tx.ts';
import { isHeld } from '../../node/asset/select.ts';
import { commanded, defineOperation, notFound, usage } from '../define.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf } from '../forms/parse.ts';
import { decimal, flag, object, text } from '../schema.ts';

export const assetSwapCancel = defineOperation({
  name: 'asset.swap.cancel',
  needs: 'chain',
  params: object({ offer: text(), dry_run: flag() }, { fee_rate_sat_per_vbyte: decimal() }),
  result: assetSentSchema,
  async run(context, { offer, dry_run: dryRun, fee_rate_sat_per_vbyte: rate }) {
    const { assets } = context.runtime.state;
    if (tryHex(offer.length % 2 === 0 ? offer : `${offer}0`) === null) throw usage(`"${offer}" is no id of an offer`);
    const found = assets.leases.filter(({ purpose, id }) => purpose !== 'packet' && toHex(id).startsWith(offer.toLowerCase()));
    const [lease] = found;
    if (lease === undefined || found.length > 1)
      throw notFound(`there is no offer ${offer}`, '`lnkit asset swap list` shows those that are open');
    const holding = [...assets.holdings.values()].find(
      (each) => equalOutPoint(each.facts.outPoint, lease.outPoint) && isHeld(assets, each),
    );
    if (holding === undefined) throw notFound('what was offered is spent');
    const { assetId, amount } = holding.facts;
    const move = { kind: 'move_asset', assetId, amount, from: lease.outPoint, note: 'an offer withdrawn' } as const;
    const what = { ...move, feerate: feerateOf(rate), dryRun } as const;
    const reply = await commanded(context, { kind: 'asset', what }, 'asset_anchor');
    return assetSentJson(context.runtime.state.assets, reply);
  },
});
