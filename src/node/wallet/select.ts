import type { FeeratePerKw, Sat } from '../../base/units.ts';
import { feeOfWeightCeil, inputWeight } from '../../bitcoin/fees.ts';
import type { Coin } from './types.ts';

/** What a coin brings after the fee for spending it; zero or less means that it is not worth spending. */
export const effectiveValue = (coin: Coin, feerate: FeeratePerKw): bigint =>
  coin.output.amount - feeOfWeightCeil(inputWeight(coin.path.account), feerate);

/** Visits of the search before it gives up: some milliseconds. */
const MOST_VISITS = 50_000;

/**
 * Looks for coins whose effective values reach `target` and pass it by at most `slack`: then no change output is needed. Branch and bound,
 * as Bitcoin Core's: inclusion first, largest first; the least excess found wins. null where there is none or the search gave up empty-handed.
 */
export function selectExact(
  coins: readonly Coin[],
  part: { readonly target: Sat; readonly slack: Sat; readonly feerate: FeeratePerKw },
): readonly Coin[] | null {
  const pool = coins
    .map((coin) => ({ coin, value: effectiveValue(coin, part.feerate) }))
    .filter((item) => item.value > 0n)
    .sort((a, b) => (a.value > b.value ? -1 : a.value < b.value ? 1 : 0));
  // What the coins from an index on can still bring.
  const rest: bigint[] = new Array(pool.length + 1).fill(0n);
  for (let i = pool.length - 1; i >= 0; i--) rest[i] = (rest[i + 1] as bigint) + (pool[i]?.value as bigint);
  const [least, most] = [part.target, part.target + part.slack];
  let best: { readonly chosen: readonly number[]; readonly sum: bigint } | null = null;
  let visits = 0;
  const chosen: number[] = [];
  const visit = (at: number, sum: bigint): void => {
    visits += 1;
    if (visits > MOST_VISITS || sum > most || sum + (rest[at] as bigint) < least || best?.sum === least) return;
    if (sum >= least) {
      if (best === null || sum < best.sum) best = { chosen: [...chosen], sum };
      return;
    }
    const item = pool[at];
    if (item === undefined) return;
    chosen.push(at);
    visit(at + 1, sum + item.value);
    chosen.pop();
    visit(at + 1, sum);
  };
  if (pool.length <= 2000) visit(0, 0n);
  return best === null
    ? null
    : (best as { readonly chosen: readonly number[] }).chosen.map((i) => (pool[i] as { readonly coin: Coin }).coin);
}

/** Largest first until the effective values reach `target`; all that is worth spending where they do not. */
export function selectLargest(coins: readonly Coin[], part: { readonly target: Sat; readonly feerate: FeeratePerKw }): readonly Coin[] {
  const chosen: Coin[] = [];
  let sum = 0n;
  for (const coin of coins) {
    if (sum >= part.target) break;
    const value = effectiveValue(coin, part.feerate);
    if (value <= 0n) continue;
    chosen.push(coin);
    sum += value;
  }
  return chosen;
}
