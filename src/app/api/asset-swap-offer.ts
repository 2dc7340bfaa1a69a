import { toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { fileOf } from '../../node/asset/files.ts';
import { swapFile } from '../asset/swap-file.ts';
import { commanded, defineOperation, refusal, usage } from '../define.ts';
import { assetOf, units, unitsOf } from '../forms/asset.ts';
import { leaseSecondsOf } from '../forms/asset-keys.ts';
import { psbtText } from '../forms/asset-packet.ts';
import { satOfJson } from '../forms/parse.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, flag, hex, nullable, object, outpoint, text, time } from '../schema.ts';

const DAY = 86_400;

export const assetSwapOffer = defineOperation({
  name: 'asset.swap.offer',
  needs: 'chain',
  params: object({ asset: text(), amount: units(), price_sat: amount(), dry_run: flag() }, { expires_in_seconds: count() }),
  result: object({
    id: hex(32),
    asset_id: hex(32),
    amount: units(),
    price_sat: amount(),
    outpoint: outpoint(),
    expires_at: time(),
    dry_run: flag(),
    offer: nullable(
      object({
        format: text(),
        version: count(),
        network: text(),
        asset_id: hex(32),
        amount: units(),
        price_sat: amount(),
        expires_at: time(),
        virtual_psbt: text(),
        anchor_psbt: text(),
        proof: text(),
      }),
    ),
  }),
  async run(context, { asset, amount: given, price_sat: price, dry_run: dryRun, expires_in_seconds: life = DAY }) {
    const { runtime } = context;
    const { id: assetId } = assetOf(runtime.state.assets, asset);
    const offered = unitsOf(given);
    const priceSat = satOfJson(BigInt(price));
    if (offered === 0n) throw usage('there is nothing to offer');
    const request = { assetId, amount: offered, priceSat, lifeSeconds: leaseSecondsOf(life) };
    const { offer } = await commanded(context, { kind: 'asset', what: { kind: 'offer_swap', request, dryRun } }, 'asset_offer');
    const facts = { asset_id: toHex(assetId), amount: `${offered}`, expires_at: offer.expiresAt };
    const shown = {
      id: toHex(offer.id),
      ...facts,
      price_sat: jsonInteger(priceSat),
      outpoint: formatOutPoint(offer.outPoint),
      dry_run: dryRun,
    };
    if (dryRun) return { ...shown, offer: null };
    const file = fileOf(runtime.state.assets, offer.holding, (link) => runtime.store.assetHistory(link));
    if (!file.ok) throw refusal(file.failure);
    return {
      ...shown,
      offer: swapFile({
        network: context.network,
        ...facts,
        price_sat: Number(priceSat),
        virtual_psbt: psbtText(offer.virtualPsbt),
        anchor_psbt: psbtText(offer.anchorPsbt),
        proof: file.value,
      }),
    };
  },
});
