import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';

/** Every vector file, with the test that reads it and how many cases that says it ran. */
const FILES: Readonly<Record<string, readonly [test: string, cases: string]>> = {
  'address/address_tlv_encoding_error_cases.json': ['address', '8'],
  'address/address_tlv_encoding_generated.json': ['address', '12'],
  'asset/asset.hex': ['asset', '1'],
  'asset/asset_burn_key_generated.json': ['asset', '3'],
  'asset/asset_tlv_encoding_error_cases.json': ['asset', '5'],
  'asset/asset_tlv_encoding_generated.json': ['asset', '4'],
  'channel-and-rfq-blobs.json': ['channel', '7'],
  'constants.json': ['asset, mssmt', '5 + 2 values'],
  'itest/8k-metadata.hex': ['asset', '1'],
  'mssmt/mssmt_tree_deletion.json': ['mssmt', '1'],
  'mssmt/mssmt_tree_error_cases.json': ['mssmt', '1 + 1'],
  'mssmt/mssmt_tree_proofs.json': ['mssmt', '1 tree, 1000 + 10 proofs'],
  'mssmt/mssmt_tree_replacement.json': ['mssmt', '1'],
  'proof/12-tx-block.hex': ['proof', '12 transactions'],
  'proof/70-tx-block.hex': ['proof', '70 transactions'],
  'proof/fuzz/FuzzProof/bd3d7cb5ef5fb7a4': ['proof', '1'],
  'proof/odd-block.hex': ['proof', '9 transactions'],
  'proof/ownership-proof.hex': ['proof, verify', '1'],
  'proof/proof-file.hex': ['proof, verify', '1 file of 3'],
  'proof/proof-invalid-json-meta-reveal.hex': ['proof, verify', '1'],
  'proof/proof.hex': ['proof, verify', '1'],
  'proof/proof_tlv_encoding_error_cases.json': ['proof', '0: the file holds none'],
  'proof/proof_tlv_encoding_generated.json': ['proof', '14'],
  'proof/proof_tlv_encoding_regtest.json': ['proof, verify', '7'],
  'rfqmsg/compat/v0.8/accept.hex': ['channel', '1'],
  'rfqmsg/compat/v0.8/htlc.hex': ['channel', '1'],
  'rfqmsg/compat/v0.8/reject.hex': ['channel', '1'],
  'rfqmsg/compat/v0.8/request.hex': ['channel', '1'],
  'tapchannelmsg/commitment-blob.hexdump': ['channel', '1'],
  'tapchannelmsg/funding-blob.hexdump': ['channel', '1'],
  'tapchannelmsg/htlc-blob.hexdump': ['channel', '1'],
  'tappsbt/packet.hex': ['tappsbt', '1'],
  'tappsbt/psbt_encoding_error_cases.json': ['tappsbt', '1'],
  'tappsbt/psbt_encoding_generated.json': ['tappsbt', '3'],
  'vm/vm_validation_generated.json': ['vm', '26'],
  'vm/vm_validation_generated_error_cases.json': ['vm', '24'],
};

test('every vector file of taproot-assets is listed with the test that runs its cases, and no other', () => {
  const folder = new URL('./taproot-assets/', import.meta.url);
  const there = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replace(/^.*taproot-assets\/+/, ''));
  expect(there.sort()).toEqual(Object.keys(FILES).sort());
  const tests = readdirSync(new URL('./', import.meta.url));
  for (const [names] of Object.values(FILES))
    for (const name of names.split(', ')) expect(tests).toContain(`taproot-assets-${name}.test.ts`);
});
