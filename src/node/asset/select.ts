import { type Bytes, compare, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { NodeFailure } from '../types.ts';
import { outPointKey } from '../wallet/types.ts';
import { anchorOf } from './files.ts';
import type { AssetState, Holding } from './types.ts';

export type HoldingState = 'confirmed' | 'pending' | 'leased' | 'spent' | 'burnt' | 'tombstone' | 'sent';

/**
 * What a holding is to its owner. `pending`: its anchor is in no block. `leased`: a transfer that is not confirmed spends it. Burnt units,
 * tombstones and what is another's are never counted.
 */
export function holdingState(state: AssetState, holding: Holding): HoldingState {
  const { fate } = holding.facts;
  if (fate !== 'live') return fate;
  if (holding.scriptKeyIndex === null || holding.internalKeyIndex === null) return 'sent';
  if (holding.spentBy !== null) return state.anchors.get(holding.spentBy)?.block === null ? 'leased' : 'spent';
  return anchorOf(state, holding).block === null ? 'pending' : 'confirmed';
}

/** Ours and not spent by anything that is confirmed. */
export const isHeld = (state: AssetState, holding: Holding): boolean =>
  ['confirmed', 'pending', 'leased'].includes(holdingState(state, holding));

/** Holdings of one asset that reach `amount`: the largest first, so that few are used. Fails with INSUFFICIENT_FUNDS. */
export function selectHoldings(state: AssetState, id: Bytes, amount: bigint): Result<readonly [Holding, ...Holding[]], NodeFailure> {
  const sums = { confirmed: 0n, pending: 0n, leased: 0n };
  const free: Holding[] = [];
  for (const holding of state.holdings.values()) {
    const { facts } = holding;
    if (!equal(facts.assetId, id)) continue;
    const is = holdingState(state, holding);
    if (is === 'confirmed' || is === 'pending' || is === 'leased') sums[is] += facts.amount;
    if (is === 'confirmed') free.push(holding);
  }
  free.sort((a, b) => order(b.facts.amount, a.facts.amount) || compare(a.key, b.key));
  const chosen: Holding[] = [];
  let sum = 0n;
  for (const holding of free) {
    if (sum >= amount) break;
    chosen.push(holding);
    sum += holding.facts.amount;
  }
  const [first, ...others] = chosen;
  if (first !== undefined && sum >= amount) return ok([first, ...others]);
  return fail({
    code: 'INSUFFICIENT_FUNDS',
    message: `${amount} units of asset ${toHex(id)} are asked for, and ${sums.confirmed} can be spent now`,
    ...(sums.pending + sums.leased > 0n ? { hint: 'wait until what is under way has confirmed' } : {}),
    details: { confirmed: `${sums.confirmed}`, pending: `${sums.pending}`, leased: `${sums.leased}`, asked: `${amount}` },
  });
}

/** Everything that stands in the outputs of `chosen`, besides them. */
export function companions(state: AssetState, chosen: readonly Holding[]): readonly Holding[] {
  const places = new Set(chosen.map((holding) => toHex(outPointKey(holding.facts.outPoint))));
  const keys = new Set(chosen.map(({ key }) => toHex(key)));
  return [...state.holdings.values()].filter(
    (holding) => places.has(toHex(outPointKey(holding.facts.outPoint))) && !keys.has(toHex(holding.key)),
  );
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
