import { expect, test } from 'vitest';
import { evenKey } from '../../src/asset/keys.ts';
import { bytesSource, readFile, writeFile } from '../../src/asset/proof/file.ts';
import { decodeProof, encodeProof, type Proof } from '../../src/asset/proof/proof.ts';
import type { OutputCommitmentProof, StxoProof, TaprootProof } from '../../src/asset/proof/taproot-proof.ts';
import { type ProofFailure, type VerifyEnv, verifyIntegrity, verifyOwnershipProof, verifyProof } from '../../src/asset/proof/verify.ts';
import { type FileEnv, proofsOfFile, verifyFile } from '../../src/asset/proof/verify-file.ts';
import { equal, toHex } from '../../src/base/bytes.ts';
import { blockHash } from '../../src/bitcoin/block.ts';
import { checkScripts } from '../../src/io/regtest/scripts.ts';
import { type JsonProof, proofOfJson } from './taproot-assets-json-proof.ts';
import { readHex, readVectors } from './taproot-assets-read.ts';

const ENV: FileEnv = {
  interpreter: checkScripts,
  chain: { txHeight: () => 1, medianTime: () => 1 },
  isInChain: () => true,
  isKnownGroup: () => true,
};
const PROOF_ENV: VerifyEnv = { ...ENV, verifyInput: (file) => verifyFile(bytesSource(file), ENV) };

function decoded(bytes: Uint8Array): Proof {
  const proof = decodeProof(bytes);
  if (!proof.ok) throw new Error(proof.failure.message);
  return proof.value;
}
const code = (result: { ok: true } | { ok: false; failure: ProofFailure }): string => (result.ok ? 'valid' : result.failure.code);
// Height 0: the transaction was not confirmed when the proof was taken.
const verifyAlone = (proof: Proof) => verifyIntegrity(proof, proof.blockHeight === 0 ? { ...PROOF_ENV, isInChain: null } : PROOF_ENV);
const FILE = readHex('proof/proof-file.hex');
const PROOFS = (() => {
  const proofs = readFile(FILE);
  if (!proofs.ok) throw new Error(proofs.failure.message);
  return proofs.value;
})();

test('proof-file.hex: the 3 transitions of the file are valid', () => {
  const result = verifyFile(bytesSource(FILE), ENV);
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.message}`);
  const last = decoded(PROOFS.at(-1) as Uint8Array);
  expect(result.value.asset).toEqual(last.asset);
  expect(result.value.blockHeight).toBe(last.blockHeight);
  expect([...proofsOfFile(bytesSource(FILE))].map(({ blockHeight }) => blockHeight)).toEqual(PROOFS.map((p) => decoded(p).blockHeight));
});

test('ownership-proof.hex: 1 ownership proof is valid, not for a challenge that it does not answer', () => {
  const proof = decoded(readHex('proof/ownership-proof.hex'));
  const result = verifyOwnershipProof(proof, null, PROOF_ENV);
  expect(result.ok ? 'valid' : `${result.failure.code}: ${result.failure.message}`).toBe('valid');
  expect(code(verifyOwnershipProof(proof, new Uint8Array(32).fill(1), PROOF_ENV))).toBe('INVALID_WITNESS');
  expect(code(verifyProof(proof, null, PROOF_ENV))).toBe('INVALID_PROOF');
});

test('proof.hex and proof-invalid-json-meta-reveal.hex: 2 proofs hold by themselves', () => {
  for (const file of ['proof.hex', 'proof-invalid-json-meta-reveal.hex']) {
    const result = verifyAlone(decoded(readHex(`proof/${file}`)));
    expect(result.ok ? 'valid' : `${result.failure.code}: ${result.failure.message}`, file).toBe('valid');
  }
});

test('proof_tlv_encoding_regtest.json: 7 proofs hold by themselves', () => {
  const cases = readVectors<{ valid_test_cases: { proof: JsonProof; comment: string }[] }>(
    'proof/proof_tlv_encoding_regtest.json',
  ).valid_test_cases;
  expect(cases).toHaveLength(7);
  for (const each of cases) {
    const result = verifyAlone(proofOfJson(each.proof));
    expect(result.ok ? 'valid' : `${result.failure.code}: ${result.failure.message}`, each.comment).toBe('valid');
  }
});

test('a file is refused when it is cut, reordered, extended, emptied, of another version or of another chain', () => {
  const verify = (file: Uint8Array, env: FileEnv = ENV): string => code(verifyFile(bytesSource(file), env));
  const [first, second, third] = PROOFS as readonly [Uint8Array, Uint8Array, Uint8Array];
  expect(verify(writeFile([first, second, third]))).toBe('valid');
  expect(verify(writeFile([first, third]))).toBe('NOT_SPENT');
  expect(verify(writeFile([second, third]))).toBe('NO_INPUTS');
  expect(verify(writeFile([first, third, second]))).toBe('NOT_SPENT');
  expect(verify(writeFile([]))).toBe('EMPTY');
  expect(verify(FILE.subarray(0, -1))).toBe('MALFORMED');
  expect(verify(Uint8Array.from([...FILE, 0]))).toBe('MALFORMED');
  expect(verify(FILE.with(7, 1))).toBe('UNKNOWN_VERSION');
  expect(verify(FILE.with(0, 0))).toBe('MALFORMED');
  expect(verify(FILE.with(FILE.length - 1, (FILE.at(-1) as number) ^ 1))).toBe('CHECKSUM');
  expect(verify(FILE, { ...ENV, isInChain: () => false })).toBe('NOT_IN_CHAIN');
  const last = decoded(third);
  const withoutLast: FileEnv = { ...ENV, isInChain: (header) => !equal(blockHash(header), blockHash(last.blockHeader)) };
  expect(verify(FILE, withoutLast)).toBe('NOT_IN_CHAIN');
  expect(verify(FILE, { ...withoutLast, lastIsUnconfirmed: true })).toBe('valid');
});

test('a head that promises more proofs than the file can hold is refused before anything is read', () => {
  const head = Uint8Array.from([...FILE.subarray(0, 8), 0xfe, 0, 6, 0x68, 0xa0]);
  let reads = 0;
  const read = (offset: number, length: number) => {
    reads++;
    return head.slice(offset, offset + length);
  };
  const source = { size: 500 * 1024 * 1024, read };
  expect(code(verifyFile({ ...source, size: head.length }, ENV))).toBe('MALFORMED');
  expect(reads).toBe(1);
  const inflated = Uint8Array.from([...FILE.subarray(0, 8), 1, 0xfe, 0x08, 0, 0, 1, ...new Uint8Array(64)]);
  expect(code(verifyFile(bytesSource(inflated), ENV))).toBe('TOO_LARGE');
});

test('each part of a proof that is taken away or changed is missed', () => {
  const second = decoded(PROOFS[1] as Uint8Array);
  const snapshot = verifyFile(bytesSource(writeFile(PROOFS.slice(0, 1))), ENV);
  if (!snapshot.ok) throw new Error(snapshot.failure.message);
  const verify = (proof: Proof): string => code(verifyProof(proof, snapshot.value, PROOF_ENV));
  expect(verify(second)).toBe('valid');
  const { asset, inclusionProof, exclusionProofs } = second;
  const changes: readonly [Partial<Proof>, string][] = [
    [{ version: 2 }, 'UNKNOWN_VERSION'],
    [{ exclusionProofs: exclusionProofs.slice(1) }, 'MISSING_EXCLUSION'],
    [{ exclusionProofs: Array.from({ length: 100 }, () => exclusionProofs[0] as (typeof exclusionProofs)[number]) }, 'INVALID_PROOF'],
    [
      { splitRootProof: null, ...(second.splitRootProof === null ? { exclusionProofs: [] } : {}) },
      second.splitRootProof === null ? 'MISSING_EXCLUSION' : 'MISSING_SPLIT_ROOT',
    ],
    [{ asset: { ...asset, amount: asset.amount + 1n } }, 'INVALID_PROOF'],
    [{ inclusionProof: { ...inclusionProof, outputIndex: 99 } }, 'INVALID_PROOF'],
    [{ genesisReveal: asset.genesis }, 'INVALID_GENESIS_REVEAL'],
    [{ metaReveal: decoded(PROOFS[0] as Uint8Array).metaReveal }, 'INVALID_META_REVEAL'],
    [{ groupKeyReveal: { version: 0, rawKey: asset.scriptKey, tapscriptRoot: null } }, 'INVALID_GROUP_KEY'],
    [{ txMerkleProof: { nodes: [new Uint8Array(32)], bits: [true] } }, 'INVALID_TX_PROOF'],
    [{ prevOut: { ...second.prevOut, vout: 77 } }, 'NOT_SPENT'],
    // A split output spends nothing itself.
    [{ version: 1 }, 'valid'],
  ];
  for (const [change, expected] of changes)
    expect([Object.keys(change), verify({ ...second, ...change })]).toEqual([Object.keys(change), expected]);
  const first = decoded(PROOFS[0] as Uint8Array);
  const minted = (change: Partial<Proof>): string => code(verifyProof({ ...first, ...change }, null, PROOF_ENV));
  expect(minted({})).toBe('valid');
  expect(minted({ genesisReveal: null })).toBe('INVALID_GENESIS_REVEAL');
  expect(minted({ metaReveal: null })).toBe('INVALID_META_REVEAL');
  expect(code(verifyProof(first, null, { ...PROOF_ENV, isIgnored: () => true }))).toBe('IGNORED');
});

test('a transfer of version 1 needs the proofs of its spent asset, in its output and in no other', () => {
  const proof = { ...decoded(readHex('proof/proof.hex')), version: 1 };
  const { inclusionProof, exclusionProofs } = proof;
  const stripped = (each: TaprootProof): TaprootProof =>
    each.commitmentProof === null ? each : { ...each, commitmentProof: { ...each.commitmentProof, stxoProofs: [] } };
  const verify = (change: Partial<Proof>): string => code(verifyAlone({ ...proof, ...change }));
  expect(inclusionProof.commitmentProof?.stxoProofs.length).toBe(1);
  expect(verify({})).toBe('valid');
  expect(verify({ inclusionProof: stripped(inclusionProof) })).toBe('MISSING_STXO');
  expect(verify({ exclusionProofs: exclusionProofs.map(stripped) })).toBe('MISSING_STXO');
  expect(verify({ version: 0, inclusionProof: stripped(inclusionProof), exclusionProofs: exclusionProofs.map(stripped) })).toBe('valid');
  const [spent] = inclusionProof.commitmentProof?.stxoProofs ?? [];
  const other = { ...spent, scriptKey: proof.asset.scriptKey } as StxoProof;
  const commitmentProof = { ...inclusionProof.commitmentProof, stxoProofs: [other] } as OutputCommitmentProof;
  expect(verify({ inclusionProof: { ...inclusionProof, commitmentProof } })).toBe('INVALID_PROOF');
});

const even = (proof: TaprootProof): TaprootProof => ({ ...proof, internalKey: evenKey(proof.internalKey.slice(1)) });
const evenKeys = (proof: Proof): Proof => ({
  ...proof,
  inclusionProof: even(proof.inclusionProof),
  exclusionProofs: proof.exclusionProofs.map(even),
  splitRootProof: proof.splitRootProof === null ? null : even(proof.splitRootProof),
});

test('no byte of a transition can be changed unnoticed, headers and unknown block facts apart', () => {
  const bytes = PROOFS[1] as Uint8Array;
  const before = verifyFile(bytesSource(writeFile(PROOFS.slice(0, 1))), ENV);
  if (!before.ok) throw new Error(before.failure.message);
  const original = decoded(bytes);
  for (let i = 4; i < bytes.length; i += 7) {
    const proof = decodeProof(bytes.with(i, (bytes[i] as number) ^ 1));
    if (!proof.ok || toHex(encodeProof(proof.value)) === toHex(bytes)) continue;
    const result = verifyProof(proof.value, before.value, PROOF_ENV);
    if (!result.ok) continue;
    // What is left is what the chain lookup answers for, the anchor's own witness, the sides of keys of which only x counts, and the version.
    const { blockHeader, blockHeight, version } = original;
    const anchorTx = { ...proof.value.anchorTx, inputs: original.anchorTx.inputs };
    const same = evenKeys({ ...proof.value, blockHeader, blockHeight, version, anchorTx });
    expect([i, toHex(encodeProof(same))]).toEqual([i, toHex(encodeProof(evenKeys(original)))]);
  }
});
