import { assert, must } from '../../base/assert.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { keyBit, LEVELS } from '../../crypto/merkle-sum.ts';
import { branchNode, type Child, isEmptyLeaf, type Leaf, type LeafNode, leafNode, moved, type Node, type NodeRef, refOf } from './node.ts';
import { type Proof, proofOf } from './proof.ts';
import type { NodeStore } from './store.ts';

/** A merkle-sum sparse merkle tree, never changed: every update returns another that shares what stayed. */
export interface Tree {
  readonly top: Child;
  /** Where nodes come from that are not in memory. */
  readonly store: NodeStore | null;
}

export interface TreeFailure {
  readonly code: 'SUM_OVERFLOW';
  readonly message: string;
}

export type Entry = readonly [key: Bytes, leaf: Leaf];

export const emptyTree = (store: NodeStore | null = null): Tree => ({ top: null, store });

/** The tree under a root that `store` has. */
export const openTree = (store: NodeStore, root: NodeRef): Tree => ({
  top: equal(root.hash, refOf(null, 0).hash) ? null : { kind: 'unloaded', hash: root.hash, sum: root.sum },
  store,
});

export const treeRoot = (tree: Tree): NodeRef => {
  const { hash, sum } = refOf(tree.top, 0);
  return { hash, sum };
};

/** The two nodes right under the root. */
export function rootChildren(tree: Tree): { readonly left: NodeRef; readonly right: NodeRef } {
  const top = tree.top === null ? null : load(tree, tree.top);
  if (top === null) return { left: refOf(null, 1), right: refOf(null, 1) };
  if (top.kind === 'branch') return { left: refOf(top.left, 1), right: refOf(top.right, 1) };
  const below = moved(top, 1);
  const sides = { left: refOf(null, 1), right: refOf(null, 1) };
  return keyBit(top.key, 0) === 0 ? { ...sides, left: below } : { ...sides, right: below };
}

/** With `leaf` at `key` (32 bytes), in place of what was there. */
export const insert = (tree: Tree, key: Bytes, leaf: Leaf): Result<Tree, TreeFailure> => insertMany(tree, [[key, leaf]]);

/** Without a leaf at `key`. */
export function remove(tree: Tree, key: Bytes): Tree {
  const without = insertMany(tree, [[key, { value: new Uint8Array(0), sum: 0n }]]);
  assert(without.ok, 'removing never overflows');
  return without.value;
}

/** With all of `entries`; of equal keys the last counts. Every node on their paths is hashed once. All or nothing. */
export function insertMany(tree: Tree, entries: Iterable<Entry>): Result<Tree, TreeFailure> {
  const items: Item[] = [];
  for (const [key, leaf] of entries) {
    assert(key.length === 32, 'keys of the tree are 32 bytes');
    items.push({ key, leaf, node: null });
  }
  try {
    return ok({ top: place(tree, tree.top, 0, items), store: tree.store });
  } catch (error) {
    if (error === OVERFLOW) return fail({ code: 'SUM_OVERFLOW', message: 'the sum of the tree is beyond 64 bits' });
    throw error;
  }
}

export function getLeaf(tree: Tree, key: Bytes): Leaf | null {
  let at = tree.top;
  for (let level = 0; at !== null; level++) {
    const node = load(tree, at);
    if (node.kind === 'leaf') return equal(node.key, key) ? node.leaf : null;
    at = keyBit(key, level) === 0 ? node.left : node.right;
  }
  return null;
}

/** The siblings of `key`'s path: proves its leaf, or that there is none. */
export function prove(tree: Tree, key: Bytes): Proof {
  const siblings: (NodeRef | null)[] = [];
  let at = tree.top;
  for (let level = 0; at !== null; level++) {
    const node = load(tree, at);
    if (node.kind === 'branch') {
      const isLeft = keyBit(key, level) === 0;
      siblings[level + 1] = isLeft ? node.right : node.left;
      at = isLeft ? node.left : node.right;
      continue;
    }
    const parting = firstDifference(node.key, key, level);
    if (parting < LEVELS) siblings[parting + 1] = moved(node, parting + 1);
    break;
  }
  return proofOf(siblings);
}

/** All leaves, in the order of their paths. */
export function* leaves(tree: Tree, from: Child = tree.top): IterableIterator<Entry> {
  if (from === null) return;
  const node = load(tree, from);
  if (node.kind === 'leaf') yield [node.key, node.leaf];
  else {
    yield* leaves(tree, node.left);
    yield* leaves(tree, node.right);
  }
}

/** Writes what `store` does not have yet, children first, and returns the tree as it loads from there. */
export function saveTree(tree: Tree, store: NodeStore): Tree {
  const write = (child: Child): void => {
    if (child === null || child.kind === 'unloaded' || (child.stored && store === tree.store)) return;
    if (child.kind === 'branch') {
      write(child.left);
      write(child.right);
      store.save(child.hash, { kind: 'branch', left: plain(child.left), right: plain(child.right) });
    } else store.save(child.hash, { kind: 'leaf', key: child.key, level: child.level, waypoint: child.waypoint, leaf: child.leaf });
  };
  write(tree.top);
  return openTree(store, treeRoot(tree));
}

/** A leaf on its way into the tree; `node` where it was in the tree before. */
interface Item {
  readonly key: Bytes;
  readonly leaf: Leaf;
  readonly node: LeafNode | null;
}

const OVERFLOW = { overflow: true } as const;

function place(tree: Tree, child: Child, level: number, items: readonly Item[]): Child {
  if (items.length === 0) return child;
  const node = child === null ? null : load(tree, child);
  if (node?.kind === 'branch') {
    const [left, right] = split(items, level);
    return join(tree, level, place(tree, node.left, level + 1, left), place(tree, node.right, level + 1, right));
  }
  const all = node === null ? items : [{ key: node.key, leaf: node.leaf, node }, ...items];
  const first = all[0] as Item;
  if (all.length === 1 || all.every((item) => item === first || equal(item.key, first.key))) {
    const { key, leaf, node: known } = all.at(-1) as Item;
    if (isEmptyLeaf(leaf)) return null;
    return known === null ? leafNode(key, leaf, level) : moved(known, level);
  }
  const [left, right] = split(all, level);
  return join(tree, level, place(tree, null, level + 1, left), place(tree, null, level + 1, right));
}

function split(items: readonly Item[], level: number): readonly [readonly Item[], readonly Item[]] {
  if (items.length === 1) return keyBit((items[0] as Item).key, level) === 0 ? [items, NONE] : [NONE, items];
  const sides: readonly [Item[], Item[]] = [[], []];
  for (const item of items) sides[keyBit(item.key, level)].push(item);
  return sides;
}
const NONE: readonly Item[] = [];

function join(tree: Tree, level: number, left: Child, right: Child): Child {
  if (left === null || right === null) {
    const only = left ?? right;
    if (only === null) return null;
    const node = load(tree, only);
    if (node.kind === 'leaf') return moved(node, level);
  }
  const branch = branchNode(level, left, right);
  if (branch === null) throw OVERFLOW;
  return branch;
}

/** The first level from `from` on below which the paths of two keys part; 256 where they are one key. */
function firstDifference(a: Bytes, b: Bytes, from: number): number {
  for (let level = from; level < LEVELS; level++) if (keyBit(a, level) !== keyBit(b, level)) return level;
  return LEVELS;
}

function load(tree: Tree, child: Node | Extract<Child, { kind: 'unloaded' }>): Node {
  if (child.kind !== 'unloaded') return child;
  const { hash, sum } = child;
  const node = must(tree.store?.load(hash), 'a node of the tree is not in its store');
  if (node.kind === 'leaf') return { ...node, hash, sum, stored: true };
  return { kind: 'branch', hash, sum, left: unloaded(node.left), right: unloaded(node.right), stored: true };
}

const unloaded = (ref: NodeRef | null): Child => (ref === null ? null : { kind: 'unloaded', hash: ref.hash, sum: ref.sum });
const plain = (ref: NodeRef | null): NodeRef | null => (ref === null ? null : { hash: ref.hash, sum: ref.sum });
