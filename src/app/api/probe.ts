import type { NodeId } from '../../base/ids.ts';
import { msat, unixTime } from '../../base/units.ts';
import { PRIORS } from '../../bolt/route/cost.ts';
import { defineOperation, usage } from '../define.ts';
import { AppError } from '../error.ts';
import { blindedPathSchema, tailOf } from '../forms/blinded-path.ts';
import { readDestination } from '../forms/destination.ts';
import { DEFAULT_MAX_FEE_FLOOR, DEFAULT_MAX_FEE_MILLIONTHS } from '../forms/fee-limit.ts';
import { offlineMsat, ownFirstHops } from '../forms/plan-payment.ts';
import { probeJson, probeSchema, reachOf, trialJson } from '../forms/probe.ts';
import { runProbe } from '../forms/run-probe.ts';
import { jsonInteger } from '../json.ts';
import { amount, choice, count, decimal, flag, list, object, text } from '../schema.ts';

const DEFAULT_SECONDS = 60;

/** Sends parts that cannot settle and tells how far they come. What it learns stays: routes of later payments know it. */
export const probe = defineOperation({
  name: 'probe',
  needs: 'peers',
  params: object(
    { destination: text(), find_max: flag() },
    {
      amount_msat: amount(),
      max_fee_msat: amount(),
      max_fee_percent: decimal(),
      max_parts: count(),
      seconds: count(),
      outgoing: list(text()),
      exclude: list(text()),
      prior: choice(PRIORS),
      blinded_paths: list(blindedPathSchema, { description: 'paths that the destination gave: the probe ends where one begins' }),
    },
  ),
  result: probeSchema,
  async run(context, params) {
    const started = performance.now();
    const { runtime } = context;
    const { find_max: findMax, seconds = DEFAULT_SECONDS, ...rest } = params;
    // Of an invoice that leaves the amount open the limits are read with any amount.
    const read = readDestination(context, {
      ...rest,
      dry_run: true,
      ...(findMax && rest.amount_msat === undefined ? await anyAmount(rest.destination) : {}),
    });
    if (!read.ok) throw new AppError(read.failure.error);
    const { payment } = read.value;
    const hops = ownFirstHops(runtime, payment);
    const sendable = hops.reduce((sum, { sendableMsat }) => sum + sendableMsat, 0n);
    if (sendable === 0n) throw nothingToSend(hops.length, offlineMsat(runtime));
    if (!findMax && sendable < payment.amountMsat)
      throw new AppError({
        code: 'INSUFFICIENT_FUNDS',
        message: 'the channels cannot send that much now',
        hint: 'probe a smaller amount, or --find-max',
        details: { sendable_msat: jsonInteger(sendable), wanted_msat: jsonInteger(payment.amountMsat) },
      });
    const reach = reachOf(runtime.gossip.graph(), payment.destination as NodeId, payment.hints, (params.blinded_paths ?? []).map(tailOf));
    const top = params.amount_msat === undefined || BigInt(params.amount_msat) > sendable ? sendable : BigInt(params.amount_msat);
    const { outgoing, excludedNodes, excludedChannels, finalCltvDelta } = payment;
    const wanted = {
      ...{ outgoing, excludedNodes, excludedChannels, finalCltvDelta },
      destination: reach.target,
      hints: reach.hints,
      goal: findMax ? ('max' as const) : ('amount' as const),
      amountMsat: findMax ? msat((top / 1000n) * 1000n) : payment.amountMsat,
      feeLimit: feeLimit(params, findMax),
      maxParts: payment.maxParts,
      ...(params.prior === undefined ? {} : { prior: params.prior }),
      deadline: unixTime(runtime.env().now + seconds),
    };
    const run = await runProbe(context, wanted, (trial, now) => {
      if (findMax) context.emit({ trial: trialJson(now, trial) });
    });
    return probeJson(run, { destination: payment.destination, limits: reach.limits, durationMs: Math.round(performance.now() - started) });
  },
});

/** `--find-max` needs no amount: a node id gets one, an invoice keeps its own. */
async function anyAmount(destination: string): Promise<{ readonly amount_msat?: number }> {
  const { decodeInvoice } = await import('../../bolt/invoice/decode.ts');
  const invoice = decodeInvoice(destination.trim().replace(/^lightning:(\/\/)?/i, ''));
  return invoice.ok && invoice.value.amount !== null ? {} : { amount_msat: 1000 };
}

function feeLimit(params: { readonly max_fee_msat?: number | bigint; readonly max_fee_percent?: number }, findMax: boolean) {
  if (params.max_fee_msat !== undefined && params.max_fee_percent !== undefined)
    throw usage('give --max-fee or --max-fee-percent, not both', 'a probe looks at one limit');
  if (params.max_fee_msat !== undefined) return { floorMsat: msat(params.max_fee_msat), millionths: 0 };
  const millionths = params.max_fee_percent === undefined ? DEFAULT_MAX_FEE_MILLIONTHS : Math.round(params.max_fee_percent * 10_000);
  return { floorMsat: findMax || params.max_fee_percent === undefined ? DEFAULT_MAX_FEE_FLOOR : msat(0), millionths };
}

function nothingToSend(channels: number, offline: bigint): AppError {
  if (channels === 0 && offline > 0n)
    return new AppError({
      code: 'PEER_UNREACHABLE',
      message: 'no peer with a channel of ours is connected',
      hint: 'wait for it to come back, or connect with `lnkit peer connect`',
    });
  const message = channels === 0 ? 'there is no channel to probe from' : 'the channels cannot send anything now';
  return new AppError({ code: 'INSUFFICIENT_FUNDS', message, hint: 'open one with `lnkit channel open`' });
}
