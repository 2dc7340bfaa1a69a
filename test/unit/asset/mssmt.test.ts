import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isEmptyLeaf, type Leaf } from '../../../src/asset/mssmt/node.ts';
import { decodeProof, encodeProof, verifyProof } from '../../../src/asset/mssmt/proof.ts';
import { decodeStoredNode, encodeStoredNode, memoryStore, type NodeStore } from '../../../src/asset/mssmt/store.ts';
import {
  emptyTree,
  getLeaf,
  insert,
  insertMany,
  leaves,
  openTree,
  prove,
  remove,
  rootChildren,
  saveTree,
  type Tree,
  treeRoot,
} from '../../../src/asset/mssmt/tree.ts';
import { equal, toHex } from '../../../src/base/bytes.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { keyBit, merkleSum, plainMerkleSum, wasmMerkleSum } from '../../../src/crypto/merkle-sum.ts';

// Few distinct bytes at both ends of the keys make paths that part early, late, and at the last bit.
const keys = fc.tuple(fc.constantFrom(0, 1, 2, 3, 128), fc.constantFrom(0, 1), fc.constantFrom(0, 128, 64)).map(([a, b, c]) => {
  const key = new Uint8Array(32);
  key.set([a], 0);
  key.set([b], 9);
  key.set([c], 31);
  return key;
});
const leaf: fc.Arbitrary<Leaf> = fc.record({ value: fc.uint8Array({ maxLength: 3 }), sum: fc.bigInt({ min: 0n, max: 1000n }) });
const updates = fc.array(fc.tuple(keys, leaf), { maxLength: 24 });

function with_(tree: Tree, entries: readonly (readonly [Uint8Array, Leaf])[]): Tree {
  const next = insertMany(tree, entries);
  if (!next.ok) throw new Error(next.failure.code);
  return next.value;
}

/** The root by the definition: all 256 levels, no compaction. */
function plainRoot(entries: ReadonlyMap<string, readonly [Uint8Array, Leaf]>): { hash: Uint8Array; sum: bigint } {
  const plain = plainMerkleSum();
  const at = (items: readonly (readonly [Uint8Array, Leaf])[], level: number): { hash: Uint8Array; sum: bigint } => {
    const [first] = items;
    if (first === undefined) return { hash: plain.empty(level), sum: 0n };
    if (level === 256) {
      const sum = new Uint8Array(8);
      new DataView(sum.buffer).setBigUint64(0, first[1].sum);
      return { hash: sha256(Uint8Array.from([...first[1].value, ...sum])), sum: first[1].sum };
    }
    const left = at(
      items.filter(([key]) => keyBit(key, level) === 0),
      level + 1,
    );
    const right = at(
      items.filter(([key]) => keyBit(key, level) === 1),
      level + 1,
    );
    return { hash: plain.branch(left.hash, right.hash, left.sum + right.sum), sum: left.sum + right.sum };
  };
  return at([...entries.values()], 0);
}

test('WebAssembly and noble hash every node alike', () => {
  const [fast, slow] = [wasmMerkleSum(), plainMerkleSum()];
  if (fast === null) throw new Error('no WebAssembly');
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const sum = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  fc.assert(
    fc.property(hash, hash, sum, fc.nat(256), fc.nat(256), (a, b, s, x, y) => {
      expect(fast.branch(a, b, s)).toEqual(slow.branch(a, b, s));
      const part = { hash: a, key: b, sum: s, from: Math.max(x, y), to: Math.min(x, y) };
      expect(fast.fold(part)).toEqual(slow.fold(part));
    }),
    { numRuns: 40 },
  );
});

test('a tree’s root is that of the uncompacted definition, whatever the order and grouping of updates', () => {
  fc.assert(
    fc.property(updates, fc.nat(24), (list, cut) => {
      const model = new Map<string, readonly [Uint8Array, Leaf]>();
      for (const [key, value] of list) {
        if (isEmptyLeaf(value)) model.delete(toHex(key));
        else model.set(toHex(key), [key, value]);
      }
      const tree = with_(with_(emptyTree(), list.slice(0, cut)), list.slice(cut));
      const direct = with_(emptyTree(), [...model.values()].reverse());
      expect(treeRoot(tree)).toEqual(plainRoot(model));
      expect(treeRoot(direct)).toEqual(treeRoot(tree));
      expect([...leaves(tree)].map(([key]) => toHex(key)).sort()).toEqual([...model.keys()].sort());
      const { left, right } = rootChildren(tree);
      expect(merkleSum().branch(left.hash, right.hash, left.sum + right.sum)).toEqual(treeRoot(tree).hash);
    }),
    { numRuns: 25 },
  );
});

test('every key is proved in or out, and no proof holds for another leaf', () => {
  fc.assert(
    fc.property(updates, keys, (list, key) => {
      const tree = with_(emptyTree(), list);
      const root = treeRoot(tree);
      const there = getLeaf(tree, key);
      const proof = prove(tree, key);
      expect(verifyProof(proof, { key, leaf: there, root })).toBe(true);
      expect(verifyProof(proof, { key, leaf: { value: Uint8Array.of(9, 9, 9, 9), sum: there?.sum ?? 0n }, root })).toBe(false);
      if (there !== null) expect(verifyProof(proof, { key, leaf: null, root })).toBe(false);
      const decoded = decodeProof(encodeProof(proof));
      expect(decoded.ok && decoded.value).toEqual(proof);
    }),
    { numRuns: 60 },
  );
});

/** A store of bytes that counts what is asked of it. */
function byteStore(): NodeStore & { loads: number; readonly nodes: Map<string, Uint8Array> } {
  const nodes = new Map<string, Uint8Array>();
  return {
    loads: 0,
    nodes,
    load(hash) {
      this.loads++;
      const node = nodes.get(toHex(hash));
      return node === undefined ? null : decodeStoredNode(node);
    },
    save: (hash, node) => void nodes.set(toHex(hash), encodeStoredNode(node)),
  };
}

test('a tree kept in a store by content address is updated through it, loading only the touched path', () => {
  const entries = Array.from({ length: 500 }, (_, i): [Uint8Array, Leaf] => [
    sha256(Uint8Array.of(i & 255, i >> 8)),
    { value: Uint8Array.of(i & 255), sum: 7n },
  ]);
  const store = byteStore();
  const saved = saveTree(with_(emptyTree(store), entries), store);
  expect(store.loads).toBe(0);
  const key = sha256(Uint8Array.of(1, 2, 3));
  const grown = insert(openTree(store, treeRoot(saved)), key, { value: Uint8Array.of(1), sum: 1n });
  if (!grown.ok) throw new Error(grown.failure.code);
  expect(store.loads).toBeLessThan(20);
  const before = store.nodes.size;
  const again = saveTree(grown.value, store);
  expect(store.nodes.size - before).toBeLessThan(20);
  expect(treeRoot(again)).toEqual(treeRoot(with_(emptyTree(), [...entries, [key, { value: Uint8Array.of(1), sum: 1n }]])));
  expect(treeRoot(remove(again, key))).toEqual(treeRoot(saved));
  expect(getLeaf(again, key)?.sum).toBe(1n);
  expect([...leaves(again)]).toHaveLength(501);
});

test('two trees share the nodes that they have in common', () => {
  const store = memoryStore();
  const entries = Array.from({ length: 64 }, (_, i): [Uint8Array, Leaf] => [
    sha256(Uint8Array.of(i)),
    { value: Uint8Array.of(i), sum: 1n },
  ]);
  saveTree(with_(emptyTree(), entries), store);
  const size = store.size;
  saveTree(with_(emptyTree(), entries), store);
  expect(store.size).toBe(size);
});

test('sums beyond 64 bits are refused in trees and proofs, replacing a large leaf is not', () => {
  const max = 2n ** 64n - 1n;
  const [a, b] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))];
  const tree = with_(emptyTree(), [[a, { value: Uint8Array.of(1), sum: max }]]);
  const over = insert(tree, b, { value: Uint8Array.of(1), sum: 1n });
  expect(over.ok ? null : over.failure.code).toBe('SUM_OVERFLOW');
  expect(insert(tree, a, { value: Uint8Array.of(2), sum: max }).ok).toBe(true);
  const two = with_(emptyTree(), [
    [a, { value: Uint8Array.of(1), sum: 1n }],
    [b, { value: Uint8Array.of(1), sum: 2n }],
  ]);
  expect(
    verifyProof(prove(two, a), { key: a, leaf: { value: Uint8Array.of(1), sum: max }, root: { hash: treeRoot(two).hash, sum: 1n } }),
  ).toBe(false);
});

test('a proof whose count, bits or length disagree is malformed', () => {
  const key = sha256(Uint8Array.of(1));
  const tree = with_(emptyTree(), [
    [key, { value: Uint8Array.of(1), sum: 1n }],
    [sha256(Uint8Array.of(2)), { value: Uint8Array.of(1), sum: 1n }],
  ]);
  const good = encodeProof(prove(tree, key));
  expect(decodeProof(good).ok).toBe(true);
  const inflated = good.slice();
  inflated.set([0xff, 0xff], 0);
  const bits = good.slice();
  bits[bits.length - 1] = (bits.at(-1) as number) ^ 0x10;
  for (const bad of [good.subarray(1), good.subarray(0, -1), Uint8Array.from([...good, 0]), inflated, bits, new Uint8Array(0)]) {
    const decoded = decodeProof(bad);
    expect(decoded.ok ? null : decoded.failure.kind).toBe('malformed');
  }
  expect(equal(good, encodeProof(prove(tree, key)))).toBe(true);
});
