import { toHex } from '../../base/bytes.ts';
import { holdingState } from '../../node/asset/select.ts';
import type { AssetState, Holding } from '../../node/asset/types.ts';
import { assetOf, groupKeyOf, units } from './asset.ts';

/** Units of an owner: in blocks and free, in no block yet, and held back by a transfer or a packet that is under way. */
export const sumsSchema = { confirmed: units(), pending: units(), leased: units() };

export interface Sums {
  confirmed: bigint;
  pending: bigint;
  leased: bigint;
}

export const NO_UNITS: Readonly<Sums> = { confirmed: 0n, pending: 0n, leased: 0n };
export const sumsJson = ({ confirmed, pending, leased }: Readonly<Sums>) => ({
  confirmed: `${confirmed}`,
  pending: `${pending}`,
  leased: `${leased}`,
});

/** What is held, by what `keyOf` says (null: not counted), with one of the holdings; what a filter leaves out is not there. */
export function sumsBy(
  state: AssetState,
  keyOf: (holding: Holding) => string | null,
): Map<string, { readonly sums: Sums; readonly holding: Holding; readonly ids: Set<string> }> {
  const found = new Map<string, { readonly sums: Sums; readonly holding: Holding; readonly ids: Set<string> }>();
  for (const holding of state.holdings.values()) {
    const key = keyOf(holding);
    if (key === null) continue;
    const is = holdingState(state, holding);
    if (is !== 'confirmed' && is !== 'pending' && is !== 'leased') continue;
    const entry = found.get(key) ?? { sums: { ...NO_UNITS }, holding, ids: new Set<string>() };
    entry.sums[is] += holding.facts.amount;
    entry.ids.add(toHex(holding.facts.assetId));
    found.set(key, entry);
  }
  return found;
}

/** Whether a holding is of the asset (an id or a name) and of the group that were asked for. Throws NOT_FOUND or USAGE. */
export function filterOf(
  state: AssetState,
  { asset, group }: { readonly asset?: string; readonly group?: string },
): (holding: Holding) => boolean {
  const id = asset === undefined ? null : toHex(assetOf(state, asset).id);
  // Whether its first byte is 02 or 03 says nothing: a group is known by the rest of its key.
  const key = group === undefined ? null : toHex(groupKeyOf(group)).slice(2);
  return ({ facts }) =>
    (id === null || toHex(facts.assetId) === id) && (key === null || (facts.groupKey !== null && toHex(facts.groupKey).slice(2) === key));
}
