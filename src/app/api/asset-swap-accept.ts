import { assetId } from '../../asset/genesis.ts';
import { bytesSource } from '../../asset/proof/file.ts';
import { must } from '../../base/assert.ts';
import { toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { checkFile, proofError } from '../asset/check.ts';
import { readSwap } from '../asset/swap-file.ts';
import { storeHistory } from '../asset/take-in.ts';
import { commanded, defineOperation } from '../define.ts';
import { AppError } from '../error.ts';
import { units } from '../forms/asset.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf, satOfJson } from '../forms/parse.ts';
import { jsonInteger } from '../json.ts';
import { chainError } from '../node/chain-driver.ts';
import { amount, decimal, flag, hex, object, text, withProperties } from '../schema.ts';

export const assetSwapAccept = defineOperation({
  name: 'asset.swap.accept',
  needs: 'chain',
  params: object(
    { offer: text(), dry_run: flag() },
    { fee_rate_sat_per_vbyte: decimal(), max_price_sat: amount(), asset: hex(32), amount: units() },
  ),
  result: withProperties(assetSentSchema, { asset_id: hex(32), amount: units(), price_sat: amount() }),
  async run(context, params) {
    const { runtime, network, signal } = context;
    const { packet, anchor, proof, expiresAt, claims } = readSwap(params.offer, network);
    if (expiresAt <= runtime.env().now)
      throw new AppError({ code: 'EXPIRED', message: 'the offer has run out', hint: 'ask the seller for a new one' });
    const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
    const source = bytesSource(proof);
    const isKnownGroup = (key: Uint8Array): boolean => runtime.state.assets.groups.has(key);
    const checked = await checkFile(source, { chain, isKnownGroup, signal });
    if (!checked.ok) throw proofError(checked.failure);
    const { asset, outPoint } = checked.value.snapshot;
    const id = toHex(assetId(asset.genesis));
    const facts = { asset_id: id, amount: `${asset.amount}`, price_sat: `${anchor.tx.outputs[0]?.amount}` };
    // A person reads these, and pays for what was signed.
    for (const name of ['asset_id', 'amount', 'price_sat'] as const)
      if (claims[name] !== facts[name])
        throw new AppError({
          code: 'MALFORMED',
          message: `the offer says ${name} ${claims[name].slice(0, 80)}, and its signatures ${facts[name]}`,
        });
    const wrong = (what: string): AppError =>
      new AppError({ code: 'POLICY', message: `the offer is of ${what}`, hint: 'nothing was signed' });
    if (params.asset !== undefined && params.asset !== id) throw wrong(`asset ${id}`);
    if (params.amount !== undefined && params.amount !== `${asset.amount}`) throw wrong(`${asset.amount} units`);
    const output = await chain.output(outPoint);
    if (!output.ok) throw chainError(output.failure);
    if (output.value === null)
      throw new AppError({
        code: 'POLICY',
        message: `the offer has ended: ${formatOutPoint(outPoint)} is spent`,
        hint: 'ask the seller for a new one',
      });
    const file = await storeHistory(runtime.store, source, checked.value);
    const maxPriceSat = params.max_price_sat === undefined ? null : satOfJson(BigInt(params.max_price_sat));
    const rest = { maxPriceSat, feerate: feerateOf(params.fee_rate_sat_per_vbyte), dryRun: params.dry_run };
    const what = { kind: 'accept_swap', packet, anchor, file, ...rest } as const;
    const reply = await commanded(context, { kind: 'asset', what }, 'asset_anchor');
    const price = must(reply.anchor.tx.outputs[0], 'the payment').amount;
    return { ...assetSentJson(runtime.state.assets, reply), ...facts, price_sat: jsonInteger(price) };
  },
});
