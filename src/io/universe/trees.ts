import type { Leaf, NodeRef } from '../../asset/mssmt/node.ts';
import { encodeProof } from '../../asset/mssmt/proof.ts';
import { decodeStoredNode, encodeStoredNode, type NodeStore, type StoredNode } from '../../asset/mssmt/store.ts';
import { type Entry, emptyTree, insertMany, openTree, prove, saveTree, treeRoot } from '../../asset/mssmt/tree.ts';
import type { ProofType } from '../../asset/universe/id.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, EMPTY } from '../../base/bytes.ts';
import { keyBit } from '../../crypto/merkle-sum.ts';
import { plain, type UniverseDatabase } from './database.ts';

/** Trees in `universe.db`: nodes by content address, loaded when touched. Only the newest version of a tree is kept. */

/** A tree whose sum would pass 2^64 - 1. */
export class SumOverflow extends Error {}

/** The rows of the multiverses' trees have these numbers, those of universes the number of their row. */
export const multiverseTree = (proofType: ProofType): bigint => (proofType === 'issuance' ? -1n : -2n);

/** The compressed proof of `key` in the tree under `root`. */
export const provePath = (database: UniverseDatabase, tree: bigint, root: NodeRef, key: Bytes): Bytes =>
  encodeProof(prove(openTree(nodesOf(database, tree), root), key));

/** Writes leaves into the tree under `root` (null: a new one), drops the nodes that they replace, and gives the new root. Throws SumOverflow. */
export function writeTree(database: UniverseDatabase, tree: bigint, root: NodeRef | null, entries: readonly Entry[]): NodeRef {
  const store = nodesOf(database, tree);
  const before = root === null ? emptyTree(store) : openTree(store, root);
  const after = insertMany(before, entries);
  if (!after.ok) throw new SumOverflow(after.failure.message);
  // Every node on the path of a new leaf gets another hash: what stood there belongs to no tree any more.
  const replaced = root === null ? [] : entries.flatMap(([key]) => pathHashes(store, root, key));
  for (const hash of replaced) database.run('DELETE FROM node WHERE tree = ? AND hash = ?', tree, hash);
  return treeRoot(saveTree(after.value, store));
}

function pathHashes(store: NodeStore, root: NodeRef, key: Bytes): readonly Bytes[] {
  const hashes: Bytes[] = [];
  let at: NodeRef | null = root;
  for (let level = 0; at !== null; level++) {
    const node: StoredNode = must(store.load(at.hash), 'a node of the tree is not in its store');
    hashes.push(at.hash);
    at = node.kind === 'leaf' ? null : keyBit(key, level) === 0 ? node.left : node.right;
  }
  return hashes;
}

function nodesOf(database: UniverseDatabase, tree: bigint): NodeStore {
  const isMultiverse = tree < 0n;
  return {
    load(hash) {
      const row = database.one('SELECT body FROM node WHERE tree = ? AND hash = ?', tree, hash);
      if (row === null) return null;
      const node = must(decodeStoredNode(plain(row['body'])) ?? undefined, 'a stored node is damaged');
      return node.kind === 'branch' || isMultiverse ? node : { ...node, leaf: leafWithProof(database, tree, node.key, node.leaf.sum) };
    },
    save(hash, node) {
      const stored = node.kind === 'branch' || isMultiverse ? node : { ...node, leaf: { value: EMPTY, sum: node.leaf.sum } };
      const sql = 'INSERT INTO node (tree, hash, body) VALUES (?, ?, ?) ON CONFLICT (tree, hash) DO NOTHING';
      database.run(sql, tree, hash, encodeStoredNode(stored));
    },
  };
}

/** Proofs are large, and a path needs the hashes alone: the value is read when it is asked for. */
const leafWithProof = (database: UniverseDatabase, universe: bigint, key: Bytes, sum: bigint): Leaf => ({
  sum,
  get value() {
    const row = database.one('SELECT proof FROM leaf WHERE universe = ? AND key = ?', universe, key);
    return plain(must(row ?? undefined, 'a leaf of the tree has no proof')['proof']);
  },
});
