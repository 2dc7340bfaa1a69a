import { fromHex, toHex } from '../../base/bytes.ts';
import type { Preimage } from '../../base/ids.ts';
import { blocks } from '../../base/units.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { hashOf, msatOfJson } from '../forms/parse.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, flag, hex, nullable, object, text, time } from '../schema.ts';

const DEFAULT_EXPIRY_SECONDS = 24 * 3600;

export const invoiceCreate = defineOperation({
  name: 'invoice.create',
  needs: 'peers',
  params: object(
    { amount_msat: nullable(amount()) },
    { description: text(), expiry_seconds: count(), cltv: count(), private_hints: flag(), hold: hex(32), preimage: hex(32) },
  ),
  result: object({
    bolt11: text(),
    payment_hash: hex(32),
    payment_secret: hex(32),
    amount_msat: nullable(amount()),
    description: text(),
    expires_at: time(),
    hold: flag(),
  }),
  async run(context, params) {
    if (params.hold !== undefined && params.preimage !== undefined)
      throw usage('a hold invoice has no preimage here: give --hold or --preimage');
    const command = {
      kind: 'create_invoice',
      amountMsat: params.amount_msat === null ? null : msatOfJson(params.amount_msat),
      description: params.description ?? '',
      expirySeconds: params.expiry_seconds ?? DEFAULT_EXPIRY_SECONDS,
      minFinalCltvExpiryDelta: params.cltv === undefined ? null : blocks(params.cltv),
      privateHints: params.private_hints === true,
      holdHash: params.hold === undefined ? null : hashOf(params.hold),
      preimage: params.preimage === undefined ? null : (fromHex(params.preimage) as Preimage),
    } as const;
    const { invoice } = await commanded(context, command, 'invoice');
    return {
      bolt11: invoice.bolt11,
      payment_hash: toHex(invoice.paymentHash),
      payment_secret: toHex(invoice.paymentSecret),
      amount_msat: invoice.amountMsat === null ? null : jsonInteger(invoice.amountMsat),
      description: invoice.description,
      expires_at: invoice.expiresAt,
      hold: invoice.hold,
    };
  },
});
