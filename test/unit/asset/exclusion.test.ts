// What a proof must show of every other taproot output of its anchor, and of the assets that were spent, in both transition versions.
import { expect, test } from 'vitest';
import { altLeaf } from '../../../src/asset/alt-leaf.ts';
import { type Asset, inputWitness, prevIdOf, spendTemplate } from '../../../src/asset/asset.ts';
import { branchPreimage, leafPreimage, type TapscriptPreimage } from '../../../src/asset/commitment/sibling.ts';
import {
  commitForChain,
  commitmentOutputKey,
  tapCommitmentScript,
  tapRoot,
  withAltLeaves,
} from '../../../src/asset/commitment/tap-commitment.ts';
import { type AnchorOutput, BIP86_PROOF, createProof } from '../../../src/asset/proof/create.ts';
import { bytesSource, writeFile } from '../../../src/asset/proof/file.ts';
import { encodeProof, type Proof } from '../../../src/asset/proof/proof.ts';
import { outputWithoutAssets, tapscriptProofOf } from '../../../src/asset/proof/tap-tree.ts';
import type { TapscriptProof } from '../../../src/asset/proof/taproot-proof.ts';
import { verifyFile } from '../../../src/asset/proof/verify-file.ts';
import { interpretTapscript } from '../../../src/asset/vm/tapscript.ts';
import { type Bytes, concat, EMPTY, equal, utf8 } from '../../../src/base/bytes.ts';
import { OP, p2trScript, script } from '../../../src/bitcoin/script.ts';
import { tapBranchHash, tapLeafHash, taprootOutputKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import { compactSize, type Tx } from '../../../src/bitcoin/tx.ts';
import { encodeWith } from '../../../src/codec/codec.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { anchor, isInChain, mine, mint, newKey, newWorld, type Owned, send, signed, valid, type World } from './asset-life.ts';

const KEY = secp.publicKey(sha256(utf8('a wallet with scripts')));
const leafOf = (n: number): Bytes => script(OP[1], Uint8Array.of(n, 7));
const preimage = (n: number): TapscriptPreimage => valid(leafPreimage(leafOf(n)));
const hash = (n: number): Bytes => tapLeafHash(leafOf(n));
const tuple = (depth: number, of: Bytes, version = 0xc0): Bytes =>
  concat(Uint8Array.of(depth, version), encodeWith(compactSize, of.length), of);
const tree = (...leaves: readonly (readonly [depth: number, leaf: number])[]): Bytes =>
  leaves.reduce((bytes, [depth, leaf]) => concat(bytes, tuple(depth, leafOf(leaf))), EMPTY);
const scriptOf = (root: Bytes | null): Bytes => p2trScript((taprootOutputKey(xOnly(KEY), root) as { key: Bytes }).key);

/** Every shape of a wallet's output: its tree as BIP 371 has it, its root, and the proof that tapd makes of it. */
const two = (a: TapscriptPreimage, b: TapscriptPreimage): Partial<TapscriptProof> => ({ tapPreimage1: a, tapPreimage2: b });
const branch = (a: Bytes, b: Bytes): TapscriptPreimage => branchPreimage(a, b);
const SHAPES: readonly (readonly [name: string, tapTree: Bytes | null, root: Bytes | null, proof: Partial<TapscriptProof>])[] = [
  ['no scripts', null, null, { bip86: true }],
  ['one script', tree([0, 1]), hash(1), { tapPreimage1: preimage(1) }],
  ['two scripts', tree([1, 1], [1, 2]), tapBranchHash(hash(1), hash(2)), two(preimage(1), preimage(2))],
  [
    'a script beside two',
    tree([1, 1], [2, 2], [2, 3]),
    tapBranchHash(hash(1), tapBranchHash(hash(2), hash(3))),
    two(preimage(1), branch(hash(2), hash(3))),
  ],
  [
    'two scripts beside one',
    tree([2, 2], [2, 3], [1, 1]),
    tapBranchHash(hash(1), tapBranchHash(hash(2), hash(3))),
    two(preimage(1), branch(hash(2), hash(3))),
  ],
  [
    'four scripts',
    tree([2, 1], [2, 2], [2, 3], [2, 4]),
    tapBranchHash(tapBranchHash(hash(1), hash(2)), tapBranchHash(hash(3), hash(4))),
    two(branch(hash(1), hash(2)), branch(hash(3), hash(4))),
  ],
  [
    'five scripts, deeper on one side',
    tree([1, 1], [3, 2], [3, 3], [3, 4], [3, 5]),
    tapBranchHash(hash(1), tapBranchHash(tapBranchHash(hash(2), hash(3)), tapBranchHash(hash(4), hash(5)))),
    two(preimage(1), branch(tapBranchHash(hash(2), hash(3)), tapBranchHash(hash(4), hash(5)))),
  ],
];

const verify = (world: World, proofs: readonly Bytes[]): string => {
  const env = { interpreter: interpretTapscript, chain: null, isInChain: isInChain(world), isKnownGroup: () => false };
  const result = verifyFile(bytesSource(writeFile(proofs)), env);
  return result.ok ? 'valid' : result.failure.code;
};

/** A transfer whose anchor has one more taproot output, of a wallet with `script`. */
function beside(world: World, output: Bytes, tapscriptProof: TapscriptProof) {
  const minted = mint(world);
  const asset = signed({ ...spendTemplate(minted.asset), prevWitnesses: [inputWitness(prevIdOf(minted.asset, minted.outPoint))] }, [
    minted,
  ]);
  const made = anchor(world, [minted.outPoint], [{ assets: [asset] }]);
  const tx: Tx = { ...made.tx, outputs: [...made.tx.outputs, { amount: 1_000n as never, script: output }] };
  const outputs: AnchorOutput[] = [...made.outputs, { outputIndex: 2, internalKey: KEY, content: { kind: 'none', tapscriptProof } }];
  const block = mine(world, tx);
  const proof = createProof({ version: 1, prevOut: minted.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block });
  return { proof, code: (bent: Proof = proof) => verify(world, [...minted.proofs, encodeProof(bent)]) };
}

test.each(SHAPES)(
  'an output of a wallet with %s is shown to hold no asset, and with another proof it is not',
  (_, tapTree, root, expected) => {
    const shown = valid(outputWithoutAssets({ script: scriptOf(root), internalKey: KEY, tapTree }));
    expect(shown).toEqual({ ...BIP86_PROOF, bip86: false, ...expected });
    const world = newWorld();
    const { proof, code } = beside(world, scriptOf(root), shown);
    expect(code()).toBe('valid');
    const withProof = (tapscriptProof: TapscriptProof | null): Proof => ({
      ...proof,
      exclusionProofs: proof.exclusionProofs.map((each) => (each.outputIndex === 2 ? { ...each, tapscriptProof } : each)),
    });
    const others = SHAPES.flatMap(([, , otherRoot, other]) =>
      root !== null && otherRoot !== null && equal(root, otherRoot)
        ? []
        : otherRoot === root
          ? []
          : [{ ...BIP86_PROOF, bip86: false, ...other }],
    );
    for (const other of others) expect(code(withProof(other))).toBe('INVALID_PROOF');
    expect(code(withProof(null))).toBe('INVALID_PROOF');
    expect(code(withProof({ ...shown, tapPreimage1: { kind: 7, preimage: new Uint8Array(64) }, tapPreimage2: null }))).not.toBe('valid');
    expect(code({ ...proof, exclusionProofs: proof.exclusionProofs.filter(({ outputIndex }) => outputIndex !== 2) })).toBe(
      'MISSING_EXCLUSION',
    );
    const moved = proof.exclusionProofs.map((each) => (each.outputIndex === 2 ? { ...each, outputIndex: 1 } : each));
    expect(code({ ...proof, exclusionProofs: moved })).not.toBe('valid');
    const key = secp.publicKey(newKey(world));
    const rekeyed = proof.exclusionProofs.map((each) => (each.outputIndex === 2 ? { ...each, internalKey: key } : each));
    expect(code({ ...proof, exclusionProofs: rekeyed })).toBe('INVALID_PROOF');
  },
);

test('a script tree that hides a commitment, is cut, half, too deep or of another output is refused', () => {
  const world = newWorld();
  const hidden = tapCommitmentScript(tapRoot(valid(commitForChain(2, [mint(world).asset]))));
  const codeOf = (tapTree: Bytes): string => {
    const read = tapscriptProofOf(tapTree);
    return read.ok ? 'read' : read.failure.code;
  };
  expect(codeOf(tuple(0, hidden))).toBe('INVALID_SIBLING');
  expect(codeOf(concat(tuple(1, leafOf(1)), tuple(1, hidden)))).toBe('INVALID_SIBLING');
  expect(codeOf(tuple(0, leafOf(1), 0xc2))).toBe('INVALID_SIBLING');
  for (const bad of [
    EMPTY,
    tree([1, 1]),
    tree([0, 1], [0, 2]),
    tree([1, 1], [1, 2], [1, 3]),
    tree([2, 1], [1, 2]),
    tree([2, 1], [2, 2], [2, 3]),
    tree([1, 1], [2, 2]),
    tree([200, 1]),
    tree([1, 1], [1, 2]).slice(0, -1),
    Uint8Array.of(0, 0xc0, 0xfe, 0xff, 0xff, 0xff, 0xff),
  ])
    expect(codeOf(bad)).toBe('MALFORMED');
  const other = outputWithoutAssets({ script: scriptOf(hash(1)), internalKey: KEY, tapTree: tree([0, 2]) });
  expect(other.ok ? 'read' : other.failure.code).toBe('INVALID_PROOF');
});

/** A whole transfer whose output commits to these alternative leaves instead of those of what it spent. */
function withLeaves(
  world: World,
  version: number,
  leaves: (asset: Asset) => readonly Asset[],
): { readonly minted: Owned; readonly proof: Proof } {
  const minted = mint(world);
  const asset = signed({ ...spendTemplate(minted.asset), prevWitnesses: [inputWitness(prevIdOf(minted.asset, minted.outPoint))] }, [
    minted,
  ]);
  const commitment = valid(withAltLeaves(valid(commitForChain(2, [asset])), leaves(asset)));
  const output = commitmentOutputKey(tapRoot(commitment), { internalKey: KEY, sibling: null }) as Bytes;
  const made = anchor(world, [minted.outPoint], [{ assets: [asset] }]);
  const tx: Tx = { ...made.tx, outputs: [{ amount: 1_000n as never, script: p2trScript(output) }] };
  const outputs: AnchorOutput[] = [{ outputIndex: 0, internalKey: KEY, content: { kind: 'assets', commitment, sibling: null } }];
  const proof = createProof({ version, prevOut: minted.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block: mine(world, tx) });
  return { minted, proof };
}

test('version 1 refuses a transfer whose output does not commit to what it spent, or to something else; version 0 never asked for it', () => {
  const world = newWorld();
  const codeOf = (
    version: number,
    leaves: (asset: Asset) => readonly Asset[],
    bend: (proof: Proof) => Proof = (proof) => proof,
  ): string => {
    const { minted, proof } = withLeaves(world, version, leaves);
    return verify(world, [...minted.proofs, encodeProof(bend(proof))]);
  };
  const strip = (proof: Proof): Proof => {
    const { commitmentProof } = proof.inclusionProof;
    if (commitmentProof === null) throw new Error('no commitment proof');
    return { ...proof, inclusionProof: { ...proof.inclusionProof, commitmentProof: { ...commitmentProof, stxoProofs: [] } } };
  };
  const none = (): readonly Asset[] => [];
  const wrong = (): readonly Asset[] => [altLeaf(secp.publicKey(sha256(utf8('of another input'))))];
  // The proofs are there, and what they should show is not.
  expect(codeOf(1, none)).toBe('INVALID_PROOF');
  expect(codeOf(1, wrong)).toBe('INVALID_PROOF');
  expect(codeOf(0, wrong)).toBe('INVALID_PROOF');
  expect(codeOf(1, none, strip)).toBe('MISSING_STXO');
  expect(codeOf(0, none, strip)).toBe('valid');
  // A proof of some other leaf in the place of the right one.
  const renamed = (proof: Proof): Proof => {
    const { commitmentProof } = proof.inclusionProof;
    if (commitmentProof === null) throw new Error('no commitment proof');
    const scriptKey = wrong()[0]?.scriptKey as Bytes;
    const stxoProofs = commitmentProof.stxoProofs.map((each) => ({ ...each, scriptKey }));
    return { ...proof, inclusionProof: { ...proof.inclusionProof, commitmentProof: { ...commitmentProof, stxoProofs } } };
  };
  expect(codeOf(1, wrong, renamed)).toBe('INVALID_PROOF');
});

test('in version 1 every other output is shown not to have what was spent', () => {
  const world = newWorld();
  const minted = mint(world, { amount: 10n });
  const { change } = send(world, minted, 4n);
  const proofs = change.proofs;
  expect(verify(world, proofs)).toBe('valid');
  const asset = signed({ ...spendTemplate(minted.asset), prevWitnesses: [inputWitness(prevIdOf(minted.asset, minted.outPoint))] }, [
    minted,
  ]);
  const other = mint(world, { name: 'bystander' }).asset;
  const { tx, outputs, block } = anchor(world, [minted.outPoint], [{ assets: [asset] }, { assets: [other] }]);
  const proof = createProof({ version: 1, prevOut: minted.outPoint, anchorTx: tx, outputs, asset, outputIndex: 0, block });
  expect(verify(world, [...minted.proofs, encodeProof(proof)])).toBe('valid');
  const exclusionProofs = proof.exclusionProofs.map((each) =>
    each.commitmentProof === null ? each : { ...each, commitmentProof: { ...each.commitmentProof, stxoProofs: [] } },
  );
  expect(verify(world, [...minted.proofs, encodeProof({ ...proof, exclusionProofs })])).toBe('MISSING_STXO');
  expect(verify(world, [...minted.proofs, encodeProof({ ...proof, version: 0, exclusionProofs })])).toBe('valid');
});
