import { decodeTapAddressFor } from '../../asset/address/address.ts';
import { parseCourierFor } from '../../asset/address/courier.ts';
import { ok } from '../../base/result.ts';
import type { Network } from '../../bitcoin/network.ts';
import { formatTxId } from '../../bitcoin/tx.ts';
import { type Recipient, sendRequest } from '../../node/asset/payout.ts';
import type { Anchor, AssetState, Holding } from '../../node/asset/types.ts';
import { standingFor, whileCarrying } from '../asset/couriers.ts';
import { commanded, defineOperation, refusal, usage } from '../define.ts';
import { AppError, isErrorCode } from '../error.ts';
import { units, unitsOf } from '../forms/asset.ts';
import { deliveryJson, deliverySchema } from '../forms/asset-custody.ts';
import { directRequest, directSchema } from '../forms/asset-keys.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf } from '../forms/parse.ts';
import type { OperationContext } from '../operation.ts';
import { choice, decimal, flag, list, object, text, withProperties } from '../schema.ts';

export const assetSend = defineOperation({
  name: 'asset.send',
  needs: 'chain',
  params: object(
    { addresses: list(text()), dry_run: flag() },
    {
      fee_rate_sat_per_vbyte: decimal(),
      courier: text(),
      direct: directSchema,
      note: text(),
      amount: units(),
      wait: choice(['proof'], { description: 'until the courier has the proof' }),
    },
  ),
  result: withProperties(assetSentSchema, { deliveries: list(deliverySchema) }),
  async run(context, { addresses, dry_run: dryRun, fee_rate_sat_per_vbyte: rate, courier, direct, note, amount, wait }) {
    const { assets } = context.runtime.state;
    const recipients = withAmount(
      addresses.map((each) => recipientOf(each, { network: context.network, courier })),
      amount,
    );
    if (direct !== undefined && recipients.length > 0) throw usage('a transfer goes to addresses or to keys, not to both');
    const request =
      direct === undefined
        ? sendRequest(assets, recipients)
        : ok(directRequest(direct, { state: assets, keys: context.runtime.env().walletKeys }));
    if (!request.ok) throw refusal(request.failure);
    const action = { kind: 'transfer', request: { ...request.value, note: note ?? null }, feerate: feerateOf(rate), dryRun } as const;
    const reply = await commanded(context, { kind: 'asset', what: action }, 'asset_anchor');
    if (wait === 'proof' && !dryRun) await delivered(context, reply.anchor);
    const after = context.runtime.state.assets;
    const anchor = standingFor(after, reply.anchor.txid) ?? reply.anchor;
    const shown = dryRun ? { ...after, holdings: withAll(after.holdings, reply.holdings) } : after;
    const deliveries = anchor.deliveries.map((each) => deliveryJson(shown, anchor, each));
    return { ...assetSentJson(after, reply), deliveries };
  },
});

/** Until every courier has what is its. Throws TIMEOUT. */
async function delivered(context: OperationContext, { txid, deliveries }: Anchor): Promise<void> {
  if (deliveries.length === 0) throw usage('no proof of this transfer goes to a courier', 'leave out --wait');
  const isThere = (state: AssetState): true | null =>
    standingFor(state, txid)?.deliveries.every(({ deliveredAt }) => deliveredAt !== null) === true ? true : null;
  context.progress('waiting for a confirmation and the couriers');
  await whileCarrying(context, isThere, {
    message: `transfer ${formatTxId(txid)} is sent, and its proof is not with the courier yet`,
    txid,
  });
}

const withAll = (holdings: AssetState['holdings'], more: readonly Holding[]): AssetState['holdings'] =>
  more.reduce((all, each) => all.set(each.key, each), holdings);

interface Asked {
  readonly network: Network;
  readonly courier: string | undefined;
}

/** The amount is for the addresses that leave it open; where none does it is for all, and must be what they say. */
function withAmount(recipients: readonly Recipient[], given: string | undefined): readonly Recipient[] {
  if (given === undefined) return recipients;
  const amount = unitsOf(given);
  const isOpen = recipients.some(({ address }) => address.amount === 0n);
  return recipients.map((each) => (isOpen && each.address.amount !== 0n ? each : { ...each, amount }));
}

function recipientOf(given: string, { network, courier }: Asked): Recipient {
  const address = decodeTapAddressFor(given, network);
  if (!address.ok) {
    const { code, message } = address.failure;
    throw new AppError({
      code: isErrorCode(code) ? code : 'MALFORMED',
      message,
      hint: 'the receiver makes one with `lnkit asset address`',
    });
  }
  const { version, proofCourier } = address.value;
  if (courier === undefined) return { text: given, address: address.value, courier: proofCourier };
  const chosen = parseCourierFor(version, courier);
  if (!chosen.ok) throw usage(chosen.failure.message);
  return { text: given, address: address.value, courier };
}
