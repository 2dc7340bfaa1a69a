import { toHex } from '../../base/bytes.ts';
import { formatScid } from '../../base/ids.ts';
import type { Payment, PaymentPart } from '../../node/types.ts';
import { showMsat } from '../amount.ts';

interface Attempt {
  readonly part: number;
  readonly status: PaymentPart['status'];
  readonly where: string | null;
  readonly what: string;
  readonly help: string | null;
}

/** BOLT 4's failures in a sentence each, with what the sender can do. */
const REASONS: { readonly [reason: string]: readonly [what: string, help: string | null] } = {
  temporary_channel_failure: [
    'a channel on the way cannot carry this amount now',
    'try a smaller amount, more parts (--max-parts), or later',
  ],
  unknown_next_peer: ['a node on the way no longer has the next channel', 'the graph is stale: sync it, then try again'],
  permanent_channel_failure: ['a channel on the way is gone', 'sync the graph, then try again'],
  temporary_node_failure: ['a node on the way has trouble', 'try later, or leave it out with --exclude'],
  permanent_node_failure: ['a node on the way is out of service', 'leave it out with --exclude'],
  fee_insufficient: ['a node on the way asks for a higher fee than the graph says', 'try again: its new policy is known now'],
  incorrect_cltv_expiry: ['a node on the way asks for other delays than the graph says', 'try again: its new policy is known now'],
  amount_below_minimum: ['a part is below what a channel on the way takes', 'use fewer parts (--max-parts)'],
  expiry_too_soon: ['the HTLC would have expired too soon for a node on the way', 'check that this node follows the chain'],
  expiry_too_far: ['the route would hold the money for too long', 'leave slow nodes out with --exclude'],
  channel_disabled: ['a channel on the way is switched off', 'try again: another route is taken'],
  mpp_timeout: ['the destination did not get all parts in time', 'use fewer parts (--max-parts), or try again'],
  incorrect_or_unknown_payment_details: [
    'the destination does not know this invoice, has cancelled it, or it was paid already',
    'ask for a new invoice',
  ],
  required_channel_feature_missing: ['a channel on the way needs a feature that lnkit does not have', 'leave it out with --exclude'],
  required_node_feature_missing: ['a node on the way needs a feature that lnkit does not have', 'leave it out with --exclude'],
  unreadable: ['the failure cannot be read: a node on the way garbled it', 'try again: the route is avoided'],
};

/** Says of each part what became of it and where, and of the whole what would help. */
export function explainPayment(payment: Payment): { readonly verdict: string; readonly attempts: readonly Attempt[] } {
  return { verdict: verdictOf(payment), attempts: payment.parts.map(attemptOf) };
}

function attemptOf(part: PaymentPart): Attempt {
  const amount = `${showMsat(part.amountMsat)} over ${part.route.hops.length} hop${part.route.hops.length === 1 ? '' : 's'}`;
  if (part.failure === null) {
    const what = part.status === 'settled' ? `${amount}, fee ${showMsat(part.feeMsat)}: arrived` : `${amount}: on its way`;
    return { part: part.id, status: part.status, where: null, what, help: null };
  }
  const { hop, reason } = part.failure;
  const [sentence, help] = REASONS[reason] ?? [reason.replaceAll('_', ' '), null];
  return { part: part.id, status: part.status, where: placeOf(part, hop), what: `${amount}: ${sentence}`, help };
}

function placeOf(part: PaymentPart, hop: number | null): string | null {
  if (hop === null) return null;
  const { hops } = part.route;
  if (hop < 0) return `our own channel ${formatScid(part.route.hops[0].scid)}`;
  const node = hops[hop];
  if (node === undefined) return null;
  const next = hops[hop + 1];
  const name = hop === hops.length - 1 ? `the destination ${toHex(node.nodeId)}` : `hop ${hop + 1}, ${toHex(node.nodeId)}`;
  return next === undefined ? name : `${name}, channel ${formatScid(next.scid)}`;
}

function verdictOf(payment: Payment): string {
  switch (payment.status) {
    case 'settled':
      return `settled: ${showMsat(payment.amountMsat)} arrived`;
    case 'pending':
      return 'pending: it is not known yet how it ends; do not pay in another way';
    case 'failed':
      return `failed for sure: ${payment.error?.message ?? 'no reason is known'}; ${payment.error?.hint ?? 'it is safe to try again'}`;
  }
}
