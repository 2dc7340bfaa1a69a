import { toHex } from '../../base/bytes.ts';
import { formatScid, type PaymentHash } from '../../base/ids.ts';
import { decodePayment } from '../../node/persist.ts';
import type { Payment, PaymentPart } from '../../node/types.ts';
import { notFound } from '../define.ts';
import type { ErrorInfo } from '../error.ts';
import { errorJson } from '../error.ts';
import { jsonInteger } from '../json.ts';
import type { JsonObject } from '../operation.ts';
import type { NodeRuntime } from '../runtime.ts';
import { amount, choice, count, errorSchema, flag, hex, list, nullable, object, scid, type TypeOf, text, time } from '../schema.ts';
import { hopFields, hopsJson } from './route-hops.ts';

const partSchema = object({
  id: count(),
  status: choice(['in_flight', 'settled', 'failed', 'planned']),
  amount_msat: amount(),
  fee_msat: amount(),
  sent_at: nullable(time()),
  resolved_at: nullable(time()),
  hops: list(object(hopFields)),
});

const failureSchema = object({
  part: count(),
  hop: nullable(count({ description: 'index of the hop that failed; null where it is unknown or our own node' })),
  node_id: nullable(hex(33)),
  short_channel_id: nullable(scid()),
  reason: text(),
  code: nullable(count()),
  final: flag({ description: 'the destination itself refused' }),
});

const common = {
  status: choice(['settled', 'failed', 'pending', 'refused', 'planned'], { description: '`planned`: a dry run' }),
  payment_hash: nullable(hex(32)),
  preimage: nullable(hex(32)),
  destination: nullable(hex(33)),
  amount_msat: nullable(amount()),
  fee_msat: amount({ description: 'paid, or underway in parts that are' }),
  max_fee_msat: nullable(amount()),
  bolt11: nullable(text()),
  created_at: nullable(time()),
  finished_at: nullable(time()),
  duration_ms: count(),
  parts: list(partSchema),
  failures: list(failureSchema),
};

/** A payment as `pay` and `payment` print it; `error` wherever it is not settled. */
export const paymentSchema = object(common, { error: errorSchema, dry_run: flag() });
export type PaymentJson = TypeOf<typeof paymentSchema>;

export function paymentJson(payment: Payment): PaymentJson {
  const { parts } = payment;
  const fee = parts.filter((part) => part.status !== 'failed').reduce((sum, part) => sum + part.feeMsat, 0n);
  const error = errorOf(payment);
  return {
    status: payment.status,
    payment_hash: toHex(payment.paymentHash),
    preimage: payment.preimage === null ? null : toHex(payment.preimage),
    destination: toHex(payment.destination),
    amount_msat: jsonInteger(payment.amountMsat),
    fee_msat: jsonInteger(fee),
    max_fee_msat: jsonInteger(payment.maxFeeMsat),
    bolt11: payment.bolt11,
    created_at: payment.createdAt,
    finished_at: payment.finishedAt,
    duration_ms: payment.finishedAt === null ? 0 : 1000 * (payment.finishedAt - payment.createdAt),
    parts: parts.map(partJson),
    failures: parts.flatMap((part) => (part.failure === null ? [] : [failureJson(part, part.failure)])),
    ...(error === null ? {} : { error: errorJson(error) }),
  };
}

function partJson(part: PaymentPart): PaymentJson['parts'][number] {
  return {
    id: part.id,
    status: part.status,
    amount_msat: jsonInteger(part.amountMsat),
    fee_msat: jsonInteger(part.feeMsat),
    sent_at: part.sentAt,
    resolved_at: part.resolvedAt,
    hops: hopsJson(part.route),
  };
}

function failureJson(part: PaymentPart, failure: NonNullable<PaymentPart['failure']>): PaymentJson['failures'][number] {
  const { hop, reason, code, final } = failure;
  const at = hop === null || hop < 0 ? undefined : part.route.hops[hop];
  // The edge that a node complains of is the one that leaves it.
  const edge = hop === null ? undefined : part.route.hops[hop + 1];
  return {
    part: part.id,
    hop: hop === null || hop < 0 ? null : hop,
    node_id: at === undefined ? null : toHex(at.nodeId),
    short_channel_id: edge === undefined ? null : formatScid(edge.scid),
    reason,
    code,
    final,
  };
}

function errorOf(payment: Payment): ErrorInfo | null {
  if (payment.status === 'settled') return null;
  if (payment.status === 'failed')
    return payment.error ?? { code: 'PAYMENT_FAILED', message: 'the payment failed', hint: 'the money is still here' };
  const inFlight = payment.parts.filter((part) => part.status === 'in_flight').length;
  const message = inFlight === 0 ? 'the payment has not ended yet' : `${inFlight} of its parts are on their way`;
  return { code: 'PAYMENT_PENDING', message, hint: 'it is not safe to pay in another way; the same command waits for this one' };
}

/** A payment that was refused before anything was sent. */
export function refusedPayment(part: Partial<PaymentJson>, error: ErrorInfo): PaymentJson {
  return {
    status: 'refused',
    payment_hash: null,
    preimage: null,
    destination: null,
    amount_msat: null,
    fee_msat: 0,
    max_fee_msat: null,
    bolt11: null,
    created_at: null,
    finished_at: null,
    duration_ms: 0,
    parts: [],
    failures: [],
    ...part,
    error: errorJson(error) as JsonObject,
  };
}

/** The payment in memory, or in the store where it is finished; null where there is none. */
export function findPayment(runtime: NodeRuntime, hash: PaymentHash): Payment | null {
  const running = runtime.state.payments.get(hash);
  if (running !== undefined) return running;
  const blob = runtime.store.payment(hash);
  return blob === null ? null : decodePayment(blob);
}

export function needPayment(runtime: NodeRuntime, hash: PaymentHash): Payment {
  const payment = findPayment(runtime, hash);
  if (payment === null) throw notFound(`there is no payment ${toHex(hash)}`, '`lnkit payment list` shows them');
  return payment;
}

/** Waits until it has ended, or the signal aborts: then it is what it is by then. */
export async function awaitPayment(runtime: NodeRuntime, hash: PaymentHash, signal: AbortSignal): Promise<Payment> {
  const ended = runtime.until((state) => ((state.payments.get(hash)?.status ?? 'ended') === 'pending' ? null : true), signal);
  await ended.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return needPayment(runtime, hash);
}
