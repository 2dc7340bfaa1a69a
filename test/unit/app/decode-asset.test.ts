import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { decodeThing } from '../../../src/app/decode/decode.ts';
import { decodeSchema } from '../../../src/app/decode/schema.ts';
import type { DecodeEnv } from '../../../src/app/decode/types.ts';
import { stringify } from '../../../src/app/json.ts';
import { decodeProof, encodeProof, type Proof } from '../../../src/asset/proof/proof.ts';
import { toHex, utf8 } from '../../../src/base/bytes.ts';
import { unixTime } from '../../../src/base/units.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import { fileOf, longFile, mint, newWorld, send } from '../asset/asset-life.ts';

const env: DecodeEnv = { now: unixTime(1_700_000_000), network: null };
const fits = new Ajv2020({ strict: false, allErrors: true }).compile(decodeSchema);

/** The answer, which fits the published schema; its pieces together are the text. */
async function decode(text: string, where: DecodeEnv = env): Promise<Record<string, unknown>> {
  const decoded = await decodeThing(text, where);
  const pieces = decoded.explain();
  if (!fits(JSON.parse(stringify({ ...decoded.json, explain: pieces })))) throw new Error(JSON.stringify(fits.errors).slice(0, 600));
  if (pieces.length > 0) expect(pieces.map(({ raw }) => raw).join('')).toBe(text);
  return decoded.json;
}

const file = join(import.meta.dirname, '../../vectors/taproot-assets/address/address_tlv_encoding_generated.json');
const { valid_test_cases: cases } = JSON.parse(readFileSync(file, 'utf8')) as {
  valid_test_cases: readonly {
    address: { chain_params_hrp: string; asset_id: string; amount: number; version: number };
    expected: string;
  }[];
};

test('a virtual PSBT is told from one of Bitcoin: its amounts are units, and what is wrong in it is refused', async () => {
  const folder = join(import.meta.dirname, '../../vectors/taproot-assets/tappsbt');
  const { valid_test_cases: packets } = JSON.parse(readFileSync(join(folder, 'psbt_encoding_generated.json'), 'utf8')) as {
    valid_test_cases: readonly { expected: string }[];
  };
  const texts = packets.map(({ expected }) => toHex(new Uint8Array(Buffer.from(expected, 'base64'))));
  expect(texts.length).toBeGreaterThan(2);
  for (const text of texts) {
    const json = await decode(text);
    expect(json).toMatchObject({ kind: 'asset_psbt', valid: true, problems: [], inputs: expect.any(Array) });
    for (const { amount } of json['outputs'] as readonly { amount: unknown }[]) expect(amount).toMatch(/^\d+$/);
  }
  const [first = ''] = texts;
  expect(await decode(first, { ...env, network: 'regtest' })).toMatchObject({ problems: [expect.stringContaining('wrong network')] });
  const foreign = first.replace(toHex(utf8('tapbc')), toHex(utf8('tapxx')));
  expect(foreign).not.toBe(first);
  expect(await decode(foreign)).toMatchObject({ kind: 'asset_psbt', valid: false, error: { code: 'WRONG_NETWORK' } });
});

test('every address of the vectors is read, with all networks that its prefix may mean', async () => {
  expect(cases.length).toBeGreaterThan(4);
  for (const { address, expected } of cases) {
    const json = await decode(expected);
    expect(json).toMatchObject({ kind: 'asset_address', valid: true, asset_version: expect.any(Number), problems: [] });
    expect((json['networks'] as readonly string[]).length).toBe(address.chain_params_hrp === 'taptb' ? 3 : 1);
    expect(json['network']).toBe(address.chain_params_hrp === 'taptb' ? null : (json['networks'] as readonly string[])[0]);
  }
});

test('an address of another network has a problem, a mistyped one is not valid', async () => {
  const text = cases.find(({ address }) => address.chain_params_hrp === 'taprt')?.expected as string;
  expect(await decode(text, { ...env, network: 'regtest' })).toMatchObject({ network: 'regtest', problems: [] });
  const [problem] = (await decode(text, { ...env, network: 'bitcoin' }))['problems'] as readonly string[];
  expect(problem).toContain('regtest');
  const typo = text.slice(0, 40) + (text[40] === 'q' ? 'p' : 'q') + text.slice(41);
  expect(await decode(typo)).toMatchObject({ kind: 'asset_address', valid: false, error: { code: 'CHECKSUM' } });
});

test('a proof file is read transition by transition, and a single proof too', async () => {
  const world = newWorld();
  const { sent } = send(world, mint(world, { name: 'beans', amount: 1000n }), 300n);
  const json = await decode(toHex(fileOf(sent)));
  expect(json).toMatchObject({
    kind: 'asset_proof_file',
    valid: true,
    transitions: [
      { name: 'beans', amount: '1000', what: 'minted', meta: { text: 'metadata', decimal_display: 2 } },
      { name: 'beans', amount: '300', what: 'split', meta: null },
    ],
  });
  expect(await decode(toHex(sent.proofs[0] as Uint8Array))).toMatchObject({ kind: 'asset_proof', transitions: [{ what: 'minted' }] });
});

test('a proof file that is cut off or bent anywhere is not valid, and never a bug', async () => {
  const whole = longFile(newWorld(), 3);
  for (let at = 4; at < whole.length; at += 37) {
    expect(await decode(toHex(whole.subarray(0, at)))).toMatchObject({ kind: 'asset_proof_file', valid: false });
    const bent = whole.slice();
    bent[at] = (bent[at] as number) ^ 0x10;
    expect(await decode(toHex(bent)), `byte ${at}`).toMatchObject({ valid: false });
  }
});

test('what a proof says of its group and of its supply is shown, and what does not fit is a problem', async () => {
  const world = newWorld();
  const grouped = mint(world, { group: { rawKey: sha256(utf8('group')), tapscriptRoot: sha256(utf8('root')) } });
  const [whole] = (await decode(toHex(fileOf(grouped))))['transitions'] as readonly Record<string, unknown>[];
  expect(whole?.['group']).toMatchObject({ version: 0, tapscript_root: toHex(sha256(utf8('root'))), custom_subtree_root: null });
  expect(whole?.['meta']).toMatchObject({ universe_commitments: false, delegation_key: null, unknown_records: [{ type: '31337' }] });
  const read = decodeProof(grouped.proofs[0] as Uint8Array);
  if (!read.ok || read.value.metaReveal === null || read.value.groupKeyReveal?.version !== 0) throw new Error('another proof');
  const { metaReveal: meta, groupKeyReveal: reveal } = read.value;
  const delegationKey = secp.publicKey(sha256(utf8('delegate')));
  const problems = async (change: Partial<Proof>): Promise<readonly string[]> =>
    (await decode(toHex(encodeProof({ ...read.value, ...change }))))['problems'] as readonly string[];
  expect(await problems({})).toEqual([]);
  expect(await problems({ version: 9 })).toEqual([expect.stringContaining('version 9')]);
  expect(await problems({ challengeWitness: [] })).toEqual([expect.stringContaining('who owns')]);
  expect(await problems({ groupKeyReveal: { ...reveal, tapscriptRoot: null } })).toEqual([expect.stringContaining('group key')]);
  const promising = await problems({ metaReveal: { ...meta, type: 1, universeCommitments: true, delegationKey } });
  expect(promising).toEqual([expect.stringContaining('JSON'), expect.stringContaining('not that of'), expect.stringContaining('supply')]);
});
