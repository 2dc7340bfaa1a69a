import { toHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import type { UnixTime } from '../../base/units.ts';
import { placeOf } from './fate.ts';
import type { AssetState, Lease } from './types.ts';

/** The lease that holds an output back, or null. */
export const leaseOf = (state: Pick<AssetState, 'leases'>, outPoint: OutPoint): Lease | null => {
  if (state.leases.length === 0) return null;
  const place = placeOf(outPoint);
  return state.leases.find((lease) => placeOf(lease.outPoint) === place) ?? null;
};

/** With the leases; one of the same output gives way. */
export function withLeases(state: AssetState, leases: readonly Lease[]): AssetState {
  const places = new Set(leases.map(({ outPoint }) => placeOf(outPoint)));
  return { ...state, leases: [...state.leases.filter(({ outPoint }) => !places.has(placeOf(outPoint))), ...leases] };
}

/** Without the leases that have run out. */
export function withoutExpired(state: AssetState, now: UnixTime): AssetState {
  const leases = state.leases.filter(({ expiresAt }) => expiresAt > now);
  return leases.length === state.leases.length ? state : { ...state, leases };
}

/** Without those of one packet or offer, or of one output. */
export function released(state: AssetState, which: { readonly id: Uint8Array } | { readonly outPoint: OutPoint }): AssetState {
  const leases = state.leases.filter((lease) =>
    'id' in which ? toHex(lease.id) !== toHex(which.id) : placeOf(lease.outPoint) !== placeOf(which.outPoint),
  );
  return leases.length === state.leases.length ? state : { ...state, leases };
}
