import { toHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import type { UnixTime } from '../../base/units.ts';
import { placeOf } from './fate.ts';
import type { AssetState, Lease } from './types.ts';

/** The lease that holds an output back, or null. */
export const leaseOf = (state: Pick<AssetState, 'leases'>, outPoint: OutPoint): Lease | null => {
  if (state.leases.length === 0) return null;
  const place = placeOf(outPoint);
  return state.leases.find(({ purpose, outPoint: held }) => purpose !== 'lapsed' && placeOf(held) === place) ?? null;
};

/** What packets and offers hold back now. */
export const heldBack = ({ leases }: Pick<AssetState, 'leases'>, now: UnixTime): readonly OutPoint[] =>
  leases.flatMap(({ outPoint, purpose, expiresAt }) => (purpose !== 'lapsed' && expiresAt > now ? [outPoint] : []));

/** With the leases; one of the same output gives way. */
export function withLeases(state: AssetState, leases: readonly Lease[]): AssetState {
  const places = new Set(leases.map(({ outPoint }) => placeOf(outPoint)));
  return { ...state, leases: [...state.leases.filter(({ outPoint }) => !places.has(placeOf(outPoint))), ...leases] };
}

/** Without the leases that have run out; of an offer it is remembered that it was made. */
export function withoutExpired(state: AssetState, now: UnixTime): AssetState {
  if (!state.leases.some(({ expiresAt, purpose }) => expiresAt <= now && purpose !== 'lapsed')) return state;
  const leases = state.leases.flatMap((lease): readonly Lease[] => {
    if (lease.expiresAt > now) return [lease];
    return lease.purpose === 'packet' ? [] : [{ ...lease, purpose: 'lapsed' }];
  });
  return { ...state, leases };
}

/** Nothing holds an output back any more; of an offer it is remembered that it was made: it can still be accepted. */
export function lapsed(state: AssetState, outPoint: OutPoint): AssetState {
  const leases = state.leases.flatMap((lease): readonly Lease[] => {
    if (placeOf(lease.outPoint) !== placeOf(outPoint)) return [lease];
    return lease.purpose === 'packet' ? [] : [{ ...lease, purpose: 'lapsed' }];
  });
  return { ...state, leases };
}

/** Without those of one packet or offer, or of one output. */
export function released(state: AssetState, which: { readonly id: Uint8Array } | { readonly outPoint: OutPoint }): AssetState {
  const leases = state.leases.filter((lease) =>
    'id' in which ? toHex(lease.id) !== toHex(which.id) : placeOf(lease.outPoint) !== placeOf(which.outPoint),
  );
  return leases.length === state.leases.length ? state : { ...state, leases };
}
