// Probes: parts under a hash whose preimage nobody knows travel along planned routes and come back with the reason why they cannot settle. Where
// the destination itself refuses a part, everything on its way could carry it.
import { must } from '../base/assert.ts';
import { type Bytes, equal } from '../base/bytes.ts';
import type { CommandId, PaymentHash } from '../base/ids.ts';
import { height, type Msat, msat, unixTime } from '../base/units.ts';
import type { HtlcFailure, HtlcOrigin } from '../bolt/channel/types.ts';
import { type Draft, emit, log, refuse, reply, update } from './draft.ts';
import { learn, taughtBy } from './lessons.ts';
import { offerPart, partOnion } from './part.ts';
import { ALL_MONEY, CLTV_PADDING, firstHops, MAX_CLTV_BLOCKS } from './pay.ts';
import { type FinalContent, finalBytes } from './payloads.ts';
import type { FeeLimit, Probe, ProbeCommand, ProbePart, ProbeTrial, Route, RouteQuery } from './types.ts';

/** Plans for one amount, and HTLCs in all: a probe costs others work and us nothing. */
const MAX_ROUNDS = 12;
const MAX_PROBE_PARTS = 200;
const MAX_TRIALS = 32;
const MAX_RUNNING = 20;
/** The largest amount is told to about one and a half percent. */
const PRECISION = 64n;
/** An ended probe is kept for whoever asked for it. */
const KEEP_SECONDS = 60;
/** One with parts that nobody gives back is forgotten in the end: the channels resolve them all the same. */
const FORGET_SECONDS = 3600;
const EMPTY_SECRET = new Uint8Array(32);

/** Fees that a plan for this amount may cost. */
export const feeLimitOf = (limit: FeeLimit, amountMsat: bigint): Msat => {
  const share = (amountMsat * BigInt(limit.millionths)) / 1_000_000n;
  return msat(share > limit.floorMsat ? share : limit.floorMsat);
};

export function probeCommand(draft: Draft, id: CommandId, { probe: wanted }: ProbeCommand): void {
  const running = [...draft.state.probes.values()].filter(({ status }) => status === 'running').length;
  if (equal(wanted.destination, draft.state.nodeId)) {
    refuse(draft, id, { code: 'POLICY', message: 'this node is our own', hint: 'a node cannot probe itself' });
    return;
  }
  if (wanted.amountMsat <= 0n || wanted.amountMsat > ALL_MONEY || wanted.finalCltvDelta > MAX_CLTV_BLOCKS) {
    refuse(draft, id, { code: 'USAGE', message: 'the amount or the expiry is out of range' });
    return;
  }
  if (running >= MAX_RUNNING) {
    refuse(draft, id, { code: 'POLICY', message: `${running} probes are running`, hint: 'wait until one has ended' });
    return;
  }
  const paymentHash = draft.env.random(32) as PaymentHash;
  set(draft, {
    ...wanted,
    maxParts: Math.max(1, Math.min(wanted.maxParts, MAX_PROBE_PARTS)),
    paymentHash,
    ...{ status: 'running', finishedAt: null, trials: [], parts: [], lessons: [] },
  });
  startTrial(draft, paymentHash, wanted.amountMsat);
  reply(draft, id, { kind: 'probe', probe: current(draft, paymentHash) });
}

const current = (draft: Draft, hash: PaymentHash): Probe => must(draft.state.probes.get(hash), 'no such probe');

function set(draft: Draft, probe: Probe): void {
  update(draft, { probes: draft.state.probes.set(probe.paymentHash, probe) });
}

function startTrial(draft: Draft, hash: PaymentHash, amountMsat: Msat): void {
  const probe = current(draft, hash);
  const trial: ProbeTrial = { amountMsat, outcome: 'open', rounds: 0, parts: [], why: null };
  set(draft, { ...probe, trials: [...probe.trials, trial] });
  advance(draft, hash);
}

/** Plans and sends until parts are on their way or the probe has its answer. */
function advance(draft: Draft, hash: PaymentHash): void {
  for (;;) {
    const probe = current(draft, hash);
    if (probe.status !== 'running' || probe.parts.some((part) => part.status === 'in_flight')) return;
    const trial = must(probe.trials.at(-1), 'a probe has a trial');
    if (trial.outcome !== 'open') {
      const next = nextAmount(probe);
      if (next === null) {
        set(draft, { ...probe, status: 'done', finishedAt: draft.env.now });
        return;
      }
      startTrial(draft, hash, next);
      return;
    }
    if (trial.rounds > 0 && trial.parts.every((part) => probe.parts[part]?.status === 'arrived')) {
      setTrial(draft, hash, { ...trial, outcome: 'arrived' });
      if (probe.goal === 'amount') measure(draft, hash);
      continue;
    }
    planRound(draft, hash, trial);
  }
}

function setTrial(draft: Draft, hash: PaymentHash, trial: ProbeTrial): void {
  const probe = current(draft, hash);
  set(draft, { ...probe, trials: probe.trials.with(-1, trial) });
}

function planRound(draft: Draft, hash: PaymentHash, trial: ProbeTrial): void {
  const probe = current(draft, hash);
  if (trial.rounds >= MAX_ROUNDS || probe.parts.length >= MAX_PROBE_PARTS) {
    setTrial(draft, hash, { ...trial, outcome: 'gave_up' });
    return;
  }
  const planned = draft.env.plan(query(draft, probe, trial.amountMsat));
  if (!planned.ok) {
    const { message, hint } = planned.failure;
    setTrial(draft, hash, { ...trial, outcome: 'no_route', why: { message, hint } });
    return;
  }
  const parts: number[] = [];
  const shared = sharedChannels(planned.value);
  for (const route of planned.value) {
    const isAlone = !route.hops.some(({ scid }) => shared.has(scid));
    const known = isAlone && current(draft, hash).parts.find((part) => part.status === 'arrived' && carries(part.route, route));
    parts.push(known ? known.id : send(draft, hash, { route, trial: probe.trials.length - 1, totalMsat: trial.amountMsat }));
  }
  setTrial(draft, hash, { ...trial, rounds: trial.rounds + 1, parts });
}

/** Channels of others that several parts go over: whether they carry them all shows only when all are on their way at once. */
function sharedChannels(routes: readonly Route[]): ReadonlySet<bigint> {
  const [seen, shared] = [new Set<bigint>(), new Set<bigint>()];
  for (const { scid } of routes.flatMap(({ hops }) => hops.slice(1))) {
    if (seen.has(scid)) shared.add(scid);
    seen.add(scid);
  }
  return shared;
}

/** The same channels with at least as much: sending it again would teach nothing. */
function carries(known: Route, wanted: Route): boolean {
  if (known.hops.length !== wanted.hops.length) return false;
  return known.hops.every((hop, i) => hop.scid === wanted.hops[i]?.scid && hop.amountMsat >= wanted.hops[i].amountMsat);
}

/** The next amount to try, in whole satoshi; null where the answer is known well enough. */
function nextAmount(probe: Probe): Msat | null {
  if (probe.goal === 'amount' || probe.trials.length >= MAX_TRIALS || probe.parts.length >= MAX_PROBE_PARTS) return null;
  const { low, high } = bounds(probe);
  if (high - low <= 1000n || high - low <= low / PRECISION) return null;
  const middle = (((low + high) / 2000n) * 1000n) as Msat;
  return middle > low && middle < high ? middle : null;
}

/** What arrived at most, and the least that did not (one above the goal where everything did). */
export function bounds(probe: Pick<Probe, 'trials' | 'amountMsat'>): { readonly low: bigint; readonly high: bigint } {
  let [low, high] = [0n, probe.amountMsat + 1n];
  for (const { amountMsat, outcome } of probe.trials) {
    if (outcome === 'arrived' && amountMsat > low) low = amountMsat;
    else if (outcome !== 'arrived' && outcome !== 'open' && amountMsat < high) high = amountMsat;
  }
  return { low, high };
}

/** The way there is known: HTLCs that end at each hop before the destination tell how long each takes. */
function measure(draft: Draft, hash: PaymentHash): void {
  const probe = current(draft, hash);
  const first = probe.parts[probe.trials.at(-1)?.parts[0] ?? -1];
  if (first === undefined) return;
  const { channelId, hops } = first.route;
  for (let length = 1; length < hops.length; length++) {
    const route: Route = { channelId, hops: hops.slice(0, length) as unknown as Route['hops'] };
    send(draft, hash, { route, trial: null, totalMsat: must(route.hops.at(-1), 'hop').amountMsat });
  }
}

function query(draft: Draft, probe: Probe, amountMsat: Msat): RouteQuery {
  const maxCltvExpiry = height(draft.env.height + MAX_CLTV_BLOCKS);
  return {
    destination: probe.destination,
    amountMsat,
    maxFeeMsat: feeLimitOf(probe.feeLimit, amountMsat),
    maxParts: probe.maxParts,
    finalCltvExpiry: height(draft.env.height + probe.finalCltvDelta + CLTV_PADDING),
    maxCltvExpiry,
    kind: 'invoice',
    ...(probe.prior === undefined ? {} : { prior: probe.prior }),
    hints: probe.hints,
    tails: [],
    finalBytes: finalBytes(contentOf(EMPTY_SECRET, amountMsat), maxCltvExpiry),
    firstHops: firstHops(draft, probe),
    lessons: probe.lessons,
    inFlight: [],
    excludedNodes: probe.excludedNodes,
    excludedChannels: probe.excludedChannels,
  };
}

interface Sending {
  readonly route: Route;
  readonly trial: number | null;
  readonly totalMsat: Msat;
}

/** Sends one part; returns its id. What our own channel refuses has failed at once, and is not planned again with as much. */
function send(draft: Draft, hash: PaymentHash, { route, trial, totalMsat }: Sending): number {
  const probe = current(draft, hash);
  const id = probe.parts.length;
  const first = route.hops[0];
  const paymentSecret = draft.env.random(32);
  const onion = partOnion(draft, route, contentOf(paymentSecret, totalMsat), hash);
  const sharedSecrets = onion.ok ? onion.value.sharedSecrets : [];
  const part: ProbePart = { id, trial, status: 'in_flight', route, sharedSecrets, failure: null };
  set(draft, { ...probe, parts: [...probe.parts, part] });
  const reason = offerPart(draft, onion, { route, paymentHash: hash, part: id });
  if (reason === null) return id;
  const now = current(draft, hash);
  const failed: ProbePart = { ...part, status: 'failed', failure: { hop: -1, reason, code: null, final: false } };
  const lesson = { scid: first.scid, to: first.nodeId, failsFromMsat: first.amountMsat, policy: null };
  set(draft, { ...now, parts: now.parts.with(id, failed), lessons: trial === null ? now.lessons : [...now.lessons, lesson] });
  return id;
}

/** What the end of a probe is told: as a payment would, with a secret that it cannot know. */
const contentOf = (paymentSecret: Bytes, totalMsat: Msat): FinalContent => ({
  totalMsat,
  paymentSecret,
  paymentMetadata: null,
  keysendPreimage: null,
});

export function probePartFailed(draft: Draft, origin: Extract<HtlcOrigin, { kind: 'payment' }>, failure: HtlcFailure): void {
  const probe = current(draft, origin.paymentHash);
  const part = probe.parts[origin.part];
  if (part === undefined || part.status !== 'in_flight') return;
  const { failure: told, lessons, excludedNodes } = learn(part, failure);
  const arrived = told.hop === part.route.hops.length - 1;
  const ended: ProbePart = { ...part, status: arrived ? 'arrived' : 'failed', failure: told };
  const taught = taughtBy(part.route, told);
  if (taught !== null) emit(draft, taught);
  set(draft, {
    ...probe,
    parts: probe.parts.with(origin.part, ended),
    lessons: arrived ? probe.lessons : [...probe.lessons, ...lessons],
    excludedNodes: [...probe.excludedNodes, ...excludedNodes.filter((node) => !equal(node, probe.destination))],
  });
  advance(draft, origin.paymentHash);
}

/** Nobody waits for ever: at the deadline the probe has the answer that it has. Its parts still come back, and still teach. */
export function tickProbes(draft: Draft): void {
  const { now } = draft.env;
  for (const probe of [...draft.state.probes.values()]) {
    const { paymentHash, finishedAt } = probe;
    if (finishedAt !== null) {
      const age = now - finishedAt;
      const isResolved = !probe.parts.some((part) => part.status === 'in_flight');
      if (age >= (isResolved ? KEEP_SECONDS : FORGET_SECONDS) || age < 0) update(draft, { probes: draft.state.probes.delete(paymentHash) });
      continue;
    }
    if (now < probe.deadline) {
      advance(draft, paymentHash);
      continue;
    }
    const trial = must(probe.trials.at(-1), 'a probe has a trial');
    if (trial.outcome === 'open') setTrial(draft, paymentHash, { ...trial, outcome: 'timed_out' });
    set(draft, { ...current(draft, paymentHash), status: 'done', finishedAt: unixTime(now) });
    log(draft, 'info', 'a probe ended at its deadline');
  }
}
