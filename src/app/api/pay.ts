import { toHex } from '../../base/bytes.ts';
import type { PaymentHash } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { ChannelView } from '../../bolt/channel/types.ts';
import { view } from '../../bolt/channel/view.ts';
import type { EdgeLesson, PayCommand } from '../../node/types.ts';
import { commanded, defineOperation } from '../define.ts';
import { AppError, type ErrorInfo } from '../error.ts';
import { type PayParams, payParams, readDestination } from '../forms/destination.ts';
import { awaitPayment, findPayment, type PaymentJson, paymentJson, paymentSchema, refusedPayment } from '../forms/payment.ts';
import { offlineMsat, ownFirstHops, planPayment } from '../forms/plan-payment.ts';
import { reasonOf, runProbe } from '../forms/run-probe.ts';
import { jsonInteger } from '../json.ts';
import type { OperationContext } from '../operation.ts';

/** A refusal that these codes tell came before anything was sent (CLI.md, exit 6 to 9). */
const REFUSALS: readonly string[] = [
  'EXPIRED',
  'WRONG_NETWORK',
  'ALREADY_PAID',
  'OVER_BUDGET',
  'INSUFFICIENT_FUNDS',
  'POLICY',
  'PEER_UNREACHABLE',
  'CHAIN_NOT_SYNCED',
];

const READY_PATIENCE_MS = 5_000;

/**
 * Pays, once. The payment hash makes it idempotent: what is settled is told again, what is pending is waited for, and only what failed for
 * sure (or is new) is sent.
 */
export const pay = defineOperation({
  name: 'pay',
  needs: 'peers',
  params: payParams,
  result: paymentSchema,
  async run(context, params) {
    const started = performance.now();
    const outcome = await run(context, params);
    const duration = Math.round(performance.now() - started);
    return { ...outcome, duration_ms: outcome.status === 'settled' && outcome.duration_ms > duration ? outcome.duration_ms : duration };
  },
});

async function run(context: OperationContext, params: PayParams): Promise<PaymentJson> {
  const { runtime, signal } = context;
  const wanted = readDestination(context, params);
  if (!wanted.ok) return refusedPayment(wanted.failure.about, wanted.failure.error);
  const { payment, problem } = wanted.value;
  const before = findPayment(runtime, payment.paymentHash);
  // The stored result comes before every check: an invoice that has expired since is still paid.
  if (before?.status === 'settled') return { ...paymentJson(before), ...(params.dry_run ? { dry_run: true } : {}) };
  if (before?.status === 'pending') return await follow(context, payment.paymentHash);

  const about = {
    payment_hash: toHex(payment.paymentHash),
    destination: toHex(payment.destination),
    amount_msat: jsonInteger(payment.amountMsat),
  };
  const facts = { ...about, max_fee_msat: jsonInteger(payment.maxFeeMsat), bolt11: payment.bolt11 };
  if (problem === null) await untilReady(context, payment);
  const refusal = problem ?? cannotSend(context, payment);
  if (refusal !== null) return refusedPayment(facts, refusal);
  if (params.dry_run) return planPayment(runtime, payment, facts);
  if (signal.aborted) throw signal.reason;
  try {
    const probed = params.from_probe === true ? await probeFirst(context, payment) : null;
    if (probed !== null && !probed.ok) return refusedPayment(facts, probed.failure);
    context.progress('looking for a route');
    // Where the same key was used at the same moment it is another payment that goes on.
    const begun = await commanded(context, { kind: 'pay', payment, ...(probed === null ? {} : { lessons: probed.value }) }, 'payment');
    return await follow(context, begun.payment.paymentHash);
  } catch (error) {
    if (error instanceof AppError && REFUSALS.includes(error.code)) return refusedPayment(facts, error);
    throw error;
  }
}

/** A probe of the same amount goes first, and the payment begins with what it taught. Nothing is sent where it does not arrive. */
async function probeFirst(context: OperationContext, payment: PayCommand['payment']): Promise<Result<readonly EdgeLesson[], ErrorInfo>> {
  const { maxFeeMsat, maxParts, multipart, destination, amountMsat, finalCltvDelta, hints, outgoing, excludedNodes, excludedChannels } =
    payment;
  const { probe } = await runProbe(context, {
    ...{ destination, amountMsat, finalCltvDelta, hints, outgoing, excludedNodes, excludedChannels },
    goal: 'amount',
    feeLimit: { floorMsat: maxFeeMsat, millionths: 0 },
    maxParts: multipart ? maxParts : 1,
    ...(payment.prior === undefined ? {} : { prior: payment.prior }),
    deadline: payment.retryUntil,
  });
  const trial = probe.trials.at(-1);
  if (trial?.outcome === 'arrived') return ok(probe.lessons);
  return fail({
    code: 'NO_ROUTE',
    message: `the probe did not arrive: ${reasonOf(probe)}`,
    hint: 'nothing was paid; `lnkit probe` shows where it ends',
  });
}

async function follow(context: OperationContext, hash: PaymentHash): Promise<PaymentJson> {
  context.progress('paying');
  return paymentJson(await awaitPayment(context.runtime, hash, context.signal));
}

/** Channels that have just confirmed become usable within a round trip: a command that comes right after the blocks waits for that. */
async function untilReady({ runtime, signal, progress }: OperationContext, payment: PayCommand['payment']): Promise<void> {
  const comes = ({ phase, connected }: ChannelView): boolean => connected && phase === 'awaiting_channel_ready';
  const enough = (): boolean => ownFirstHops(runtime, payment).reduce((sum, hop) => sum + hop.sendableMsat, 0n) >= payment.amountMsat;
  if (enough()) return;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_PATIENCE_MS)]);
  progress('waiting for a channel');
  const waited = runtime.until((state) => (enough() || ![...state.channels.values()].map(view).some(comes) ? true : null), limit);
  await waited.catch((error: unknown) => {
    if (signal.aborted) throw error;
  });
}

/** Told apart from "no route": without a channel that could send, no route was looked for. */
function cannotSend({ runtime }: OperationContext, payment: PayCommand['payment']): ErrorInfo | null {
  const channels = ownFirstHops(runtime, payment);
  const sendable = channels.reduce((sum, { sendableMsat }) => sum + sendableMsat, 0n);
  if (sendable >= payment.amountMsat) return null;
  const offline = offlineMsat(runtime);
  if (channels.length === 0 && offline > 0n) {
    const hint = 'wait for it to come back, or connect with `lnkit peer connect`';
    return { code: 'PEER_UNREACHABLE', message: 'no peer with a channel of ours is connected', hint };
  }
  const details = { sendable_msat: jsonInteger(sendable), wanted_msat: jsonInteger(payment.amountMsat) };
  const hint = channels.length === 0 ? 'open one with `lnkit channel open`' : 'part of a balance is kept as reserve and for fees';
  const message = channels.length === 0 ? 'there is no channel to pay from' : 'the channels cannot send that much now';
  return { code: 'INSUFFICIENT_FUNDS', message, hint, details };
}
