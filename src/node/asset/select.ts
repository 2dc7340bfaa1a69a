import { type Bytes, compare, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { NodeFailure } from '../types.ts';
import { isDead, placeOf } from './fate.ts';
import { anchorOf } from './files.ts';
import { leaseOf } from './lease.ts';
import type { AssetState, Holding, HoldingFacts } from './types.ts';

export type HoldingState = 'confirmed' | 'pending' | 'leased' | 'spent' | 'burnt' | 'tombstone' | 'sent' | 'replaced';

/**
 * What a holding is to its owner. `pending`: its anchor is in no block. `leased`: a transfer that is not confirmed spends it, or a packet or an
 * offer that has left us. `replaced`: another transaction has taken the place of its anchor. Burnt units, tombstones and what is another's
 * are never counted.
 */
export function holdingState(state: AssetState, holding: Holding): HoldingState {
  const { fate, outPoint } = holding.facts;
  if (isDead(state, outPoint.txid)) return 'replaced';
  if (fate !== 'live') return fate;
  if (holding.scriptKeyIndex === null || holding.internalKeyIndex === null) return 'sent';
  if (holding.spentBy !== null) return state.anchors.get(holding.spentBy)?.block === null ? 'leased' : 'spent';
  if (anchorOf(state, holding).block === null) return 'pending';
  return leaseOf(state, outPoint) === null ? 'confirmed' : 'leased';
}

/** Outputs of ours in blocks that hold nothing any more but tombstones and burnt units: the bitcoin in them comes back when they are spent. */
export function emptyOutputs(state: AssetState): readonly Holding[] {
  const places = new Map<string, Holding | null>();
  for (const holding of state.holdings.values()) {
    const is = holdingState(state, holding);
    const isEmpty = (is === 'tombstone' || is === 'burnt') && holding.internalKeyIndex !== null && holding.spentBy === null;
    const place = placeOf(holding.facts.outPoint);
    if (!isEmpty || anchorOf(state, holding).block === null) places.set(place, null);
    else if (!places.has(place)) places.set(place, holding);
  }
  return [...places.values()].flatMap((holding) => (holding === null || leaseOf(state, holding.facts.outPoint) !== null ? [] : [holding]));
}

/** Ours and not spent by anything that is confirmed. */
export const isHeld = (state: AssetState, holding: Holding): boolean =>
  ['confirmed', 'pending', 'leased'].includes(holdingState(state, holding));

/** Holdings of one asset that reach `amount`: the largest first, so that few are used. Fails with INSUFFICIENT_FUNDS. */
export function selectHoldings(state: AssetState, id: Bytes, amount: bigint): Result<readonly [Holding, ...Holding[]], NodeFailure> {
  const { free, sums } = available(state, (facts) => equal(facts.assetId, id));
  const chosen: Holding[] = [];
  let sum = 0n;
  for (const holding of free) {
    if (sum >= amount) break;
    chosen.push(holding);
    sum += holding.facts.amount;
  }
  const [first, ...others] = chosen;
  return first !== undefined && sum >= amount ? ok([first, ...others]) : tooFew(`asset ${toHex(id)}`, amount, sums);
}

interface Sums {
  confirmed: bigint;
  pending: bigint;
  leased: bigint;
}

/** What can be spent of the assets that fit, largest first, and how many units there are in all. */
function available(state: AssetState, fits: (facts: HoldingFacts) => boolean): { readonly free: readonly Holding[]; readonly sums: Sums } {
  const sums: Sums = { confirmed: 0n, pending: 0n, leased: 0n };
  const free: Holding[] = [];
  for (const holding of state.holdings.values()) {
    const { facts } = holding;
    if (!fits(facts)) continue;
    const is = holdingState(state, holding);
    if (is === 'confirmed' || is === 'pending' || is === 'leased') sums[is] += facts.amount;
    if (is === 'confirmed') free.push(holding);
  }
  free.sort((a, b) => order(b.facts.amount, a.facts.amount) || compare(a.key, b.key));
  return { free, sums };
}

const tooFew = (what: string, amount: bigint, sums: Sums) =>
  fail<NodeFailure>({
    code: 'INSUFFICIENT_FUNDS',
    message: `${amount} units of ${what} are asked for, and ${sums.confirmed} can be spent now`,
    ...(sums.pending + sums.leased > 0n && sums.confirmed + sums.pending + sums.leased >= amount
      ? { hint: 'wait until what is under way has confirmed; `lnkit asset lease` lists what is held back' }
      : {}),
    details: { confirmed: `${sums.confirmed}`, pending: `${sums.pending}`, leased: `${sums.leased}`, asked: `${amount}` },
  });

/** So much of one asset of a group, and the holdings that it comes from. */
export interface GroupShare {
  readonly assetId: Bytes;
  readonly amount: bigint;
  readonly holdings: readonly [Holding, ...Holding[]];
}

/**
 * Holdings of a group, whatever its tranche, that reach `amount`: the largest first. What each share asks for, `selectHoldings` answers with the
 * same holdings. Fails with INSUFFICIENT_FUNDS; `groupKey` is 33 bytes.
 */
export function selectGroup(state: AssetState, groupKey: Bytes, amount: bigint): Result<readonly GroupShare[], NodeFailure> {
  const { free, sums } = available(state, (facts) => facts.groupKey !== null && equal(facts.groupKey, groupKey));
  const shares = new Map<string, { readonly assetId: Bytes; amount: bigint; readonly holdings: Holding[] }>();
  let left = amount;
  for (const holding of free) {
    if (left <= 0n) break;
    const { assetId, amount: units } = holding.facts;
    const share = shares.get(toHex(assetId)) ?? { assetId, amount: 0n, holdings: [] };
    share.amount += units < left ? units : left;
    share.holdings.push(holding);
    shares.set(toHex(assetId), share);
    left -= units;
  }
  if (left > 0n || shares.size === 0) return tooFew(`group ${toHex(groupKey)}`, amount, sums);
  return ok([...shares.values()].map((share) => ({ ...share, holdings: share.holdings as unknown as [Holding, ...Holding[]] })));
}

/** Everything that stands in the outputs of `chosen`, besides them. */
export function companions(state: AssetState, chosen: readonly Holding[]): readonly Holding[] {
  const places = new Set(chosen.map((holding) => placeOf(holding.facts.outPoint)));
  const keys = new Set(chosen.map(({ key }) => toHex(key)));
  return [...state.holdings.values()].filter((holding) => places.has(placeOf(holding.facts.outPoint)) && !keys.has(toHex(holding.key)));
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
