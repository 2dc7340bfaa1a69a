import { expect, test } from 'vitest';
import { readFile, writeFile } from '../../src/asset/proof/file.ts';
import { checkMeta, jsonOf, META_TYPE } from '../../src/asset/proof/meta.ts';
import { decodeProof, encodeProof, PROOF_MAGIC, type Proof } from '../../src/asset/proof/proof.ts';
import { proveTx, txMerkleProofCodec, verifyTxProof } from '../../src/asset/proof/tx-merkle.ts';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeBlock } from '../../src/bitcoin/block.ts';
import { txId } from '../../src/bitcoin/tx.ts';
import { decodeWith, encodeWith } from '../../src/codec/codec.ts';
import { type JsonProof, proofOfJson } from './taproot-assets-json-proof.ts';
import { readHex, readText, readVectors } from './taproot-assets-read.ts';

interface Vectors {
  readonly valid_test_cases: readonly { readonly proof: JsonProof; readonly expected: string; readonly comment: string }[] | null;
  readonly error_test_cases: readonly unknown[] | null;
}

function decoded(bytes: Uint8Array): Proof {
  const proof = decodeProof(bytes);
  if (!proof.ok) throw new Error(proof.failure.message);
  return proof.value;
}

test.each([
  ['proof_tlv_encoding_generated', 14],
  ['proof_tlv_encoding_regtest', 7],
])('%s.json: %d proofs encode to the given bytes and back', (file, count) => {
  const cases = readVectors<Vectors>(`proof/${file}.json`).valid_test_cases ?? [];
  expect(cases).toHaveLength(count);
  for (const each of cases) {
    const proof = proofOfJson(each.proof);
    expect(toHex(encodeProof(proof)), each.comment).toBe(each.expected);
    expect(decoded(fromHex(each.expected)), each.comment).toEqual(proof);
  }
});

test('proof_tlv_encoding_error_cases.json: the file holds no case', () => {
  expect(readVectors<Vectors>('proof/proof_tlv_encoding_error_cases.json').error_test_cases).toBeNull();
});

test.each(['proof.hex', 'ownership-proof.hex', 'proof-invalid-json-meta-reveal.hex'])(
  '%s: 1 proof, read and written back alike',
  (file) => {
    const bytes = readHex(`proof/${file}`);
    expect(toHex(encodeProof(decoded(bytes))) === toHex(bytes)).toBe(true);
  },
);

test('proof-invalid-json-meta-reveal.hex: the metadata says JSON, and is none', () => {
  const { metaReveal } = decoded(readHex('proof/proof-invalid-json-meta-reveal.hex'));
  if (metaReveal === null) throw new Error('no meta reveal');
  expect(metaReveal.type).toBe(META_TYPE.JSON);
  expect(jsonOf(metaReveal.data)).toBeUndefined();
  const checked = checkMeta(metaReveal);
  expect(checked.ok ? null : checked.failure.code).toBe('INVALID_META');
});

test('proof-file.hex: 1 file, read and written back alike, every proof in it too', () => {
  const bytes = readHex('proof/proof-file.hex');
  const proofs = readFile(bytes);
  if (!proofs.ok) throw new Error(proofs.failure.message);
  expect(proofs.value).toHaveLength(3);
  expect(toHex(writeFile(proofs.value))).toBe(toHex(bytes));
  for (const proof of proofs.value) expect(toHex(encodeProof(decoded(proof)))).toBe(toHex(proof));
});

test.each([
  ['odd-block.hex', 9],
  ['12-tx-block.hex', 12],
  ['70-tx-block.hex', 70],
])('%s: 1 block, the place of each of its %d transactions is proved, and no other', (file, count) => {
  const block = decodeBlock(readHex(`proof/${file}`));
  if (!block.ok) throw new Error(block.failure.message);
  const { txs, header } = block.value;
  expect(txs.length).toBe(count);
  const ids = txs.map(txId);
  for (const [i, tx] of txs.entries()) {
    const proof = proveTx(ids, i);
    expect(verifyTxProof(proof, tx, header.merkleRoot)).toBe(true);
    expect(verifyTxProof(proof, txs[(i + 1) % count] as (typeof txs)[number], header.merkleRoot)).toBe(false);
    const read = decodeWith(txMerkleProofCodec, encodeWith(txMerkleProofCodec, proof));
    expect(read.ok && read.value).toEqual(proof);
  }
});

test('fuzz/FuzzProof: 1 input is refused as malformed', () => {
  const text = /\[\]byte\("(.*)"\)/.exec(readText('proof/fuzz/FuzzProof/bd3d7cb5ef5fb7a4'))?.[1];
  if (text === undefined) throw new Error('no corpus text');
  const input = text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const bytes = Uint8Array.from([...PROOF_MAGIC, ...Array.from(input, (c) => c.charCodeAt(0))]);
  const proof = decodeProof(bytes);
  expect(proof.ok ? null : proof.failure.code).toBe('MALFORMED');
});
