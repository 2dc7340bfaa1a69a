import { expect, test } from 'vitest';
import { emptyHash, type Leaf } from '../../src/asset/mssmt/node.ts';
import { decodeProof, encodeProof, verifyProof } from '../../src/asset/mssmt/proof.ts';
import { type Entry, emptyTree, insert, insertMany, prove, remove, type Tree, treeRoot } from '../../src/asset/mssmt/tree.ts';
import { equal, fromHex, toHex } from '../../src/base/bytes.ts';
import { readVectors } from './taproot-assets-read.ts';

interface JsonLeaf {
  readonly key: string;
  readonly node: { readonly value: string; readonly sum: string };
}
interface JsonProof {
  readonly proof_key: string;
  readonly compressed_proof: string;
}
interface Vectors {
  readonly all_tree_leaves: readonly JsonLeaf[];
  readonly valid_test_cases: readonly {
    readonly root_hash: string;
    readonly root_sum: string;
    readonly inserted_leaves: readonly string[];
    readonly deleted_leaves: readonly string[] | null;
    readonly replaced_leaves: readonly JsonLeaf[] | null;
    readonly inclusion_proofs: readonly JsonProof[] | null;
    readonly exclusion_proofs: readonly JsonProof[] | null;
    readonly comment: string;
  }[];
  readonly error_test_cases: readonly { readonly inserted_leaves: readonly string[]; readonly error: string }[] | null;
}

const entry = ({ key, node }: JsonLeaf): Entry => [fromHex(key), { value: fromHex(node.value), sum: BigInt(node.sum) }];
const only = (leaves: readonly JsonLeaf[], keys: readonly string[]): Entry[] => {
  const wanted = new Set(keys);
  return leaves.filter(({ key }) => wanted.has(key)).map(entry);
};
function built(entries: Iterable<Entry>, tree: Tree = emptyTree()): Tree {
  const next = insertMany(tree, entries);
  if (!next.ok) throw new Error(next.failure.message);
  return next.value;
}

const FILES: readonly [file: string, valid: number, errors: number, leaves: number][] = [
  ['mssmt_tree_proofs', 1, 0, 10_000],
  ['mssmt_tree_replacement', 1, 0, 100],
  ['mssmt_tree_deletion', 1, 0, 3],
  ['mssmt_tree_error_cases', 1, 1, 2],
];

test.each(FILES)('%s: %d valid and %d refused trees, from %d leaves', (file, valid, errors, leafCount) => {
  const vectors = readVectors<Vectors>(`mssmt/${file}.json`);
  expect([vectors.valid_test_cases.length, vectors.error_test_cases?.length ?? 0, vectors.all_tree_leaves.length]).toEqual([
    valid,
    errors,
    leafCount,
  ]);
  for (const each of vectors.valid_test_cases) {
    const inserted = only(vectors.all_tree_leaves, each.inserted_leaves);
    expect(inserted).toHaveLength(each.inserted_leaves.length);
    let tree = built(inserted);
    for (const key of each.deleted_leaves ?? []) tree = remove(tree, fromHex(key));
    tree = built((each.replaced_leaves ?? []).map(entry), tree);
    const root = treeRoot(tree);
    expect([toHex(root.hash), `${root.sum}`]).toEqual([each.root_hash, each.root_sum]);
    const byKey = new Map<string, Leaf>(inserted.map(([key, leaf]) => [toHex(key), leaf]));
    for (const proof of [...(each.inclusion_proofs ?? []), ...(each.exclusion_proofs ?? [])]) {
      const key = fromHex(proof.proof_key);
      const decoded = decodeProof(fromHex(proof.compressed_proof));
      if (!decoded.ok) throw new Error(decoded.failure.message);
      expect(verifyProof(decoded.value, { key, leaf: byKey.get(proof.proof_key) ?? null, root })).toBe(true);
      expect(toHex(encodeProof(decoded.value))).toBe(proof.compressed_proof);
      expect(toHex(encodeProof(prove(tree, key)))).toBe(proof.compressed_proof);
    }
  }
  for (const each of vectors.error_test_cases ?? []) {
    expect(each.error).toContain('overflow');
    const together = insertMany(emptyTree(), only(vectors.all_tree_leaves, each.inserted_leaves));
    expect(together.ok ? null : together.failure.code).toBe('SUM_OVERFLOW');
    let tree = emptyTree();
    const codes: (string | null)[] = [];
    for (const [key, leaf] of only(vectors.all_tree_leaves, each.inserted_leaves)) {
      const next = insert(tree, key, leaf);
      codes.push(next.ok ? null : next.failure.code);
      if (next.ok) tree = next.value;
    }
    expect(codes.at(-1)).toBe('SUM_OVERFLOW');
  }
});

test('the proofs file has 1000 inclusion and 10 exclusion proofs', () => {
  const [first] = readVectors<Vectors>('mssmt/mssmt_tree_proofs.json').valid_test_cases;
  expect([first?.inclusion_proofs?.length, first?.exclusion_proofs?.length]).toEqual([1000, 10]);
});

test('constants.json: the hashes of the empty leaf and the empty tree', () => {
  const constants = readVectors<{ mssmt_empty_leaf_hash: string; mssmt_empty_root_hash: string }>('constants.json');
  expect(toHex(emptyHash(256))).toBe(constants.mssmt_empty_leaf_hash);
  expect(equal(treeRoot(emptyTree()).hash, fromHex(constants.mssmt_empty_root_hash))).toBe(true);
});
