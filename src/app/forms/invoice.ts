import { toHex } from '../../base/bytes.ts';
import type { PaymentHash } from '../../base/ids.ts';
import { decodeInvoiceRecord } from '../../node/persist.ts';
import type { Invoice } from '../../node/types.ts';
import { notFound } from '../define.ts';
import { jsonInteger } from '../json.ts';
import type { NodeRuntime } from '../runtime.ts';
import { amount, choice, count, flag, hex, list, nullable, object, type TypeOf, text, time } from '../schema.ts';

/** An invoice as `invoice list`, `show` and `wait` print it. */
export const invoiceSchema = object({
  payment_hash: hex(32),
  state: choice(['open', 'accepted', 'settled', 'cancelled', 'expired']),
  amount_msat: nullable(amount()),
  amount_received_msat: amount(),
  description: text(),
  bolt11: text(),
  hold: flag(),
  preimage: nullable(hex(32, { description: 'once it is settled' })),
  created_at: time(),
  expires_at: time(),
  settled_at: nullable(time()),
  htlcs: list(object({ channel_id: hex(32), id: text(), amount_msat: amount(), expiry_height: count() })),
});
export type InvoiceJson = TypeOf<typeof invoiceSchema>;

export function invoiceJson(invoice: Invoice): InvoiceJson {
  return {
    payment_hash: toHex(invoice.paymentHash),
    state: invoice.state,
    amount_msat: invoice.amountMsat === null ? null : jsonInteger(invoice.amountMsat),
    amount_received_msat: jsonInteger(invoice.receivedMsat),
    description: invoice.description,
    bolt11: invoice.bolt11,
    hold: invoice.hold,
    // Who knows the preimage of an open invoice can claim to have paid it.
    preimage: invoice.state === 'settled' && invoice.preimage !== null ? toHex(invoice.preimage) : null,
    created_at: invoice.createdAt,
    expires_at: invoice.expiresAt,
    settled_at: invoice.settledAt,
    htlcs: invoice.htlcs.map((htlc) => ({
      channel_id: toHex(htlc.channelId),
      id: `${htlc.htlcId}`,
      amount_msat: jsonInteger(htlc.amountMsat),
      expiry_height: htlc.cltvExpiry,
    })),
  };
}

/** The invoice in memory, or in the store where it is finished. Throws NOT_FOUND. */
export function findInvoice(runtime: NodeRuntime, hash: PaymentHash): Invoice {
  const open = runtime.state.invoices.get(hash);
  if (open !== undefined) return open;
  const blob = runtime.store.invoice(hash);
  if (blob === null) throw notFound(`there is no invoice ${toHex(hash)}`, '`lnkit invoice list` shows them');
  return decodeInvoiceRecord(blob);
}
