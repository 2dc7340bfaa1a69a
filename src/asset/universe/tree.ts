import type { Bytes } from '../../base/bytes.ts';
import type { Leaf, NodeRef } from '../mssmt/node.ts';
import { decodeProof, verifyProof } from '../mssmt/proof.ts';
import { type LeafKey, leafTreeKey, type ProofType, type UniverseId, universeKey } from './id.ts';

/**
 * The trees of a universe as tapd makes them (universe/interface.go, tapdb/universe.go): a tree for each universe, its leaves whole transition
 * proofs; and over the universes of one proof type a tree of their roots, the multiverse.
 */

/** The value is the transition proof. Mintings sum up to the units minted; transfers are counted. */
export const universeLeaf = (proofType: ProofType, proof: { readonly amount: bigint; readonly raw: Bytes }): Leaf => ({
  value: proof.raw,
  sum: proofType === 'issuance' ? proof.amount : 1n,
});

/** The value is the universe's root. Of mintings each universe counts one, of transfers as many as it has. */
export const multiverseLeaf = (proofType: ProofType, root: NodeRef): Leaf => ({
  value: root.hash,
  sum: proofType === 'issuance' ? 1n : root.sum,
});

/** What a universe answers with, as far as it proves that the leaf is in it. */
export interface Inclusion {
  readonly id: UniverseId;
  readonly root: NodeRef;
  readonly key: LeafKey;
  readonly amount: bigint;
  readonly proof: Bytes;
  /** Compressed. */
  readonly inclusionProof: Bytes;
}

/** Whether the leaf is in the tree under `root`. */
export function isIncluded({ id, root, key, amount, proof, inclusionProof }: Inclusion): boolean {
  const path = decodeProof(inclusionProof);
  if (!path.ok) return false;
  return verifyProof(path.value, { key: leafTreeKey(key), leaf: universeLeaf(id.proofType, { amount, raw: proof }), root });
}

/** Whether the universe's root is in the multiverse under `multiverseRoot`. */
export function isInMultiverse(part: {
  readonly id: UniverseId;
  readonly root: NodeRef;
  readonly multiverseRoot: NodeRef;
  readonly inclusionProof: Bytes;
}): boolean {
  const path = decodeProof(part.inclusionProof);
  if (!path.ok) return false;
  const leaf = multiverseLeaf(part.id.proofType, part.root);
  return verifyProof(path.value, { key: universeKey(part.id), leaf, root: part.multiverseRoot });
}
