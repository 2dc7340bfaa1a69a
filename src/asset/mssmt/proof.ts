import { type Bytes, equal } from '../../base/bytes.ts';
import type { Result } from '../../base/result.ts';
import { type Codec, type DecodeFailure, decodeWith, encodeWith } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { keyBit, LEVELS, merkleSum } from '../../crypto/merkle-sum.ts';
import { type Leaf, leafHash, MAX_SUM, type NodeRef, refOf } from './node.ts';

/**
 * A merkle proof in the compressed form of the wire: of the 256 siblings from the leaf up, those of empty subtrees are a bit, the others stand in
 * `nodes`. It proves a leaf, or with the empty leaf that a key has none.
 */
export interface Proof {
  readonly nodes: readonly NodeRef[];
  /** 32 bytes; bit i (least significant first) is set where the sibling at level 256 - i is empty. */
  readonly empty: Bytes;
}

/** The proof of siblings by level (1 to 256). */
export function proofOf(siblings: readonly (NodeRef | null | undefined)[]): Proof {
  const nodes: NodeRef[] = [];
  const empty = new Uint8Array(LEVELS / 8);
  for (let level = LEVELS; level > 0; level--) {
    const sibling = siblings[level];
    if (sibling === null || sibling === undefined) setBit(empty, LEVELS - level);
    else nodes.push({ hash: sibling.hash, sum: sibling.sum });
  }
  return { nodes, empty };
}

/** The root's two children and its sum. */
export interface RootBranch {
  readonly left: Bytes;
  readonly right: Bytes;
  readonly hash: Bytes;
  readonly sum: bigint;
}

/** The root to which a proof leads from `leaf` (null: no leaf) at `key`; null where sums overflow 64 bits. */
export function proofRoot(proof: Proof, key: Bytes, leaf: Leaf | null): RootBranch | null {
  const start = leaf === null ? refOf(null, LEVELS) : { hash: leafHash(leaf), sum: leaf.sum };
  let { hash, sum }: NodeRef = start;
  let next = 0;
  for (let level = LEVELS; level > 1; ) {
    if (hasBit(proof.empty, LEVELS - level)) {
      let to = level - 1;
      while (to > 1 && hasBit(proof.empty, LEVELS - to)) to--;
      hash = merkleSum().fold({ hash, sum, key, from: level, to });
      level = to;
      continue;
    }
    const sibling = proof.nodes[next++] as NodeRef;
    sum += sibling.sum;
    if (sum > MAX_SUM) return null;
    hash = keyBit(key, level - 1) === 0 ? merkleSum().branch(hash, sibling.hash, sum) : merkleSum().branch(sibling.hash, hash, sum);
    level--;
  }
  const last = hasBit(proof.empty, LEVELS - 1) ? refOf(null, 1) : (proof.nodes[next] as NodeRef);
  sum += last.sum;
  if (sum > MAX_SUM) return null;
  const [left, right] = keyBit(key, 0) === 0 ? [hash, last.hash] : [last.hash, hash];
  return { left, right, hash: merkleSum().branch(left, right, sum), sum };
}

export function verifyProof(proof: Proof, part: { readonly key: Bytes; readonly leaf: Leaf | null; readonly root: NodeRef }): boolean {
  const root = proofRoot(proof, part.key, part.leaf);
  return root !== null && root.sum === part.root.sum && equal(root.hash, part.root.hash);
}

/** A count, so many hashes with sums, and the 256 bits; up to the end of the enclosing record. */
export const proofCodec: Codec<Proof> = {
  write(to, proof) {
    to.u16(proof.nodes.length);
    for (const node of proof.nodes) to.bytes(node.hash).u64(node.sum);
    to.bytes(proof.empty);
  },
  read(from) {
    const count = from.u16();
    // Looked at before anything is allocated: the length is wholly given by the count.
    if (count > LEVELS || from.left !== 40 * count + 32) throw new CodecError(`a proof of ${count} nodes in ${from.left} bytes`);
    const nodes = Array.from({ length: count }, () => ({ hash: from.take(32).slice(), sum: from.u64() }));
    const empty = from.take(32).slice();
    let explicit = 0;
    for (let i = 0; i < LEVELS; i++) if (!hasBit(empty, i)) explicit++;
    if (explicit !== count) throw new CodecError(`${count} nodes where the bits say ${explicit}`);
    return { nodes, empty };
  },
};

export const encodeProof = (proof: Proof): Bytes => encodeWith(proofCodec, proof);
export const decodeProof = (bytes: Bytes): Result<Proof, DecodeFailure> => decodeWith(proofCodec, bytes);

const hasBit = (bits: Bytes, i: number): boolean => (((bits[i >> 3] as number) >> (i & 7)) & 1) === 1;
function setBit(bits: Uint8Array, i: number): void {
  bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
}
