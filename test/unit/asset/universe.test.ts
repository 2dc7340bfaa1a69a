import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inputWitness } from '../../../src/asset/asset.ts';
import { assetId } from '../../../src/asset/genesis.ts';
import { encodeProof as encodeMerkle } from '../../../src/asset/mssmt/proof.ts';
import { emptyTree, insertMany, prove, treeRoot } from '../../../src/asset/mssmt/tree.ts';
import { type Arrival, arrivalOf, differingRoots, inOrder, predecessors, type Rooted } from '../../../src/asset/universe/diff.ts';
import { leafTreeKey, sameUniverse, type UniverseId, universeIdOf, universeKey, universeName } from '../../../src/asset/universe/id.ts';
import { isIncluded, isInMultiverse, multiverseLeaf, universeLeaf } from '../../../src/asset/universe/tree.ts';
import { type Bytes, equal, fromHex, toHex } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { mint, newKey, newWorld, send, transfer, valid } from './asset-life.ts';

const arrival = (raw: Bytes): Arrival => valid(arrivalOf(raw));

test('a universe is named by its asset, or by its group whatever the parity of the key', () => {
  const x = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
  const even: UniverseId = { proofType: 'issuance', of: { kind: 'group', groupKey: fromHex(`02${x}`) } };
  const odd: UniverseId = { proofType: 'issuance', of: { kind: 'group', groupKey: fromHex(`03${x}`) } };
  expect(universeName(even)).toBe(`issuance-${toHex(sha256(fromHex(x)))}`);
  expect(sameUniverse(even, odd)).toBe(true);
  expect(sameUniverse(even, { ...even, proofType: 'transfer' })).toBe(false);
  const asset: UniverseId = { proofType: 'transfer', of: { kind: 'asset', assetId: fromHex(x) } };
  expect(universeName(asset)).toBe(`transfer-${x}`);
  expect(sameUniverse(asset, { proofType: 'transfer', of: { kind: 'asset', assetId: universeKey(even) } })).toBe(false);
});

test('inclusion proofs hold for what is in the tree, and for nothing else', () => {
  const world = newWorld();
  const raws = [mint(world), mint(world), mint(world)].map(({ proofs }) => proofs[0] as Bytes);
  const all = raws.map(arrival);
  const entries = all.map(
    ({ key, raw, proof }) => [leafTreeKey(key), universeLeaf('issuance', { amount: proof.asset.amount, raw })] as const,
  );
  const tree = valid(insertMany(emptyTree(), entries));
  const [first, second] = all as [Arrival, Arrival];
  const part = {
    id: universeIdOf(first.proof),
    root: treeRoot(tree),
    key: first.key,
    amount: first.proof.asset.amount,
    proof: first.raw,
    inclusionProof: encodeMerkle(prove(tree, leafTreeKey(first.key))),
  };
  expect(isIncluded(part)).toBe(true);
  const wrong = [
    { amount: 1n },
    { proof: second.raw },
    { key: second.key },
    { root: { ...part.root, sum: 1n } },
    { id: { ...part.id, proofType: 'transfer' as const } },
    { inclusionProof: part.inclusionProof.slice(1) },
    { inclusionProof: new Uint8Array(0) },
  ];
  for (const change of wrong) expect(isIncluded({ ...part, ...change })).toBe(false);
  const over = valid(insertMany(emptyTree(), [[universeKey(part.id), multiverseLeaf('issuance', part.root)]]));
  const multiverse = {
    id: part.id,
    root: part.root,
    multiverseRoot: treeRoot(over),
    inclusionProof: encodeMerkle(prove(over, universeKey(part.id))),
  };
  expect(isInMultiverse(multiverse)).toBe(true);
  expect(isInMultiverse({ ...multiverse, root: { ...part.root, hash: new Uint8Array(32) } })).toBe(false);
});

test('of trees that differ mintings come first, each once, and equal ones are left out', () => {
  const id = (fill: number, proofType: UniverseId['proofType']): UniverseId => ({
    proofType,
    of: { kind: 'asset', assetId: new Uint8Array(32).fill(fill) },
  });
  const root = (fill: number, sum = 1n) => ({ hash: new Uint8Array(32).fill(fill), sum });
  const theirs: Rooted[] = [
    { id: id(1, 'transfer'), root: root(1) },
    { id: id(1, 'issuance'), root: root(2) },
    { id: id(2, 'issuance'), root: root(3) },
    { id: id(1, 'transfer'), root: root(4) },
    { id: id(3, 'issuance'), root: root(5, 2n) },
  ];
  const ours = new Map([
    [universeName(id(2, 'issuance')), root(3)],
    [universeName(id(3, 'issuance')), root(5, 1n)],
  ]);
  const differing = differingRoots(theirs, (each) => ours.get(universeName(each)) ?? null);
  expect(differing.map(({ root: { hash } }) => hash[0])).toEqual([2, 5, 1]);
});

test('whatever the order in which transitions arrive, each comes after those that it spends, and first assets of groups before all', () => {
  const world = newWorld();
  const plain = mint(world, { amount: 100n });
  const { sent, change } = send(world, transfer(world, plain), 30n);
  const merged = transfer(world, transfer(world, change), sent);
  const rawKey = newKey(world);
  const first = mint(world, { group: { rawKey } });
  const second = mint(world, { group: { rawKey, anchorId: assetId(first.asset.genesis) } });
  const raws = [...merged.proofs, sent.proofs.at(-1) as Bytes, ...transfer(world, first).proofs, ...transfer(world, second).proofs];
  const arrivals = raws.map(arrival);
  fc.assert(
    fc.property(fc.shuffledSubarray(arrivals, { minLength: arrivals.length }), (shuffled) => {
      const ordered = inOrder(shuffled);
      expect(ordered).toHaveLength(arrivals.length);
      expect(ordered[0]?.proof.groupKeyReveal).not.toBeNull();
      const placed = new Set<string>();
      for (const { proof, key } of ordered) {
        for (const before of predecessors(proof.asset)) expect(placed.has(before.key)).toBe(true);
        placed.add(toHex(leafTreeKey(key)));
      }
    }),
    { numRuns: 50 },
  );
});

test('transitions that claim to spend each other in a circle are put into some order', () => {
  const world = newWorld();
  const [a, b] = [mint(world), mint(world)].map(({ proofs }) => arrival(proofs[0] as Bytes)) as [Arrival, Arrival];
  const spending = (from: Arrival, what: Arrival): Arrival => {
    const prevId = { outPoint: what.key.outPoint, id: assetId(what.proof.asset.genesis), scriptKey: what.key.scriptKey };
    return { ...from, proof: { ...from.proof, asset: { ...from.proof.asset, prevWitnesses: [inputWitness(prevId)] } } };
  };
  const circle = [spending(a, b), spending(b, a)];
  expect(inOrder(circle)).toHaveLength(2);
  const alone = { ...a, key: { ...a.key, outPoint: { txid: new Uint8Array(32) as TxId, vout: 0 } } };
  expect(inOrder([spending(alone, alone), ...circle]).some(({ raw }) => equal(raw, a.raw))).toBe(true);
});
