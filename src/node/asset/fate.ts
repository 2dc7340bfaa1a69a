import { equal, toHex } from '../../base/bytes.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import { outPointKey } from '../wallet/types.ts';
import type { Anchor, AssetState } from './types.ts';

/** Which transactions can still be, or are, in a block, and what they spend: a function of the anchors alone, so that a reorganisation repairs it. */
export interface Fates {
  /** Ids (hex) of those that a block, or a transaction of ours with a higher fee, has taken the place of. */
  readonly dead: ReadonlySet<string>;
  /** By out point (`placeOf`), the one that spends it and is not dead. */
  readonly spenders: ReadonlyMap<string, TxId>;
}

/** An out point as a key of maps. */
export const placeOf = (outPoint: OutPoint): string => toHex(outPointKey(outPoint));

const known = new WeakMap<AssetState['anchors'], Fates>();

export function fatesOf({ anchors }: Pick<AssetState, 'anchors'>): Fates {
  const before = known.get(anchors);
  if (before !== undefined) return before;
  const fates = judge([...anchors.values()]);
  known.set(anchors, fates);
  return fates;
}

export const isDead = (state: Pick<AssetState, 'anchors'>, txid: TxId): boolean => fatesOf(state).dead.has(toHex(txid));

function judge(anchors: readonly Anchor[]): Fates {
  const confirmed = new Map<string, TxId>();
  for (const { block, tx, txid } of anchors) if (block !== null) for (const { prevout } of tx.inputs) confirmed.set(placeOf(prevout), txid);
  const byId = new Map(anchors.map((anchor) => [toHex(anchor.txid), anchor]));
  const dead = withHeirs(anchors, (anchor) => isBlocked(anchor, confirmed));
  // One that was replaced lives again where its replacement cannot be: that one may spend a coin which is gone.
  const replaced = new Set<string>();
  for (const { replaces, txid } of anchors)
    for (let each = dead.has(toHex(txid)) ? null : replaces; each !== null; each = byId.get(toHex(each))?.replaces ?? null)
      if (!replaced.has(toHex(each))) replaced.add(toHex(each));
      else break;
  const gone = withHeirs(anchors, ({ block, txid }) => dead.has(toHex(txid)) || (block === null && replaced.has(toHex(txid))));
  const spenders = new Map<string, TxId>();
  for (const { tx, txid } of anchors) if (!gone.has(toHex(txid))) for (const { prevout } of tx.inputs) spenders.set(placeOf(prevout), txid);
  return { dead: gone, spenders };
}

/** A block has spent one of its inputs otherwise. */
const isBlocked = ({ block, tx, txid }: Anchor, confirmed: ReadonlyMap<string, TxId>): boolean =>
  block === null &&
  tx.inputs.some(({ prevout }) => {
    const spender = confirmed.get(placeOf(prevout));
    return spender !== undefined && !equal(spender, txid);
  });

/** Ids of those that are condemned, and of all that spend what they would have made. */
function withHeirs(anchors: readonly Anchor[], isCondemned: (anchor: Anchor) => boolean): ReadonlySet<string> {
  const dead = new Set(anchors.filter(isCondemned).map(({ txid }) => toHex(txid)));
  let grew = dead.size > 0;
  while (grew) {
    grew = false;
    for (const { block, tx, txid } of anchors) {
      if (block !== null || dead.has(toHex(txid)) || !tx.inputs.some(({ prevout }) => dead.has(toHex(prevout.txid)))) continue;
      dead.add(toHex(txid));
      grew = true;
    }
  }
  return dead;
}

/** Each holding with the transaction that spends it now; one that nobody spends any more is free again. */
export function settleSpends(state: AssetState): AssetState {
  if (settled.get(state.anchors) === state.holdings) return state;
  const { spenders } = fatesOf(state);
  let { holdings } = state;
  for (const holding of state.holdings.values()) {
    const { spentBy } = holding;
    // Of a spend that is deep in the chain only its id is kept.
    const kept = spentBy !== null && !state.anchors.has(spentBy) ? spentBy : null;
    const next = spenders.get(placeOf(holding.facts.outPoint)) ?? kept;
    const same = next === spentBy || (next !== null && spentBy !== null && equal(next, spentBy));
    if (!same) holdings = holdings.set(holding.key, { ...holding, spentBy: next });
  }
  settled.set(state.anchors, holdings);
  return holdings === state.holdings ? state : { ...state, holdings };
}
const settled = new WeakMap<AssetState['anchors'], AssetState['holdings']>();

/**
 * Our transactions that should be in a mempool or in the chain, oldest first; the wallet knows those that it has a coin in. So should the one by which
 * somebody paid for an asset of ours: after a reorganisation we would have neither.
 */
export const unconfirmedAnchors = (state: Pick<AssetState, 'anchors'>): readonly Anchor[] =>
  [...state.anchors.values()]
    .filter(({ block, feeSat, kind, txid }) => block === null && (feeSat !== null || kind === 'swap') && !isDead(state, txid))
    .sort((a, b) => a.createdAt - b.createdAt);
