import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { type Asset, isGenesisAsset, type PrevId, witnessesOf } from '../asset.ts';
import type { AssetFailure } from '../failure.ts';
import type { NodeRef } from '../mssmt/node.ts';
import { decodeProof, type Proof } from '../proof/proof.ts';
import { type LeafKey, leafKeyOf, leafTreeKey, type UniverseId, universeName } from './id.ts';

/** What one universe has and another has not. */

export interface Rooted {
  readonly id: UniverseId;
  readonly root: NodeRef;
}

/** Of `theirs` the trees that differ from ours, mintings first: transfers are verified against them. */
export function differingRoots<R extends Rooted>(theirs: readonly R[], ours: (id: UniverseId) => NodeRef | null): readonly R[] {
  const seen = new Set<string>();
  const differing = theirs.filter(({ id, root }) => {
    const name = universeName(id);
    if (seen.has(name)) return false;
    seen.add(name);
    const own = ours(id);
    return own === null || own.sum !== root.sum || !equal(own.hash, root.hash);
  });
  return [...differing.filter(({ id }) => id.proofType === 'issuance'), ...differing.filter(({ id }) => id.proofType === 'transfer')];
}

/** A transition on its way into a universe. */
export interface Arrival {
  readonly key: LeafKey;
  readonly raw: Bytes;
  readonly proof: Proof;
}

export function arrivalOf(raw: Bytes): Result<Arrival, AssetFailure<'MALFORMED' | 'TOO_LARGE'>> {
  const proof = decodeProof(raw);
  return proof.ok ? ok({ key: leafKeyOf(proof.value), raw, proof: proof.value }) : proof;
}

/**
 * In an order in which each can be verified after those before it: first assets of groups, then other mintings, then transfers after the ones
 * whose assets they spend.
 */
export function inOrder<A extends Arrival>(arrivals: readonly A[]): readonly A[] {
  const byKey = new Map(arrivals.map((arrival) => [toHex(leafTreeKey(arrival.key)), arrival]));
  const isPlaced = new Set<A>();
  const ordered: A[] = [];
  const rank = ({ proof }: A): number => (proof.groupKeyReveal !== null ? 0 : isGenesisAsset(proof.asset) ? 1 : 2);
  const sorted = [...arrivals].sort((a, b) => rank(a) - rank(b) || a.proof.blockHeight - b.proof.blockHeight);
  for (const first of sorted) {
    // A walk without recursion: a chain of thousands of transfers may be in one block.
    const waiting = [first];
    for (let at = waiting.at(-1); at !== undefined; at = waiting.at(-1)) {
      const before = isPlaced.has(at)
        ? undefined
        : predecessors(at.proof.asset)
            .map(({ key }) => byKey.get(key))
            .find(isOpen);
      if (before !== undefined && waiting.length <= arrivals.length) {
        waiting.push(before);
        continue;
      }
      waiting.pop();
      if (isPlaced.has(at)) continue;
      isPlaced.add(at);
      ordered.push(at);
    }
  }
  return ordered;

  function isOpen(arrival: A | undefined): arrival is A {
    return arrival !== undefined && !isPlaced.has(arrival);
  }
}

/** The leaves whose assets a transfer spends; none for a minting. */
export function predecessors(asset: Asset): readonly { readonly prevId: PrevId; readonly key: string }[] {
  if (isGenesisAsset(asset)) return [];
  return witnessesOf(asset).flatMap(({ prevId }) => (prevId === null ? [] : [{ prevId, key: toHex(leafTreeKey(prevId)) }]));
}
