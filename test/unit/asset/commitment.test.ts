import fc from 'fast-check';
import { expect, test } from 'vitest';
import { altLeaf, checkAltLeaves } from '../../../src/asset/alt-leaf.ts';
import { type Asset, assetCommitmentKey, genesisWitness, tapCommitmentKey } from '../../../src/asset/asset.ts';
import { assetLeaf } from '../../../src/asset/asset-codec.ts';
import { assetCommitment, removeAsset, upsertAssets } from '../../../src/asset/commitment/asset-commitment.ts';
import {
  commitmentProofCodec,
  encodeCommitmentProof,
  rootWithAsset,
  rootWithoutAsset,
  rootWithoutCommitment,
} from '../../../src/asset/commitment/proof.ts';
import { branchPreimage, leafPreimage, siblingHash } from '../../../src/asset/commitment/sibling.ts';
import { splitAssets } from '../../../src/asset/commitment/split.ts';
import {
  altLeavesOf,
  assetsOf,
  commitAssets,
  isTapCommitmentScript,
  proveCommitted,
  tapCommitmentScript,
  tapRoot,
  withAltLeaves,
} from '../../../src/asset/commitment/tap-commitment.ts';
import { assetId } from '../../../src/asset/genesis.ts';
import {
  customLeafControlBlock,
  decodeGroupWitness,
  encodeGroupKeyReveal,
  encodeGroupWitness,
  type GroupKeyReveal,
  groupKeyOf,
  groupKeyRevealCodec,
  newGroupKeyRevealV1,
} from '../../../src/asset/group-key.ts';
import { challengeKey, NUMS_KEY, nonSpendableScript, scriptKeyKind, uniqueScriptKey } from '../../../src/asset/keys.ts';
import { equal, fromHex, utf8 } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { deriveChild } from '../../../src/bitcoin/bip32.ts';
import { OP, script } from '../../../src/bitcoin/script.ts';
import { tapBranchHash, tapLeafHash, taprootOutputKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import { decodeWith } from '../../../src/codec/codec.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { valid } from './asset-life.ts';

const keyOf = (text: string): Uint8Array => secp.publicKey(sha256(utf8(text)));
const even = (key: Uint8Array): Uint8Array => key.with(0, 2);
function asset(name: string, owner: string, change: Partial<Asset> = {}): Asset {
  return {
    version: 0,
    genesis: {
      firstPrevOut: { txid: sha256(utf8(name)) as TxId, vout: 0 },
      tag: utf8(name),
      metaHash: new Uint8Array(32),
      outputIndex: 0,
      type: 0,
    },
    amount: 10n,
    lockTime: 0n,
    relativeLockTime: 0n,
    prevWitnesses: [genesisWitness()],
    splitCommitmentRoot: null,
    scriptVersion: 0,
    scriptKey: even(keyOf(owner)),
    groupKey: null,
    unknown: [],
    ...change,
  };
}
const codeOf = (result: { ok: true } | { ok: false; failure: { code: string } }): string => (result.ok ? 'ok' : result.failure.code);

test('every asset of a commitment is proved in, every other out, through bytes', () => {
  const some = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('a', 'b', 'c'), owner: fc.constantFrom('x', 'y', 'z'), grouped: fc.boolean() }),
    {
      selector: ({ name, owner, grouped }) => `${name}${owner}${grouped}`,
      minLength: 1,
    },
  );
  fc.assert(
    fc.property(some, fc.constantFrom(null, 2), (list, version) => {
      const all = list.map(({ name, owner, grouped }) => asset(name, owner, grouped ? { groupKey: keyOf('group') } : {}));
      const commitment = valid(commitAssets(version, all));
      const root = tapRoot(commitment);
      expect(assetsOf(commitment)).toHaveLength(all.length);
      const through = (each: Asset) => {
        const encoded = encodeCommitmentProof(proveCommitted(commitment, tapCommitmentKey(each), assetCommitmentKey(each)));
        const proof = decodeWith(commitmentProofCodec, encoded);
        if (!proof.ok) throw new Error(proof.failure.message);
        return proof.value;
      };
      for (const each of all) {
        expect(rootWithAsset(through(each), each)).toEqual({ ok: true, value: root });
        expect(rootWithAsset(through(each), { ...each, amount: 11n })).not.toEqual({ ok: true, value: root });
      }
      const absent = asset('a', 'nobody');
      const proof = through(absent);
      const without =
        proof.assetProof === null
          ? rootWithoutCommitment(proof, tapCommitmentKey(absent))
          : rootWithoutAsset(proof, assetCommitmentKey(absent));
      expect(without).toEqual({ ok: true, value: root });
      expect(codeOf(rootWithoutCommitment(through(all[0] as Asset), tapCommitmentKey(all[0] as Asset)))).toBe('INVALID_PROOF');
    }),
    { numRuns: 15 },
  );
});

test('assets that do not belong together, or twice, or of unknown version, are refused', () => {
  expect(codeOf(assetCommitment([]))).toBe('NO_ASSETS');
  expect(codeOf(assetCommitment([asset('a', 'x'), asset('a', 'x')]))).toBe('DUPLICATE_KEY');
  expect(codeOf(assetCommitment([asset('a', 'x'), asset('b', 'y')]))).toBe('GENESIS_MISMATCH');
  const grouped = { groupKey: keyOf('group') };
  expect(codeOf(assetCommitment([asset('a', 'x', grouped), asset('b', 'y', grouped)]))).toBe('ok');
  expect(codeOf(assetCommitment([asset('a', 'x', grouped), asset('b', 'y', { groupKey: keyOf('other') })]))).toBe('GROUP_KEY_MISMATCH');
  const collectible = asset('a', 'y');
  expect(
    codeOf(assetCommitment([asset('a', 'x', grouped), { ...collectible, ...grouped, genesis: { ...collectible.genesis, type: 1 } }])),
  ).toBe('TYPE_MISMATCH');
  expect(codeOf(assetCommitment([asset('a', 'x', { version: 7 })]))).toBe('UNKNOWN_VERSION');
  expect(codeOf(assetCommitment([asset('a', 'x', { amount: 2n ** 64n - 1n }), asset('a', 'y')]))).toBe('SUM_OVERFLOW');
  expect(codeOf(commitAssets(3, [asset('a', 'x')]))).toBe('UNKNOWN_VERSION');
});

test('the version follows the assets inside, unless it is V2', () => {
  const [old, segwit] = [asset('a', 'x'), asset('b', 'y', { version: 1 })];
  const versions = [commitAssets(null, [old]), commitAssets(null, [old, segwit]), commitAssets(2, [old]), commitAssets(0, [segwit])].map(
    (c) => valid(c).version,
  );
  expect(versions).toEqual([0, 1, 2, 0]);
  const part = valid(assetCommitment([old]));
  const grown = valid(upsertAssets(part, [asset('a', 'z', { version: 1 })]));
  expect([grown.version, valid(removeAsset(grown, asset('a', 'z'))).version]).toEqual([1, 0]);
  for (const version of [0, 1, 2])
    expect(isTapCommitmentScript(tapCommitmentScript(tapRoot(valid(commitAssets(version, [old])))))).toBe(true);
  expect(isTapCommitmentScript(script(OP[1]))).toBe(false);
});

test('the leaf of a V1 asset does not change with its witness, that of a V0 asset does', () => {
  const signed = (version: number, byte: number): Asset =>
    asset('a', 'x', { version, prevWitnesses: [genesisWitness([Uint8Array.of(byte)])] });
  expect(assetLeaf(signed(1, 1))).toEqual(assetLeaf(signed(1, 2)));
  expect(assetLeaf(signed(0, 1))).not.toEqual(assetLeaf(signed(0, 2)));
});

test('alternative leaves stand beside assets, each once', () => {
  const plain = valid(commitAssets(2, [asset('a', 'x')]));
  const leaves = [altLeaf(even(keyOf('1'))), altLeaf(even(keyOf('2')))];
  const both = valid(withAltLeaves(plain, leaves));
  expect(altLeavesOf(both)).toHaveLength(2);
  expect(tapRoot(both).root.sum).toBe(10n);
  expect(codeOf(withAltLeaves(both, leaves.slice(1)))).toBe('DUPLICATE_KEY');
  expect(codeOf(checkAltLeaves([leaves[0] as Asset, leaves[0] as Asset]))).toBe('DUPLICATE_KEY');
  expect(codeOf(checkAltLeaves([asset('a', 'x')]))).toBe('MALFORMED');
});

test('siblings hash as BIP 341 says', () => {
  const leaf = script(OP[1]);
  expect(siblingHash(valid(leafPreimage(leaf)))).toEqual({ ok: true, value: tapLeafHash(leaf) });
  const [a, b] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))];
  expect(siblingHash(branchPreimage(a, b))).toEqual({ ok: true, value: tapBranchHash(a, b) });
  for (const bad of [
    { kind: 2, preimage: a },
    { kind: 1, preimage: a },
    { kind: 0, preimage: new Uint8Array(0) },
    { kind: 0, preimage: Uint8Array.of(0xc0, 9, 1) },
  ])
    expect(codeOf(siblingHash(bad))).toBe('INVALID_SIBLING');
  expect(codeOf(leafPreimage(new Uint8Array(0)))).toBe('INVALID_SIBLING');
});

test('a split is refused where the sums, the root or the outputs are wrong', () => {
  const input = asset('a', 'x', { amount: 10n });
  const id = assetId(input.genesis);
  const locator = (outputIndex: number, amount: bigint, scriptKey = even(keyOf(`out${outputIndex}`))) => ({
    outputIndex,
    assetId: id,
    scriptKey,
    amount,
    assetVersion: 0,
  });
  const outPoint = { txid: sha256(Uint8Array.of(7)) as TxId, vout: 0 };
  const split = (root: ReturnType<typeof locator>, outputs: readonly ReturnType<typeof locator>[], one = input) =>
    codeOf(splitAssets({ inputs: [{ asset: one, outPoint }], root, outputs }));
  expect(split(locator(0, 4n), [locator(1, 6n)])).toBe('ok');
  expect(split(locator(0, 0n, NUMS_KEY), [locator(1, 10n)])).toBe('ok');
  expect(split(locator(0, 4n), [locator(1, 7n)])).toBe('INVALID_SPLIT');
  expect(split(locator(0, 4n), [])).toBe('INVALID_SPLIT');
  expect(split(locator(0, 0n), [locator(1, 10n)])).toBe('INVALID_SPLIT');
  expect(split(locator(0, 1n, NUMS_KEY), [locator(1, 9n)])).toBe('INVALID_SPLIT');
  expect(split(locator(0, 4n), [locator(1, 6n), locator(2, 0n)])).toBe('INVALID_SPLIT');
  expect(split(locator(0, 2n), [locator(1, 4n), locator(1, 4n)])).toBe('INVALID_SPLIT');
  const one = { ...input, amount: 1n, genesis: { ...input.genesis, type: 1 } };
  expect(split(locator(0, 1n), [locator(1, 0n)], one)).toBe('INVALID_SPLIT');
});

test('a group key of version 1 commits to its first asset, with and without scripts of the owner', () => {
  const id = sha256(utf8('first'));
  for (const leafVersion of [1, 2] as const)
    for (const customSubtreeRoot of [null, sha256(utf8('custom'))]) {
      const reveal = newGroupKeyRevealV1({ internalKey: keyOf('owner'), id, leafVersion, customSubtreeRoot });
      const key = valid(groupKeyOf(reveal, id));
      const output = taprootOutputKey(xOnly(reveal.internalKey), reveal.tapscriptRoot);
      expect(equal(key.subarray(1), output?.key ?? key)).toBe(true);
      expect(codeOf(groupKeyOf(reveal, sha256(id)))).toBe('INVALID_GROUP_KEY');
      expect(decodeWith(groupKeyRevealCodec, encodeGroupKeyReveal(reveal))).toEqual({ ok: true, value: reveal });
      expect(customLeafControlBlock(reveal, id)?.length).toBe(33 + 64);
      expect(codeOf(groupKeyOf({ ...reveal, leafVersion: 3 }, id))).toBe('INVALID_GROUP_KEY');
    }
});

test('reveals of version 0 have a key, or a key and a root', () => {
  const reveal: GroupKeyReveal = { version: 0, rawKey: keyOf('owner'), tapscriptRoot: sha256(utf8('root')) };
  for (const each of [reveal, { ...reveal, tapscriptRoot: null }])
    expect(decodeWith(groupKeyRevealCodec, encodeGroupKeyReveal(each))).toEqual({ ok: true, value: each });
  for (const length of [0, 32, 34, 64])
    expect(decodeWith(groupKeyRevealCodec, encodeGroupKeyReveal(reveal).subarray(0, length)).ok).toBe(false);
  const witness = [Uint8Array.of(1), new Uint8Array(64)];
  expect(decodeGroupWitness(encodeGroupWitness(witness))).toEqual({ ok: true, value: witness });
});

test('the unspendable leaf of a group key is that of a wallet that took its extended key as a script', () => {
  // The extended key and the script root of the PSBT that tapd's guide to external group keys shows.
  const publicKey = fromHex('036a039a09dc36fb0011ae72bda4e3d1e3a55132d7a42f5137990cfa0cf91c34c8');
  const root = { privateKey: null, publicKey, chainCode: xOnly(publicKey), depth: 3, index: 0, parentFingerprint: 0 };
  const leaf = script(xOnly(deriveChild(deriveChild(root, 0), 0).publicKey), OP.CHECKSIG);
  expect(equal(tapLeafHash(leaf), fromHex('e59e7df4251318a5b5494a630b35b7b218e0c548f9b9e575933096c7dc750410'))).toBe(true);
  expect(nonSpendableScript(2, sha256(utf8('id')))).toHaveLength(34);
  expect(nonSpendableScript(1, null)).toEqual(script(OP.RETURN));
});

test('script keys are known for what they are', () => {
  const internal = keyOf('owner');
  const one = asset('a', 'x');
  const unique = uniqueScriptKey(internal, assetId(one.genesis));
  expect(scriptKeyKind({ ...one, scriptKey: unique.publicKey }, internal)).toBe('unique_pedersen');
  expect(scriptKeyKind({ ...one, scriptKey: NUMS_KEY }, null)).toBe('tombstone');
  expect([scriptKeyKind(one, null), scriptKeyKind(one, internal)]).toEqual(['unknown', 'unknown']);
  const [g, twice] = [1n, 2n].map((n) => challengeKey(fromHex(n.toString(16).padStart(64, '0'))));
  expect(equal(challengeKey(null), NUMS_KEY)).toBe(true);
  expect(
    equal(xOnly(secp.publicAdd([NUMS_KEY, secp.publicKey(fromHex('01'.padStart(64, '0')))]) as Uint8Array), xOnly(g as Uint8Array)),
  ).toBe(true);
  expect(equal(g as Uint8Array, twice as Uint8Array)).toBe(false);
});
