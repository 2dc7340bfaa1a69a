import type { Bytes } from '../../base/bytes.ts';
import { Writer } from '../../codec/writer.ts';
import { sha256 } from '../../crypto/hash.ts';
import { LEVELS, merkleSum } from '../../crypto/merkle-sum.ts';

/**
 * Nodes of the merkle-sum sparse merkle tree (MS-SMT) that Taproot Assets commit to. 256 levels below the root; a subtree with one leaf only is
 * kept as that leaf ("compacted"), a subtree without any is null, so that the shape of a tree follows from its content alone.
 */

/** A node by its content address: what a parent, a proof or a commitment knows of it. `sum` is 0 to 2^64 - 1. */
export interface NodeRef {
  readonly hash: Bytes;
  readonly sum: bigint;
}

export interface Leaf {
  readonly value: Bytes;
  readonly sum: bigint;
}

export const MAX_SUM = 2n ** 64n - 1n;

/** Where a leaf's path is kept half-way: moving a compacted leaf up or down then costs tens of hashes, not hundreds. */
const WAYPOINT = 64;

export interface LeafNode extends NodeRef {
  readonly kind: 'leaf';
  readonly key: Bytes;
  readonly leaf: Leaf;
  /** Of the subtree that this node stands for; `hash` is that subtree's. */
  readonly level: number;
  /** The hash of the same path at level 64, where it was computed. */
  readonly waypoint: Bytes | null;
  readonly stored: boolean;
}

export interface BranchNode extends NodeRef {
  readonly kind: 'branch';
  readonly left: Child;
  readonly right: Child;
  readonly stored: boolean;
}

/** A node that is still in the store. */
export interface Unloaded extends NodeRef {
  readonly kind: 'unloaded';
}

export type Node = LeafNode | BranchNode;
export type Child = Node | Unloaded | null;

/** An empty leaf is none: inserting it removes. */
export const isEmptyLeaf = (leaf: Leaf): boolean => leaf.sum === 0n && leaf.value.length === 0;

/** SHA-256 of the value and the sum as 8 bytes big-endian. */
export function leafHash(leaf: Leaf): Bytes {
  return sha256(new Writer(leaf.value.length + 8).bytes(leaf.value).u64(leaf.sum).done());
}

export const emptyHash = (level: number): Bytes => merkleSum().empty(level);
export const refOf = (child: NodeRef | null, level: number): NodeRef => child ?? { hash: emptyHash(level), sum: 0n };

/** The compacted leaf for the subtree at `level`. */
export function leafNode(key: Bytes, leaf: Leaf, level: number, known: Bytes | null = null): LeafNode {
  let waypoint = known;
  let hash: Bytes;
  if (level > WAYPOINT) hash = merkleSum().fold({ hash: leafHash(leaf), sum: leaf.sum, key, from: LEVELS, to: level });
  else {
    waypoint ??= merkleSum().fold({ hash: leafHash(leaf), sum: leaf.sum, key, from: LEVELS, to: WAYPOINT });
    hash = merkleSum().fold({ hash: waypoint, sum: leaf.sum, key, from: WAYPOINT, to: level });
  }
  return { kind: 'leaf', key, leaf, level, hash, sum: leaf.sum, waypoint, stored: false };
}

/** The same leaf for a subtree at another level. */
export function moved(node: LeafNode, level: number): LeafNode {
  if (node.level === level) return node;
  if (level > node.level) return leafNode(node.key, node.leaf, level, node.waypoint);
  const hash = merkleSum().fold({ hash: node.hash, sum: node.sum, key: node.key, from: node.level, to: level });
  return { ...node, level, hash, stored: false };
}

/** A branch at `level`; null where the sums overflow 64 bits. */
export function branchNode(level: number, left: Child, right: Child): BranchNode | null {
  const [l, r] = [refOf(left, level + 1), refOf(right, level + 1)];
  const sum = l.sum + r.sum;
  if (sum > MAX_SUM) return null;
  return { kind: 'branch', left, right, hash: merkleSum().branch(l.hash, r.hash, sum), sum, stored: false };
}
