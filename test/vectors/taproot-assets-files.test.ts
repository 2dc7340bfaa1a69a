import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Listed {
  /** The tests that run its cases, `taproot-assets-<name>.test.ts`. */
  readonly tests: readonly string[];
  /** How many there are in the file; held against the file itself. */
  readonly cases: number;
  readonly of: string;
}
const listed = (tests: string, cases: number, of = 'cases'): Listed => ({ tests: tests.split(', '), cases, of });

/** Every vector file, with who runs it and how many cases it has. */
const FILES: Readonly<Record<string, Listed>> = {
  'address/address_tlv_encoding_error_cases.json': listed('address', 8, 'refused addresses'),
  'address/address_tlv_encoding_generated.json': listed('address', 12, 'addresses'),
  'asset/asset.hex': listed('asset', 1, 'asset'),
  'asset/asset_burn_key_generated.json': listed('asset', 3, 'burn keys'),
  'asset/asset_tlv_encoding_error_cases.json': listed('asset', 5, 'refused assets'),
  'asset/asset_tlv_encoding_generated.json': listed('asset', 4, 'assets'),
  'channel-and-rfq-blobs.json': listed('channel', 7, 'blobs'),
  'constants.json': listed('asset, mssmt', 7, 'values'),
  'itest/8k-metadata.hex': listed('asset', 1, 'metadata'),
  'mssmt/mssmt_tree_deletion.json': listed('mssmt', 1, 'tree'),
  'mssmt/mssmt_tree_error_cases.json': listed('mssmt', 2, 'trees, one of them refused'),
  'mssmt/mssmt_tree_proofs.json': listed('mssmt', 1, 'tree with 1000 + 10 proofs'),
  'mssmt/mssmt_tree_replacement.json': listed('mssmt', 1, 'tree'),
  'proof/12-tx-block.hex': listed('proof', 1, 'block of 12 transactions'),
  'proof/70-tx-block.hex': listed('proof', 1, 'block of 70 transactions'),
  'proof/fuzz/FuzzProof/bd3d7cb5ef5fb7a4': listed('proof', 1, 'refused proof'),
  'proof/odd-block.hex': listed('proof', 1, 'block of 9 transactions'),
  'proof/ownership-proof.hex': listed('proof, verify', 1, 'proof'),
  'proof/proof-file.hex': listed('proof, verify', 1, 'file of 3 proofs'),
  'proof/proof-invalid-json-meta-reveal.hex': listed('proof, verify', 1, 'proof'),
  'proof/proof.hex': listed('proof, verify', 1, 'proof'),
  'proof/proof_tlv_encoding_error_cases.json': listed('proof', 0, 'cases: the file holds none'),
  'proof/proof_tlv_encoding_generated.json': listed('proof', 14, 'proofs'),
  'proof/proof_tlv_encoding_regtest.json': listed('proof, verify', 7, 'proofs'),
  'rfqmsg/compat/v0.8/accept.hex': listed('channel', 1, 'message'),
  'rfqmsg/compat/v0.8/htlc.hex': listed('channel', 1, 'message'),
  'rfqmsg/compat/v0.8/reject.hex': listed('channel', 1, 'message'),
  'rfqmsg/compat/v0.8/request.hex': listed('channel', 1, 'message'),
  'tapchannelmsg/commitment-blob.hexdump': listed('channel', 1, 'blob'),
  'tapchannelmsg/funding-blob.hexdump': listed('channel', 1, 'blob'),
  'tapchannelmsg/htlc-blob.hexdump': listed('channel', 1, 'blob'),
  'tappsbt/packet.hex': listed('tappsbt', 1, 'packet'),
  'tappsbt/psbt_encoding_error_cases.json': listed('tappsbt', 1, 'refused packet'),
  'tappsbt/psbt_encoding_generated.json': listed('tappsbt', 3, 'packets'),
  'vm/vm_validation_generated.json': listed('vm', 26, 'transitions'),
  'vm/vm_validation_generated_error_cases.json': listed('vm', 24, 'refused transitions'),
};

const textOf = (path: string): string => readFileSync(new URL(`./taproot-assets/${path}`, import.meta.url), 'utf8');
const sourceOf = (name: string): string => readFileSync(new URL(`./taproot-assets-${name}.test.ts`, import.meta.url), 'utf8');

/** How many cases a file has by its own account; other JSON counts its members that are no remarks. */
function casesIn(path: string): number {
  if (!path.endsWith('.json')) return 1;
  const json = JSON.parse(textOf(path)) as Record<string, unknown>;
  const lists = [json['valid_test_cases'], json['error_test_cases']];
  if (lists.some((each) => each !== undefined))
    return lists.reduce<number>((sum, each) => sum + (Array.isArray(each) ? each.length : 0), 0);
  const values = (json['blobs'] as Record<string, unknown> | undefined) ?? json;
  return Object.keys(values).filter((name) => name !== 'source').length;
}

test('every vector file of taproot-assets is listed, and no other', () => {
  const folder = new URL('./taproot-assets/', import.meta.url);
  const there = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replace(/^.*taproot-assets\/+/, ''));
  expect(there.sort()).toEqual(Object.keys(FILES).sort());
});

test.each(Object.entries(FILES).map(([path, { cases, of, tests }]) => [path, cases, of, tests.join(', ')] as const))(
  '%s: %d %s, run by %s',
  (path, cases, _, tests) => {
    expect(casesIn(path)).toBe(cases);
    for (const name of tests.split(', ')) {
      const source = sourceOf(name);
      // Named there in whole, or by its name without folder and ending where a table has those.
      const stem = path.replace(/^.*\//, '').replace(/\.[a-z]+$/, '');
      expect(source.includes(stem), `${name} reads ${path}`).toBe(true);
      expect(source).not.toMatch(/\.(skip|todo|only|skipIf|runIf|fails)\b/);
    }
  },
);
