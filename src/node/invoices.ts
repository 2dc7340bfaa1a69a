import { equal } from '../base/bytes.ts';
import type { CommandId, PaymentHash, Preimage, ShortChannelId } from '../base/ids.ts';
import { blocks, type Msat, msat, unixTime } from '../base/units.ts';
import { view } from '../bolt/channel/view.ts';
import { encodeInvoice, signWith } from '../bolt/invoice/encode.ts';
import type { RouteHintHop } from '../bolt/invoice/types.ts';
import { invoiceFeatures } from '../bolt/wire/features.ts';
import { decodeMessage } from '../bolt/wire/message.ts';
import { sha256 } from '../crypto/hash.ts';
import { type Draft, refuse, reply } from './draft.ts';
import { HOLD_MARGIN_BLOCKS, LEAST_CLTV_DELTA, release, setInvoice, settle } from './receive.ts';
import type { Invoice, NodeCommand } from './types.ts';

/** BOLT 11's default is 18; we ask for room to claim on chain. */
const MIN_FINAL_CLTV_EXPIRY_DELTA = blocks(40);
/** More than this no payer locks its money up for. */
const MAX_FINAL_CLTV_EXPIRY_DELTA = 1440;
/** Blocks that a hold invoice leaves at least between its payment and the height at which it is given back. */
const LEAST_HOLD_BLOCKS = 9;
/** Hints cost space in the invoice: the channels that can receive most come first. */
const MAX_HINTS = 4;
const MAX_EXPIRY_SECONDS = 365 * 24 * 3600;
const MAX_DESCRIPTION_BYTES = 639;

export function createInvoice(draft: Draft, id: CommandId, command: Extract<NodeCommand, { kind: 'create_invoice' }>): void {
  const preimage = command.holdHash === null ? (command.preimage ?? (draft.env.random(32) as Preimage)) : null;
  const paymentHash = command.holdHash ?? (sha256(preimage as Preimage) as PaymentHash);
  const wrong = problem(draft, command, paymentHash);
  if (wrong !== null) {
    refuse(draft, id, wrong);
    return;
  }
  const paymentSecret = draft.env.random(32);
  const delta = command.minFinalCltvExpiryDelta ?? MIN_FINAL_CLTV_EXPIRY_DELTA;
  const bolt11 = encodeInvoice(
    {
      network: draft.env.network,
      amount: command.amountMsat,
      timestamp: draft.env.now,
      paymentHash,
      paymentSecret,
      description: command.description,
      descriptionHash: null,
      expiry: command.expirySeconds,
      minFinalCltvExpiryDelta: delta,
      features: invoiceFeatures(),
      fallbacks: [],
      routes: hints(draft, command.privateHints),
      paymentMetadata: null,
      payeeField: null,
      unknownFields: [],
    },
    signWith(draft.env.keys.nodeSecret),
  );
  const invoice: Invoice = {
    paymentHash,
    preimage,
    hold: command.holdHash !== null,
    paymentSecret,
    bolt11,
    amountMsat: command.amountMsat,
    description: command.description,
    createdAt: draft.env.now,
    expiresAt: unixTime(draft.env.now + command.expirySeconds),
    minFinalCltvExpiryDelta: delta,
    state: 'open',
    receivedMsat: msat(0),
    settledAt: null,
    htlcs: [],
  };
  setInvoice(draft, invoice);
  reply(draft, id, { kind: 'invoice', invoice });
}

function problem(draft: Draft, command: Extract<NodeCommand, { kind: 'create_invoice' }>, hash: PaymentHash) {
  if (draft.state.invoices.has(hash) || draft.env.hasInvoice?.(hash) === true)
    return { code: 'POLICY', message: 'there is an invoice for this payment hash already', hint: 'use a fresh preimage' };
  if (command.amountMsat !== null && command.amountMsat <= 0n)
    return { code: 'USAGE', message: 'an amount is more than zero', hint: 'use `any` for an open amount' };
  const delta = command.minFinalCltvExpiryDelta ?? MIN_FINAL_CLTV_EXPIRY_DELTA;
  const least = command.holdHash === null ? LEAST_CLTV_DELTA : HOLD_MARGIN_BLOCKS + LEAST_HOLD_BLOCKS;
  if (delta < least || delta > MAX_FINAL_CLTV_EXPIRY_DELTA)
    return { code: 'USAGE', message: `a final cltv delta is from ${least} to ${MAX_FINAL_CLTV_EXPIRY_DELTA} blocks` };
  if (command.expirySeconds < 1 || command.expirySeconds > MAX_EXPIRY_SECONDS)
    return { code: 'USAGE', message: 'an expiry is from 1 second to a year' };
  if (new TextEncoder().encode(command.description).length > MAX_DESCRIPTION_BYTES)
    return { code: 'USAGE', message: `a description has at most ${MAX_DESCRIPTION_BYTES} bytes` };
  return null;
}

/** Private channels as route hints (BOLT 11 `r`), with what the peer asks for its direction. */
function hints(draft: Draft, always: boolean): readonly (readonly RouteHintHop[])[] {
  const found: { readonly hop: RouteHintHop; readonly receivable: Msat }[] = [];
  let reachable = false;
  for (const channel of draft.state.channels.values()) {
    const seen = view(channel);
    if (seen.phase !== 'normal') continue;
    const extras = draft.state.extras.get(seen.channelId);
    if (seen.isPublic && extras?.announcement != null) {
      reachable = true;
      if (!always) continue;
    }
    // The peer knows the channel by the alias that it sent us.
    const shortChannelId: ShortChannelId | null = seen.remoteAlias ?? seen.scid;
    if (shortChannelId === null || extras?.remoteUpdate == null) continue;
    const update = decodeMessage(extras.remoteUpdate);
    if (!update.ok || update.value.name !== 'channel_update') continue;
    const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta } = update.value;
    found.push({
      hop: { nodeId: seen.peer, shortChannelId, feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta },
      receivable: seen.receivableMsat,
    });
  }
  // A node that is in the graph hides its private channels unless it is asked to tell.
  if (reachable && !always) return [];
  found.sort((a, b) => (a.receivable > b.receivable ? -1 : a.receivable < b.receivable ? 1 : 0));
  return found.slice(0, MAX_HINTS).map(({ hop }) => [hop]);
}

export function cancelInvoice(draft: Draft, id: CommandId, paymentHash: PaymentHash): void {
  const invoice = draft.state.invoices.get(paymentHash);
  if (invoice === undefined || (invoice.state !== 'open' && invoice.state !== 'accepted')) {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'no invoice with this payment hash waits for a payment' });
    return;
  }
  release(draft, invoice, 'cancelled', 'incorrect_or_unknown_payment_details');
  reply(draft, id, { kind: 'invoice', invoice: draft.state.invoices.get(paymentHash) as Invoice });
}

export function settleInvoice(draft: Draft, id: CommandId, preimage: Preimage): void {
  const paymentHash = sha256(preimage) as PaymentHash;
  const invoice = draft.state.invoices.get(paymentHash);
  if (invoice === undefined || !equal(invoice.paymentHash, paymentHash)) {
    refuse(draft, id, { code: 'NOT_FOUND', message: 'no open invoice has the hash of this preimage' });
    return;
  }
  if (invoice.state !== 'accepted') {
    refuse(draft, id, { code: 'POLICY', message: `the invoice is ${invoice.state}, not accepted: there is nothing to settle yet` });
    return;
  }
  settle(draft, invoice, preimage);
  reply(draft, id, { kind: 'invoice', invoice: draft.state.invoices.get(paymentHash) as Invoice });
}
