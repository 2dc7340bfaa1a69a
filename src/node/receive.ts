import { EMPTY, equal, equalSecret, toHex } from '../base/bytes.ts';
import type { ChannelId, PaymentHash, Preimage } from '../base/ids.ts';
import { type Blocks, blocks, type Msat, msat, unixTime } from '../base/units.ts';
import { FULFILLED_MARGIN } from '../bolt/channel/limits.ts';
import type { HopPayload } from '../bolt/onion/payload.ts';
import type { OnionFailure } from '../bolt/wire/failure.ts';
import { sha256 } from '../crypto/hash.ts';
import { feed } from './channels.ts';
import { type Draft, log, update } from './draft.ts';
import { failHtlc, type Incoming } from './incoming.ts';
import type { Invoice, InvoiceHtlc } from './types.ts';

/** BOLT 4: "MUST fail all HTLCs in the HTLC set after some reasonable timeout. SHOULD wait for at least 60 seconds" */
const MPP_TIMEOUT_SECONDS = 60;
/**
 * Below so many blocks a preimage is not told any more: the channel would have to be failed at once. BOLT 2: "a minimum cltv_expiry for
 * terminal payments [...] 2R+G+S", which is 18.
 */
export const LEAST_CLTV_DELTA: Blocks = FULFILLED_MARGIN;
/** Blocks before its expiry at which a held HTLC is given back: one that is settled in the last moment still has the time that it needs. */
export const HOLD_MARGIN_BLOCKS: Blocks = blocks(LEAST_CLTV_DELTA + 3);

type Final = Extract<HopPayload, { kind: 'final' }>;

/** Takes an HTLC that ends here into the set of its invoice, and settles the set when it is complete (BOLT 4, "Basic Multi-Part Payments"). */
export function receive(draft: Draft, part: Incoming, payload: Final): void {
  const failure = wrongAmounts(part, payload);
  if (failure !== null) {
    failHtlc(draft, part, failure);
    return;
  }
  const invoice = draft.state.invoices.get(part.htlc.paymentHash) ?? spontaneous(draft, part, payload);
  if (invoice === null || !fits(draft, part, payload, invoice)) {
    failHtlc(draft, part, unknownDetails(draft, part));
    return;
  }
  const htlc: InvoiceHtlc = {
    channelId: part.channelId,
    htlcId: part.htlc.id,
    amountMsat: part.htlc.amountMsat,
    totalMsat: payload.totalMsat,
    cltvExpiry: part.htlc.cltvExpiry,
    sharedSecret: part.sharedSecret,
    receivedAt: draft.env.now,
  };
  const htlcs = [...invoice.htlcs, htlc];
  const held = { ...invoice, htlcs };
  const sum = total(htlcs);
  if (sum < payload.totalMsat) {
    setInvoice(draft, held);
    return;
  }
  if (held.preimage !== null) settle(draft, held, held.preimage);
  else setInvoice(draft, { ...held, state: 'accepted', receivedMsat: sum });
}

const total = (htlcs: readonly InvoiceHtlc[]): Msat => htlcs.reduce((sum, htlc) => (sum + htlc.amountMsat) as Msat, msat(0));

function wrongAmounts({ htlc }: Incoming, payload: Final): OnionFailure | null {
  // BOLT 4: the last node refuses when it is not given what the origin meant it to have.
  if (htlc.amountMsat < payload.amtToForward) return { name: 'final_incorrect_htlc_amount', incomingHtlcAmt: htlc.amountMsat };
  if (htlc.cltvExpiry < payload.outgoingCltvValue) return { name: 'final_incorrect_cltv_expiry', cltvExpiry: htlc.cltvExpiry };
  return null;
}

/** BOLT 4: one answer for all that is wrong, so that nobody can probe which invoices exist. */
const unknownDetails = (draft: Draft, part: Incoming): OnionFailure => ({
  name: 'incorrect_or_unknown_payment_details',
  htlcMsat: part.htlc.amountMsat,
  height: draft.env.height,
});

function fits(draft: Draft, part: Incoming, payload: Final, invoice: Invoice): boolean {
  const keysend = payload.keysendPreimage !== null && invoice.bolt11 === '';
  if (invoice.state !== 'open') return false;
  if (draft.env.now >= invoice.expiresAt && invoice.htlcs.length === 0) return false;
  if (!keysend && (payload.paymentSecret === null || !equalSecret(payload.paymentSecret, invoice.paymentSecret))) return false;
  // BOLT 4: "if the amount paid is less than the amount expected: MUST fail ... if more than twice: SHOULD fail"
  if (invoice.amountMsat !== null && (payload.totalMsat < invoice.amountMsat || payload.totalMsat > 2n * invoice.amountMsat)) return false;
  if (part.htlc.cltvExpiry < draft.env.height + Math.max(invoice.minFinalCltvExpiryDelta, LEAST_CLTV_DELTA)) return false;
  // BOLT 4: "MUST fail the entire HTLC set if total_msat is not the same for all HTLCs in the set." The one that differs is refused.
  return invoice.htlcs.every((htlc) => htlc.totalMsat === payload.totalMsat);
}

/** A payment that nobody asked for, whose preimage travels in the onion. */
function spontaneous(draft: Draft, { htlc }: Incoming, payload: Final): Invoice | null {
  const preimage = payload.keysendPreimage;
  if (preimage === null || !equal(sha256(preimage), htlc.paymentHash)) return null;
  // All at once or not at all: parts that only wait would make rows that cost their sender nothing.
  if (htlc.amountMsat < payload.totalMsat) return null;
  // Whoever carried a payment knows its preimage: an invoice that has ended is not paid once more, nor its record written over.
  if (draft.env.hasInvoice?.(htlc.paymentHash) === true) return null;
  return {
    paymentHash: htlc.paymentHash,
    preimage,
    hold: false,
    paymentSecret: EMPTY,
    bolt11: '',
    amountMsat: null,
    description: 'keysend',
    createdAt: draft.env.now,
    expiresAt: unixTime(draft.env.now + MPP_TIMEOUT_SECONDS),
    minFinalCltvExpiryDelta: LEAST_CLTV_DELTA,
    state: 'open',
    receivedMsat: msat(0),
    settledAt: null,
    htlcs: [],
  };
}

export function setInvoice(draft: Draft, invoice: Invoice): void {
  update(draft, { invoices: draft.state.invoices.set(invoice.paymentHash, invoice) });
}

/** Claims every part of a complete set. What the channels have taken is durable with the invoice's state, in one commit. */
export function settle(draft: Draft, invoice: Invoice, preimage: Preimage): void {
  const receivedMsat = total(invoice.htlcs);
  setInvoice(draft, { ...invoice, preimage, state: 'settled', receivedMsat, settledAt: draft.env.now, htlcs: [] });
  for (const htlc of invoice.htlcs)
    feed(draft, htlc.channelId, { kind: 'fulfill_htlc', htlcId: htlc.htlcId, preimage, attributionData: null });
  log(draft, 'info', `received ${receivedMsat} msat for ${toHex(invoice.paymentHash)}`);
}

/** Gives back every part that is held, and leaves the invoice in `state`. */
export function release(
  draft: Draft,
  invoice: Invoice,
  state: Invoice['state'],
  failure: 'mpp_timeout' | 'incorrect_or_unknown_payment_details',
): void {
  setInvoice(draft, { ...invoice, state, htlcs: [], receivedMsat: msat(0) });
  for (const held of invoice.htlcs) {
    const part: Incoming = {
      channelId: held.channelId,
      htlc: { id: held.htlcId, amountMsat: held.amountMsat, paymentHash: invoice.paymentHash, cltvExpiry: held.cltvExpiry },
      sharedSecret: held.sharedSecret,
    };
    failHtlc(draft, part, failure === 'mpp_timeout' ? { name: 'mpp_timeout' } : unknownDetails(draft, part));
  }
}

/** Time or blocks passed: incomplete sets, expired invoices, and held HTLCs that come near their expiry. */
export function tickInvoices(draft: Draft): void {
  const { now, height } = draft.env;
  for (const invoice of draft.state.invoices.values()) {
    if (invoice.state === 'open') {
      const first = invoice.htlcs[0];
      const late = first !== undefined && now - first.receivedAt >= MPP_TIMEOUT_SECONDS;
      const near = invoice.htlcs.some((htlc) => height + LEAST_CLTV_DELTA > htlc.cltvExpiry);
      if (late || near) release(draft, invoice, now >= invoice.expiresAt ? 'expired' : 'open', 'mpp_timeout');
      else if (first === undefined && now >= invoice.expiresAt) setInvoice(draft, { ...invoice, state: 'expired' });
    } else if (invoice.state === 'accepted' && invoice.htlcs.some((htlc) => height + HOLD_MARGIN_BLOCKS >= htlc.cltvExpiry))
      release(draft, invoice, 'cancelled', 'incorrect_or_unknown_payment_details');
  }
}

/** An HTLC that an invoice held is gone without us. */
export function forgetHtlc(
  draft: Draft,
  paymentHash: PaymentHash,
  gone: { readonly channelId: Uint8Array; readonly htlcId: bigint },
): void {
  const invoice = draft.state.invoices.get(paymentHash);
  if (invoice !== undefined) without(draft, invoice, (htlc) => htlc.htlcId === gone.htlcId && equal(htlc.channelId, gone.channelId));
}

/**
 * A channel is on its way to the chain: what it holds for invoices whose preimage is not told counts no more. Else a payer who is our peer could
 * fail the channel of the large part and complete the set with a small one, and have the preimage for that.
 */
export function forgetChannel(draft: Draft, channelId: ChannelId): void {
  for (const invoice of draft.state.invoices.values()) without(draft, invoice, (htlc) => equal(htlc.channelId, channelId));
}

function without(draft: Draft, invoice: Invoice, isGone: (htlc: InvoiceHtlc) => boolean): void {
  const htlcs = invoice.htlcs.filter((htlc) => !isGone(htlc));
  if (htlcs.length === invoice.htlcs.length) return;
  const rest = { ...invoice, htlcs };
  // A set that was complete and is not any more is given back as a whole: to settle it would be to sell for less.
  if (invoice.state === 'accepted') release(draft, rest, 'cancelled', 'incorrect_or_unknown_payment_details');
  else setInvoice(draft, rest);
}
