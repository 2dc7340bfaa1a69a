import { proveTx } from '../../asset/proof/tx-merkle.ts';
import { toHex } from '../../base/bytes.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import type { BlockInput } from '../types.ts';
import { FINAL_DEPTH } from '../wallet/types.ts';
import { fatesOf, isDead, placeOf, settleSpends } from './fate.ts';
import type { Anchor, AssetState } from './types.ts';

/**
 * What a block says of spends: others' transactions that take an output with assets of ours, or an input that one of ours relies on, are
 * written down, so that nothing stays pending for ever. What the chain has buried is forgotten.
 */
export function connectSpends(state: AssetState, block: BlockInput): AssetState {
  const places = watchedPlaces(state);
  let { anchors } = state;
  let leases = state.leases;
  let txids: ReturnType<typeof txId>[] | null = null;
  for (const [index, tx] of block.txs.entries()) {
    const taken = tx.inputs.filter(({ prevout }) => places.has(placeOf(prevout)));
    if (taken.length === 0 || block.header === undefined) continue;
    const spent = new Set(taken.map(({ prevout }) => placeOf(prevout)));
    const sold = leases.some(({ purpose, outPoint }) => purpose !== 'packet' && spent.has(placeOf(outPoint)));
    leases = leases.filter(({ outPoint }) => !spent.has(placeOf(outPoint)));
    txids ??= block.txs.map(txId);
    const id = txids[index] as ReturnType<typeof txId>;
    if (anchors.has(id)) continue;
    const place = { header: block.header, height: block.height, txMerkleProof: proveTx(txids, index) };
    const createdAt = block.time;
    const kind = sold ? 'swap' : 'foreign';
    anchors = anchors.set(id, {
      txid: id,
      tx,
      kind,
      block: place,
      feeSat: null,
      createdAt,
      deliveries: [],
      note: null,
      replaces: null,
    });
  }
  if (leases.length === state.leases.length) leases = state.leases;
  const next = anchors === state.anchors && leases === state.leases ? state : { ...state, anchors, leases };
  return buried(settleSpends(next), block.height);
}

const known = new WeakMap<AssetState['holdings'], { readonly anchors: AssetState['anchors']; readonly places: ReadonlySet<string> }>();

/** What a spend of is news: our outputs with assets that nothing in a block spends, and the inputs of our unconfirmed transactions. */
function watchedPlaces(state: AssetState): ReadonlySet<string> {
  const before = known.get(state.holdings);
  if (before?.anchors === state.anchors) return before.places;
  const places = new Set<string>();
  for (const { facts, internalKeyIndex, spentBy } of state.holdings.values())
    if (internalKeyIndex !== null && (spentBy === null || state.anchors.get(spentBy)?.block === null)) places.add(placeOf(facts.outPoint));
  for (const { block, tx } of state.anchors.values()) if (block === null) for (const { prevout } of tx.inputs) places.add(placeOf(prevout));
  known.set(state.holdings, { anchors: state.anchors, places });
  return places;
}

/** Without the transactions that lost to one which is final, and without others' spends that nothing disputes any more. */
function buried(state: AssetState, height: number): AssetState {
  const { dead } = fatesOf(state);
  const isFinal = ({ block }: Anchor): boolean => block !== null && height - block.height >= FINAL_DEPTH;
  const finals = new Map<string, Anchor>();
  for (const anchor of state.anchors.values())
    if (isFinal(anchor) && (dead.size > 0 || anchor.kind === 'foreign'))
      for (const { prevout } of anchor.tx.inputs) finals.set(placeOf(prevout), anchor);
  const lost = (tx: Tx): boolean => tx.inputs.some(({ prevout }) => finals.has(placeOf(prevout)));
  let { anchors, holdings, known: infos, groups } = state;
  for (const anchor of state.anchors.values()) {
    if (anchor.block !== null || !isDead(state, anchor.txid) || !lost(anchor.tx)) continue;
    anchors = anchors.delete(anchor.txid);
    for (const holding of state.holdings.values())
      if (toHex(holding.facts.outPoint.txid) === toHex(anchor.txid)) holdings = holdings.delete(holding.key);
  }
  if (holdings !== state.holdings) {
    // An asset whose only minting never was is not known either.
    const left = new Set([...holdings.values()].map(({ facts }) => toHex(facts.assetId)));
    for (const { facts, proof } of state.holdings.values()) {
      if (left.has(toHex(facts.assetId)) || proof.genesisReveal === null) continue;
      infos = infos.delete(facts.assetId);
      const group = proof.asset.groupKey;
      if (group !== null && proof.groupKeyReveal !== null) groups = groups.delete(group);
    }
  }
  const disputed = new Set(
    [...anchors.values()].flatMap(({ block, tx }) => (block === null ? tx.inputs.map((each) => placeOf(each.prevout)) : [])),
  );
  // What was bought has its history in the transaction that its seller made.
  const needed = new Set([...holdings.values()].map(({ facts }) => toHex(facts.outPoint.txid)));
  for (const anchor of finals.values()) {
    const isAsked = needed.has(toHex(anchor.txid)) || anchor.tx.inputs.some(({ prevout }) => disputed.has(placeOf(prevout)));
    if (anchor.kind === 'foreign' && !isAsked) anchors = anchors.delete(anchor.txid);
  }
  if (anchors === state.anchors) return state;
  return { ...state, anchors, holdings, known: infos, groups };
}
