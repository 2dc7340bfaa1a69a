import { decodeTapAddressFor } from '../../asset/address/address.ts';
import { parseCourierFor } from '../../asset/address/courier.ts';
import { ok } from '../../base/result.ts';
import type { Network } from '../../bitcoin/network.ts';
import { type Recipient, sendRequest } from '../../node/asset/payout.ts';
import { commanded, defineOperation, refusal, usage } from '../define.ts';
import { AppError, isErrorCode } from '../error.ts';
import { directRequest, directSchema } from '../forms/asset-keys.ts';
import { assetSentJson, assetSentSchema } from '../forms/asset-sent.ts';
import { feerateOf } from '../forms/parse.ts';
import { decimal, flag, list, object, text } from '../schema.ts';

export const assetSend = defineOperation({
  name: 'asset.send',
  needs: 'chain',
  params: object(
    { addresses: list(text()), dry_run: flag() },
    { fee_rate_sat_per_vbyte: decimal(), courier: text(), direct: directSchema, note: text() },
  ),
  result: assetSentSchema,
  async run(context, { addresses, dry_run: dryRun, fee_rate_sat_per_vbyte: rate, courier, direct, note }) {
    const { assets } = context.runtime.state;
    const recipients = addresses.map((each) => recipientOf(each, context.network, courier));
    if (direct !== undefined && recipients.length > 0) throw usage('a transfer goes to addresses or to keys, not to both');
    const request = direct === undefined ? sendRequest(assets, recipients) : ok(directRequest(assets, direct));
    if (!request.ok) throw refusal(request.failure);
    const action = { kind: 'transfer', request: { ...request.value, note: note ?? null }, feerate: feerateOf(rate), dryRun } as const;
    const reply = await commanded(context, { kind: 'asset', what: action }, 'asset_anchor');
    return assetSentJson(context.runtime.state.assets, reply);
  },
});

function recipientOf(given: string, network: Network, courier: string | undefined): Recipient {
  const address = decodeTapAddressFor(given, network);
  if (!address.ok) {
    const { code, message } = address.failure;
    throw new AppError({ code: isErrorCode(code) ? code : 'MALFORMED', message });
  }
  if (address.value.version > 1)
    throw usage('addresses of version 2 are not paid by this version of lnkit', 'ask for an address of version 1');
  if (courier === undefined) return { text: given, address: address.value, courier: address.value.proofCourier };
  const chosen = parseCourierFor(address.value.version, courier);
  if (!chosen.ok) throw usage(chosen.failure.message);
  return { text: given, address: address.value, courier };
}
