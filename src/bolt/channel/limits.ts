// What an HTLC or a feerate may be. One set of rules serves what we offer, what we are offered, and what the view calls sendable and
// receivable, so that they cannot disagree.
import { type Blocks, blocks, type FeeratePerKw, feeratePerKw, type Msat, msat, type Sat, sat, satToMsat } from '../../base/units.ts';
import { countUntrimmed, dustExposure, funderCost, type TrimRules, trimThreshold } from './commitment.ts';
import { type ChannelParams, type Commitments, formatOf, type LiveHtlc, type Side } from './state.ts';
import type { ChannelLimits, Env } from './types.ts';
import { type Snapshot, STAGE, snapshot, specFor } from './update.ts';

/** Bounds for an operator who has none of their own. */
export const DEFAULT_LIMITS: ChannelLimits = {
  dustLimit: sat(354),
  maxHtlcValueInFlight: msat(20_000_000_000_000n),
  maxAcceptedHtlcs: 483,
  htlcMinimum: msat(1),
  toSelfDelay: blocks(720),
  maxToSelfDelay: blocks(2016),
  minFundingSat: sat(20_000),
  minDepth: blocks(3),
  maxDustHtlcExposure: msat(50_000_000n),
  maxFeerateFactor: 10,
  maxFeerate: feeratePerKw(250_000),
};

/** BOLT 2: `funding_satoshis` without option_support_large_channel is below this. */
export const LARGE_CHANNEL: Sat = sat(2n ** 24n);
/** BOLT 2: the most that `max_accepted_htlcs` may be. */
export const MAX_ACCEPTED_HTLCS = 483;
/** BOLT 2: a `cltv_expiry` from here on would be a time. */
export const CLTV_EXPIRY_LIMIT = 500_000_000;
/** BOLT 2: the least `dust_limit_satoshis` that a peer may announce. */
export const MIN_DUST_LIMIT: Sat = sat(354);
/** No `dust_limit_satoshis` above this is taken: what a peer trims, it may burn. */
export const MAX_DUST_LIMIT: Sat = sat(5_000);
/** A feerate up to this (100 sat/vB) is never unreasonably large: on a quiet chain our own estimate says little. */
const ALWAYS_TAKEN: FeeratePerKw = feeratePerKw(25_000);
/** BOLT 2, "`cltv_expiry_delta` Selection": G, the blocks after its expiry that an offered HTLC is waited for. */
export const OFFERED_GRACE: Blocks = blocks(2);
/** 2R + G + S: blocks before its expiry at which an HTLC whose preimage we told must be gone. */
export const FULFILLED_MARGIN: Blocks = blocks(18);
/** BOLT 2: the depth of what cannot be undone. */
export const FORGET_UNFUNDED_AFTER: Blocks = blocks(2016);

/** BOLT 2: what a peer must keep: 1 %, and never dust. */
export const reserveFor = (capacity: Sat, dustLimit: Sat): Sat => {
  const least = dustLimit > 1000n ? dustLimit : sat(1000);
  return capacity / 100n > least ? sat(capacity / 100n) : least;
};

/** Why `update_fee` or `open_channel` cannot have this feerate, or null. */
export function feerateProblem(feerate: FeeratePerKw, env: Env): string | null {
  // BOLT 2: "too low for timely processing, OR is unreasonably large"
  const least = Math.min(env.feerates.minimum, 253);
  if (feerate < least) return `feerate ${feerate} is below ${least}`;
  const most = Math.min(env.limits.maxFeerate, Math.max(ALWAYS_TAKEN, env.feerates.priority * env.limits.maxFeerateFactor));
  return feerate > most ? `feerate ${feerate} is above ${most}` : null;
}

/** A rule by its BOLT name, and how it is broken. */
export interface Broken {
  readonly rule: string;
  readonly message: string;
}

/** All that decides about one more HTLC of `sender`; independent of its amount, so that many amounts can be asked. */
export interface AddRules {
  readonly senderMsat: Msat;
  /** The side that pays the fee, where it is not the sender. */
  readonly funderMsat: Msat | null;
  readonly senderReserve: Sat;
  readonly funderReserve: Sat;
  readonly count: number;
  readonly inFlight: Msat;
  readonly maxAcceptedHtlcs: number;
  readonly maxInFlight: Msat;
  readonly htlcMinimum: Msat;
  /** Of either commitment. */
  readonly commitments: readonly CommitmentLoad[];
  readonly feerate: FeeratePerKw;
  readonly format: TrimRules['format'];
  /** Null where only what the peer must keep counts. */
  readonly prudence: { readonly maxDustExposure: Msat } | null;
}

interface CommitmentLoad {
  readonly owner: Side;
  readonly untrimmed: number;
  readonly dust: Msat;
  /** The sender's HTLCs below it are trimmed here. */
  readonly threshold: Msat;
}

const rulesOf = (params: ChannelParams, owner: Side, feerate: FeeratePerKw): TrimRules => ({
  format: formatOf(params),
  feerate,
  dustLimit: params[owner].dustLimit,
});

/** `offering`: we add an HTLC, prudently. `offered`: the peer did, and must have kept the rules. `asked`: what it could add, if as prudent as we are. */
export type AddPerspective = 'offering' | 'offered' | 'asked';

export function addRules(params: ChannelParams, commitments: Commitments, perspective: AddPerspective): AddRules {
  const sender: Side = perspective === 'offering' ? 'local' : 'remote';
  const receiver: Side = sender === 'local' ? 'remote' : 'local';
  // An HTLC is first added to the receiver's commitment, with everything that the sender knows the receiver to have acknowledged.
  const content = snapshot(commitments, sender === 'local' ? 'remoteNext' : 'localNext', params.isFunder);
  const direction = sender === 'local' ? 'offered' : 'received';
  let [count, inFlight] = [0, 0n];
  for (const entry of content.htlcs) {
    if (entry.direction !== direction) continue;
    count++;
    inFlight += entry.htlc.amountMsat;
  }
  const balance = { local: content.localMsat, remote: content.remoteMsat };
  const senderIsFunder = params.isFunder === (sender === 'local');
  return {
    senderMsat: balance[sender],
    funderMsat: senderIsFunder ? null : balance[receiver],
    senderReserve: params[receiver].channelReserve,
    funderReserve: params[senderIsFunder ? receiver : sender].channelReserve,
    count,
    inFlight: msat(inFlight),
    maxAcceptedHtlcs: params[receiver].maxAcceptedHtlcs,
    maxInFlight: params[receiver].maxHtlcValueInFlight,
    htlcMinimum: params[receiver].htlcMinimum,
    commitments: (['local', 'remote'] as const).map((owner) => loadOf(params, content, owner, sender)),
    feerate: content.feerate,
    format: formatOf(params),
    prudence: perspective === 'offered' ? null : { maxDustExposure: params.maxDustHtlcExposure },
  };
}

function loadOf(params: ChannelParams, content: Snapshot, owner: Side, sender: Side): CommitmentLoad {
  const { htlcs } = specFor(content, owner);
  const rules = rulesOf(params, owner, content.feerate);
  return {
    owner,
    untrimmed: countUntrimmed(htlcs, rules),
    dust: dustExposure(htlcs, rules),
    threshold: trimThreshold(rules, owner === sender),
  };
}

/** The rule of BOLT 2 that an HTLC of this amount breaks, or null. */
export function brokenByAmount(rules: AddRules, amount: Msat): Broken | null {
  if (amount <= 0n) return { rule: 'amount_msat', message: 'the amount is not above 0' };
  if (amount < rules.htlcMinimum)
    return { rule: 'htlc_minimum_msat', message: `${amount} msat is below the minimum of ${rules.htlcMinimum}` };
  if (rules.count + 1 > rules.maxAcceptedHtlcs)
    return { rule: 'max_accepted_htlcs', message: `${rules.count} HTLCs are in flight of at most ${rules.maxAcceptedHtlcs}` };
  if (rules.inFlight + amount > rules.maxInFlight)
    return {
      rule: 'max_htlc_value_in_flight_msat',
      message: `${rules.inFlight} msat are in flight, and ${amount} more would pass ${rules.maxInFlight}`,
    };
  return brokenByBalance(rules, amount) ?? brokenByDust(rules, amount);
}

function brokenByBalance(rules: AddRules, amount: Msat): Broken | null {
  const left = rules.senderMsat - amount - satToMsat(rules.senderReserve);
  if (left < 0n) return { rule: 'channel_reserve_satoshis', message: `of ${rules.senderMsat} msat, ${rules.senderReserve} sat must stay` };
  const cost = satToMsat(costWith(rules, amount));
  if (rules.funderMsat === null) {
    if (left < cost) return { rule: 'fee', message: `the funder keeps its reserve but cannot pay the fee of ${cost} msat` };
    // BOLT 2: "It is recommended that this "fee spike buffer" can handle twice the current feerate_per_kw", with one more HTLC.
    const buffer = rules.prudence === null ? cost : satToMsat(bufferWith(rules, amount));
    if (left < buffer) return { rule: 'fee_spike_buffer', message: `a fee spike needs ${buffer} msat beside the reserve` };
    return null;
  }
  // BOLT 2: "SHOULD NOT offer amount_msat if, once the remote node adds that HTLC to its commitment transaction, it cannot pay the fee"
  if (rules.prudence !== null && rules.funderMsat < satToMsat(rules.funderReserve) + cost)
    return { rule: 'fee', message: `the funder could not pay the fee of ${cost} msat` };
  return null;
}

/** What the funder pays for the dearer of the two commitments with one more HTLC of this amount. */
const costWith = (rules: AddRules, amount: Msat): Sat => costliest(rules, amount, rules.feerate, 0);

const bufferWith = (rules: AddRules, amount: Msat): Sat => costliest(rules, amount, feeratePerKw(2 * rules.feerate), 1);

function costliest(rules: AddRules, amount: Msat, feerate: FeeratePerKw, more: number): Sat {
  // Of a peer nothing more is asked than that it can pay for our commitment, which is the one it is about to sign.
  const counted = rules.prudence === null ? rules.commitments.filter(({ owner }) => owner === 'local') : rules.commitments;
  const untrimmed = counted.map((load) => load.untrimmed + (amount >= load.threshold ? 1 : 0) + more);
  return funderCost(rules.format, feerate, Math.max(...untrimmed));
}

function brokenByDust(rules: AddRules, amount: Msat): Broken | null {
  if (rules.prudence === null) return null;
  const most = rules.prudence.maxDustExposure;
  for (const { owner, dust, threshold } of rules.commitments)
    if (amount < threshold && dust + amount > most)
      return { rule: 'max_dust_htlc_exposure_msat', message: `dust on the ${owner} commitment would pass ${most} msat` };
  return null;
}

/** The largest amount that `brokenByAmount` lets pass; 0 where there is none. */
export function largestAmount(rules: AddRules): Msat {
  // Between the thresholds at which an HTLC stops being dust, more is never easier than less: each stretch is halved down to its largest.
  const edges = [...new Set([1n, ...rules.commitments.map((load) => load.threshold as bigint)])].sort((a, b) => (a < b ? -1 : 1));
  for (let i = edges.length - 1; i >= 0; i--) {
    const least = max(edges[i] as bigint, rules.htlcMinimum);
    const end = i === edges.length - 1 ? (rules.senderMsat as bigint) : (edges[i + 1] as bigint) - 1n;
    const found = largestBetween(rules, least, end);
    if (found !== null) return msat(found);
  }
  return msat(0);
}

function largestBetween(rules: AddRules, least: bigint, most: bigint): bigint | null {
  const passes = (amount: bigint): boolean => brokenByAmount(rules, msat(amount)) === null;
  if (least > most || !passes(least)) return null;
  let [low, high] = [least, most];
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (passes(middle)) low = middle;
    else high = middle - 1n;
  }
  return low;
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Why the funder cannot go to this feerate, or null. `reserve`: whether what the other side asks to be kept must be left. */
export function brokenByFeerate(
  params: ChannelParams,
  commitments: Commitments,
  feerate: FeeratePerKw,
  perspective: 'offering' | 'offered',
): Broken | null {
  const offering = perspective === 'offering';
  const content = snapshot(commitments, offering ? 'remoteNext' : 'localNext', params.isFunder);
  const funderMsat = offering ? content.localMsat : content.remoteMsat;
  const reserve = offering ? params.remote.channelReserve : sat(0);
  for (const owner of ['local', 'remote'] as const) {
    const { htlcs } = specFor(content, owner);
    const rules = rulesOf(params, owner, feerate);
    const cost = funderCost(rules.format, feerate, countUntrimmed(htlcs, rules));
    if (funderMsat < satToMsat(sat(reserve + cost)))
      return { rule: 'fee', message: `at ${feerate} sat/kw the ${owner} commitment costs ${cost} sat, more than the funder has` };
    // BOLT 2: with option_anchors a feerate trims no further HTLC.
    if (offering && dustExposure(htlcs, rules) > params.maxDustHtlcExposure)
      return { rule: 'max_dust_htlc_exposure_msat', message: `at ${feerate} sat/kw too much of the ${owner} commitment would be dust` };
  }
  return null;
}

/**
 * Of HTLCs that have just become irrevocable, the ids of those that should be failed for what they add to the dust on either commitment.
 * BOLT 2: "if the amount_msat plus the dust balance of the (remote or local) transaction is greater than max_dust_htlc_exposure_msat".
 */
export function overDustExposure(params: ChannelParams, commitments: Commitments, added: readonly LiveHtlc[]): ReadonlySet<bigint> {
  const over = new Set<bigint>();
  const ids = new Set(added.map((entry) => entry.htlc.id));
  const feerate = snapshot(commitments, 'remoteNext', params.isFunder).feerate;
  const before = commitments.htlcs.filter(
    (entry) => entry.direction === 'offered' || (entry.stage >= STAGE.committed && !ids.has(entry.htlc.id)),
  );
  const content = { localMsat: msat(0), remoteMsat: msat(0), feerate, htlcs: before };
  const loads = (['local', 'remote'] as const).map((owner) => ({ ...loadOf(params, content, owner, 'remote') }));
  const dust = loads.map((load) => load.dust as bigint);
  for (const { htlc } of added) {
    const hits = loads.map((load) => htlc.amountMsat < load.threshold);
    if (hits.some((hit, i) => hit && (dust[i] as bigint) + htlc.amountMsat > params.maxDustHtlcExposure)) {
      over.add(htlc.id);
      continue;
    }
    hits.forEach((hit, i) => {
      if (hit) dust[i] = (dust[i] as bigint) + htlc.amountMsat;
    });
  }
  return over;
}
