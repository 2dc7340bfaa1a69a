import { Bug, must } from '../base/assert.ts';
import { equal, toHex } from '../base/bytes.ts';
import type { CommandId, PaymentHash, Preimage } from '../base/ids.ts';
import { height, type Msat, msat, unixTime } from '../base/units.ts';
import type { HtlcFailure, HtlcOrigin } from '../bolt/channel/types.ts';
import { view } from '../bolt/channel/view.ts';
import { type Draft, emit, log, refuse, reply, update } from './draft.ts';
import { learn, taughtBy } from './lessons.ts';
import { offerPart, partOnion } from './part.ts';
import { finalBytes } from './payloads.ts';
import type { EdgeLesson, FirstHop, NodeFailure, PartFailure, PayCommand, Payment, PaymentPart, Route, RouteQuery } from './types.ts';

/** Blocks that may be found while the HTLC is on its way, so that it still has the delta that its payee asks for. */
export const CLTV_PADDING = 3;
/** BOLT 4, expiry_too_far: routes beyond this are refused by others anyway. */
export const MAX_CLTV_BLOCKS = 2016;
/** A payment that has failed so often will not succeed. */
const MAX_ATTEMPTS = 100;
/** More than there will ever be. */
export const ALL_MONEY: Msat = msat(2_100_000_000_000_000_000n);
/** What is stored of a payment has room for these; of the hints of an invoice more are of no use. */
const MAX_HINTS = 64;
const MAX_HINT_HOPS = 20;
const MAX_LISTED = 255;

export function payCommand(draft: Draft, id: CommandId, command: PayCommand): void {
  const wanted = command.payment;
  const running = draft.state.payments.get(wanted.paymentHash) ?? withSameKey(draft, wanted);
  if (running !== undefined) {
    reply(draft, id, { kind: 'payment', payment: running });
    return;
  }
  if (equal(wanted.destination, draft.state.nodeId)) {
    refuse(draft, id, { code: 'POLICY', message: 'this invoice is our own', hint: 'a node cannot pay itself' });
    return;
  }
  const wrong = problem(wanted);
  if (wrong !== null) {
    refuse(draft, id, wrong);
    return;
  }
  const payment: Payment = {
    ...wanted,
    maxParts: Math.min(wanted.maxParts, MAX_ATTEMPTS),
    maxFeeMsat: wanted.maxFeeMsat < ALL_MONEY ? wanted.maxFeeMsat : ALL_MONEY,
    retryUntil: unixTime(Math.min(wanted.retryUntil, 0xffffffff)),
    hints: wanted.hints.filter((route) => route.length > 0 && route.length <= MAX_HINT_HOPS).slice(0, MAX_HINTS),
    status: 'pending',
    createdAt: draft.env.now,
    finishedAt: null,
    preimage: null,
    parts: [],
    lessons: command.lessons ?? [],
    error: null,
  };
  set(draft, payment);
  advance(draft, payment.paymentHash);
  reply(draft, id, { kind: 'payment', payment: current(draft, payment.paymentHash) });
}

/** A spontaneous payment makes a new hash each time: of two runs with one key, begun before either was stored, the second is the first. */
function withSameKey(draft: Draft, wanted: PayCommand['payment']): Payment | undefined {
  if (wanted.key === null || wanted.keysendPreimage === null) return undefined;
  for (const payment of draft.state.payments.values()) if (payment.key === wanted.key && payment.keysendPreimage !== null) return payment;
  return undefined;
}

/** At the door, because what does not fit the store would end the process. */
function problem(wanted: PayCommand['payment']): NodeFailure | null {
  if (wanted.amountMsat <= 0n || wanted.amountMsat > ALL_MONEY)
    return { code: 'USAGE', message: `an amount is from 1 to ${ALL_MONEY} msat` };
  if (wanted.finalCltvDelta > MAX_CLTV_BLOCKS)
    return {
      code: 'POLICY',
      message: `the payee wants the money locked for ${wanted.finalCltvDelta} blocks`,
      hint: 'ask for another invoice',
    };
  const longest = Math.max(wanted.outgoing.length, wanted.excludedNodes.length, wanted.excludedChannels.length);
  return longest > MAX_LISTED ? { code: 'USAGE', message: `a list of channels or nodes has at most ${MAX_LISTED} entries` } : null;
}

const current = (draft: Draft, hash: PaymentHash): Payment => must(draft.state.payments.get(hash), 'no such payment');

function set(draft: Draft, payment: Payment): void {
  update(draft, { payments: draft.state.payments.set(payment.paymentHash, payment) });
}

const sum = (parts: readonly PaymentPart[], status: PaymentPart['status'], of: 'amountMsat' | 'feeMsat'): Msat =>
  parts.reduce((total, part) => (part.status === status ? ((total + part[of]) as Msat) : total), msat(0));

export const inFlight = (payment: Payment): boolean => payment.parts.some((part) => part.status === 'in_flight');
export const feePaid = (payment: Pick<Payment, 'parts'>): Msat =>
  (sum(payment.parts, 'settled', 'feeMsat') + sum(payment.parts, 'in_flight', 'feeMsat')) as Msat;

/**
 * Sends what is not on its way yet, as long as a route can be found. Each refusal by our own channel is a lesson, so the loop ends: an
 * edge that refused an amount is not tried with as much again.
 */
export function advance(draft: Draft, hash: PaymentHash): void {
  for (;;) {
    const payment = current(draft, hash);
    if (payment.status !== 'pending') return;
    const remaining = (payment.amountMsat - sum(payment.parts, 'in_flight', 'amountMsat')) as Msat;
    if (payment.error !== null || remaining <= 0n) break;
    const stop = reasonToStop(draft, payment);
    if (stop !== null) {
      set(draft, { ...payment, error: stop });
      break;
    }
    const planned = draft.env.plan(paymentQuery(draft, payment, remaining));
    if (!planned.ok) {
      // Parts on their way may free what is needed now: only without them is it final.
      if (!inFlight(payment)) set(draft, { ...payment, error: noRoute(payment, planned.failure) });
      else if (payment.parts.some((part) => part.status === 'failed')) set(draft, { ...payment, error: noRoute(payment, planned.failure) });
      break;
    }
    if (planned.value.length === 0) throw new Bug('a plan without a route');
    for (const route of planned.value) send(draft, hash, route, payment.amountMsat);
  }
  finish(draft, hash);
}

function reasonToStop(draft: Draft, payment: Payment): Payment['error'] {
  if (payment.parts.length === 0) return null;
  const hint = 'the money is still here: the payment may be tried again';
  if (draft.env.now >= payment.retryUntil)
    return { code: 'PAYMENT_FAILED', message: `no success within the time given${lastFailure(payment)}`, hint };
  if (payment.parts.length >= MAX_ATTEMPTS)
    return { code: 'PAYMENT_FAILED', message: `${MAX_ATTEMPTS} attempts failed${lastFailure(payment)}`, hint };
  return null;
}

function noRoute(payment: Payment, failure: { readonly message: string; readonly hint: string }): Payment['error'] {
  return { code: 'NO_ROUTE', message: `${failure.message}${lastFailure(payment)}`, hint: failure.hint };
}

function lastFailure(payment: Payment): string {
  const last = payment.parts.findLast((part) => part.failure !== null)?.failure;
  return last === undefined || last === null ? '' : `; the last attempt failed with ${last.reason}`;
}

/** Gives the payment its verdict when nothing is in flight any more. */
function finish(draft: Draft, hash: PaymentHash): void {
  const payment = current(draft, hash);
  if (payment.status !== 'pending' || payment.error === null || inFlight(payment)) return;
  set(draft, { ...payment, status: 'failed', finishedAt: draft.env.now });
  log(draft, 'info', `payment ${toHex(hash)} failed: ${payment.error.message}`);
}

/** The question for routes for what is left of a payment; of one that was not begun, for all of it. */
export function paymentQuery(
  node: Pick<Draft, 'state' | 'env'>,
  payment: PayCommand['payment'] & Partial<Pick<Payment, 'parts' | 'lessons'>>,
  remaining: Msat,
): RouteQuery {
  const { parts = [], lessons = [] } = payment;
  const flying = parts.filter((part) => part.status === 'in_flight');
  const paid = feePaid({ parts });
  const maxCltvExpiry = height(node.env.height + MAX_CLTV_BLOCKS);
  return {
    destination: payment.destination,
    amountMsat: remaining,
    maxFeeMsat: (payment.maxFeeMsat > paid ? payment.maxFeeMsat - paid : 0n) as Msat,
    maxParts: payment.multipart ? Math.max(1, payment.maxParts - flying.length) : 1,
    kind: payment.keysendPreimage === null ? 'invoice' : 'keysend',
    ...(payment.prior === undefined ? {} : { prior: payment.prior }),
    finalCltvExpiry: height(node.env.height + payment.finalCltvDelta + CLTV_PADDING),
    maxCltvExpiry,
    hints: payment.hints,
    tails: [],
    finalBytes: finalBytes({ ...payment, totalMsat: payment.amountMsat }, maxCltvExpiry),
    firstHops: firstHops(node, payment),
    lessons,
    inFlight: flying.flatMap((part) => part.route.hops.map((hop) => ({ scid: hop.scid, to: hop.nodeId, amountMsat: hop.amountMsat }))),
    excludedNodes: payment.excludedNodes,
    excludedChannels: payment.excludedChannels,
  };
}

/** Our channels as they can be used now. Their sendable amount already counts what is in flight. */
export function firstHops(
  draft: Pick<Draft, 'state'>,
  limits: Pick<Payment, 'outgoing' | 'excludedChannels' | 'excludedNodes'>,
): readonly FirstHop[] {
  const hops: FirstHop[] = [];
  for (const channel of draft.state.channels.values()) {
    const seen = view(channel);
    const scid = seen.scid ?? seen.remoteAlias ?? seen.localAlias;
    if (!seen.usable || scid === null) continue;
    const names = [seen.scid, seen.localAlias, seen.remoteAlias];
    if (limits.outgoing.length > 0 && !limits.outgoing.some((wanted) => names.includes(wanted))) continue;
    if (limits.excludedChannels.some((excluded) => names.includes(excluded))) continue;
    hops.push({
      channelId: seen.channelId,
      scid,
      peer: seen.peer,
      sendableMsat: seen.sendableMsat,
      htlcMinimumMsat: seen.htlcMinimumMsat,
    });
  }
  return hops;
}

function send(draft: Draft, hash: PaymentHash, route: Route, totalMsat: Msat): void {
  const payment = current(draft, hash);
  const id = payment.parts.length;
  const last = must(route.hops.at(-1), 'a route has a hop');
  const first = route.hops[0];
  const onion = partOnion(draft, route, { ...payment, totalMsat }, hash);
  const base = {
    id,
    amountMsat: last.amountMsat,
    feeMsat: (first.amountMsat - last.amountMsat) as Msat,
    route,
    sharedSecrets: onion.ok ? onion.value.sharedSecrets : [],
    sentAt: draft.env.now,
  };
  if (onion.ok) set(draft, { ...payment, parts: [...payment.parts, { ...base, status: 'in_flight', resolvedAt: null, failure: null }] });
  const reason = offerPart(draft, onion, { route, paymentHash: hash, part: id });
  if (reason === null) return;
  const failure: PartFailure = { hop: -1, reason, code: null, final: false };
  const lesson: EdgeLesson = { scid: first.scid, to: first.nodeId, failsFromMsat: first.amountMsat, policy: null };
  const part: PaymentPart = { ...base, status: 'failed', resolvedAt: draft.env.now, failure };
  set(draft, { ...payment, parts: [...payment.parts, part], lessons: [...payment.lessons, lesson] });
}

type PaymentOrigin = Extract<HtlcOrigin, { kind: 'payment' }>;

export function partFulfilled(draft: Draft, origin: PaymentOrigin, preimage: Preimage): void {
  const payment = draft.state.payments.get(origin.paymentHash);
  if (payment === undefined) return;
  const part = payment.parts[origin.part];
  if (part?.status === 'in_flight' && part.route.hops.length > 1)
    emit(draft, { kind: 'learn', hops: part.route.hops, outcome: { kind: 'settled' } });
  const parts = payment.parts.map((part) =>
    part.id === origin.part ? { ...part, status: 'settled' as const, resolvedAt: draft.env.now } : part,
  );
  // One preimage proves the whole payment: the payee can claim every part that is held.
  set(draft, { ...payment, parts, status: 'settled', preimage, error: null, finishedAt: payment.finishedAt ?? draft.env.now });
}

export function partFailed(draft: Draft, origin: PaymentOrigin, failure: HtlcFailure): void {
  const payment = draft.state.payments.get(origin.paymentHash);
  const part = payment?.parts[origin.part];
  if (payment === undefined || part === undefined || part.status !== 'in_flight') return;
  const { failure: told, lessons, excludedNodes } = learn(part, failure);
  const taught = taughtBy(part.route, told);
  if (taught !== null) emit(draft, taught);
  const failed: PaymentPart = { ...part, status: 'failed', resolvedAt: draft.env.now, failure: told };
  set(draft, {
    ...payment,
    parts: payment.parts.with(origin.part, failed),
    lessons: [...payment.lessons, ...lessons],
    excludedNodes: [...payment.excludedNodes, ...excludedNodes],
    error: payment.error ?? (told.final ? rejected(told) : null),
  });
  advance(draft, origin.paymentHash);
}

function rejected(failure: PartFailure): Payment['error'] {
  return {
    code: 'REJECTED_BY_DESTINATION',
    message: `the destination refused it: ${failure.reason}`,
    hint: 'the invoice may be paid, expired, cancelled or for another amount; ask the payee for a new one',
  };
}

/** Time passed, or a channel can be used again: a payment that waits for nothing gets its verdict. */
export function tickPayment(draft: Draft, hash: PaymentHash): void {
  if (draft.state.payments.get(hash)?.status === 'pending') advance(draft, hash);
}

/** Payments that need no memory any more: finished, with nothing in flight. */
export const isDone = (payment: Payment): boolean => payment.status !== 'pending' && !inFlight(payment);
