import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeThing } from '../../../src/app/decode/decode.ts';
import { decodeSchema } from '../../../src/app/decode/schema.ts';
import type { Decoded, DecodeEnv } from '../../../src/app/decode/types.ts';
import { stringify } from '../../../src/app/json.ts';
import { toHex } from '../../../src/base/bytes.ts';
import { unixTime } from '../../../src/base/units.ts';
import { isVersion2Type } from '../../../src/bolt/gossip/version-2.ts';
import { encodeMessage, messageDefinitions } from '../../../src/bolt/wire/message.ts';
import { messageArbitrary } from '../../arbitrary/message.ts';

const vectors = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, '../../vectors', name), 'utf8'));
const env: DecodeEnv = { now: unixTime(1_496_314_700), network: null };
const fits = new Ajv2020({ strict: false, allErrors: true }).compile(decodeSchema);

/** The answer; every one fits the published schema. */
async function decode(text: string, where: DecodeEnv = env): Promise<Decoded> {
  const decoded = await decodeThing(text, where);
  const json = JSON.parse(stringify({ ...decoded.json, explain: decoded.explain() }));
  if (!fits(json))
    throw new Error(`${text}: ${JSON.stringify(json).slice(0, 300)} does not fit: ${JSON.stringify(fits.errors).slice(0, 600)}`);
  return decoded;
}

interface InvoiceVector {
  readonly name: string;
  readonly invoice: string;
  readonly amount_msat: string | null;
  readonly timestamp: number;
  readonly payment_hash: string;
  readonly payment_secret: string;
  readonly description: string | null;
  readonly description_hash: string | null;
  readonly expiry: number | null;
  readonly min_final_cltv_expiry_delta: number | null;
  readonly payee: string;
  readonly features: readonly number[];
  readonly signature: string;
  readonly recovery_flag: number;
}

test('every valid example of BOLT 11 shows every stated field', async () => {
  const { valid } = vectors('bolt11-invoices.json') as { valid: readonly InvoiceVector[] };
  expect(valid.length).toBeGreaterThan(10);
  for (const vector of valid) {
    const { json } = await decode(vector.invoice);
    expect(json, vector.name).toMatchObject({
      kind: 'bolt11',
      valid: true,
      amount_msat: vector.amount_msat === null ? null : Number(vector.amount_msat),
      timestamp: vector.timestamp,
      payment_hash: vector.payment_hash,
      payment_secret: vector.payment_secret,
      description: vector.description,
      description_hash: vector.description_hash,
      expiry: vector.expiry ?? 3600,
      expires_at: vector.timestamp + (vector.expiry ?? 3600),
      min_final_cltv_expiry_delta: vector.min_final_cltv_expiry_delta ?? 18,
      payee: vector.payee,
      signature: vector.signature,
      signature_recovery: vector.recovery_flag,
    });
    expect((json['features'] as readonly { bit: number }[]).map(({ bit }) => bit)).toEqual(vector.features);
  }
});

test('every invalid example of BOLT 11 is answered with its kind, valid false and an error', async () => {
  const { invalid } = vectors('bolt11-invoices.json') as { invalid: readonly { name: string; invoice: string }[] };
  for (const { name, invoice } of invalid) {
    const { json, error } = await decode(invoice);
    // One example has lost its prefix: nothing says that it was an invoice.
    const kind = /^ln/i.test(invoice) ? 'bolt11' : 'unknown';
    expect(error, name).not.toBeNull();
    expect(json, name).toMatchObject({ kind, valid: false, error: { code: error?.code } });
  }
});

test('the pieces of an invoice together are the invoice', async () => {
  const { valid } = vectors('bolt11-invoices.json') as { valid: readonly InvoiceVector[] };
  for (const { invoice } of valid) {
    const pieces = (await decode(invoice)).explain();
    expect(pieces.map(({ raw }) => raw).join('')).toBe(invoice);
    for (const { at, raw } of pieces) expect(invoice.slice(at, at + raw.length)).toBe(raw);
  }
});

test('an invoice that has expired or is of another network stays valid and has a problem', async () => {
  const { valid } = vectors('bolt11-invoices.json') as { valid: readonly InvoiceVector[] };
  const { json } = await decode((valid[0] as InvoiceVector).invoice, { now: unixTime(1_700_000_000), network: 'regtest' });
  expect(json['valid']).toBe(true);
  const problems = json['problems'] as readonly string[];
  expect(problems.some((problem) => problem.startsWith('expired'))).toBe(true);
  expect(problems.some((problem) => problem.startsWith('wrong network'))).toBe(true);
});

test('a changed character of an invoice is never accepted', async () => {
  const { valid } = vectors('bolt11-invoices.json') as { valid: readonly InvoiceVector[] };
  const { invoice } = valid[2] as InvoiceVector;
  await fc.assert(
    fc.asyncProperty(fc.nat(invoice.length - 1), fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l'), async (at, char) => {
      const changed = invoice.slice(0, at) + char + invoice.slice(at + 1);
      if (changed !== invoice) expect((await decode(changed)).error).not.toBeNull();
    }),
    { numRuns: 200 },
  );
});

test('every message of the table decodes to its name and fields, and its pieces are its bytes', async () => {
  for (const { name, type } of messageDefinitions.filter((definition) => !isVersion2Type(definition.type))) {
    for (const message of fc.sample(messageArbitrary(name), { numRuns: 5, seed: type })) {
      const hex = toHex(encodeMessage(message));
      const decoded = await decode(hex);
      expect(decoded.json, name).toMatchObject({ kind: 'message', valid: true, name, type });
      expect(
        decoded
          .explain()
          .map(({ raw }) => raw)
          .join(''),
      ).toBe(hex);
    }
  }
});

test('messages of gossip version 2 are read as drafts; one without what it is about is malformed', async () => {
  const { messages } = vectors('gossip-version-2-lnd.json') as { messages: readonly { name: string; hex: string }[] };
  for (const { name, hex } of messages) {
    const { json, error } = await decode(hex);
    expect(error, name).toBeNull();
    expect(json).toMatchObject({ kind: 'message', valid: true, name: name.split(':')[0] });
    expect((json['problems'] as readonly string[])[0]).toContain('draft');
  }
  const { json } = await decode(messages[2]?.hex as string);
  expect(json['tlvs']).toMatchObject({ short_channel_id: '822610x2473x1', block_height: 900_000, htlc_maximum_msat: 990_000_000 });
  const empty = await decode('010b');
  expect(empty.json).toMatchObject({
    valid: false,
    name: 'channel_announcement_2',
    problems: ['channel_announcement_2: no record features'],
  });
  expect(empty.error?.code).toBe('MALFORMED');
});

test('a truncated message names what is missing and exits as malformed', async () => {
  const { json, error } = await decode('0082aabb');
  expect(json).toMatchObject({ kind: 'message', valid: false, name: 'update_fulfill_htlc', type: 130 });
  expect(error?.code).toBe('MALFORMED');
});

test('an amount in a message is an integer, another u64 a decimal string', async () => {
  const addHtlc = `0080${'11'.repeat(32)}${'00'.repeat(7)}07${'00'.repeat(6)}03e8${'22'.repeat(32)}0000ffff${'00'.repeat(1366)}`;
  const { json } = await decode(addHtlc);
  expect(json['fields']).toMatchObject({ id: '7', amount_msat: 1000, cltv_expiry: 65535 });
});

test('PSBTs of BIP 174 and 371 are accepted or refused as the BIPs say', async () => {
  const files = ['bip174-psbt.json', 'bip371-psbt-taproot.json'].map(vectors) as readonly {
    valid: readonly { name: string; base64: string }[];
    invalid: readonly { name: string; base64: string }[];
  }[];
  for (const { valid, invalid } of files) {
    for (const { name, base64 } of valid) expect((await decode(base64)).error, name).toBeNull();
    for (const { name, base64 } of invalid) expect((await decode(base64)).error, name).not.toBeNull();
  }
});

test('a transaction shows its id, and its pieces are its bytes', async () => {
  const genesis =
    '01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000';
  const decoded = await decode(genesis);
  expect(decoded.json).toMatchObject({
    kind: 'transaction',
    valid: true,
    txid: '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b',
    outputs: [{ amount_sat: 5_000_000_000 }],
  });
  expect(
    decoded
      .explain()
      .map(({ raw }) => raw)
      .join(''),
  ).toBe(genesis);
  const cut = await decode(genesis.slice(0, -2));
  expect(cut.json).toMatchObject({ kind: 'transaction', valid: false });
});

test('addresses of BIP 350 are accepted or refused as the BIP says', async () => {
  const { valid_addresses, invalid_addresses } = vectors('bip350-bech32m.json') as {
    valid_addresses: readonly { address: string; scriptPubKey: string }[];
    invalid_addresses: readonly { address: string }[];
  };
  for (const { address, scriptPubKey } of valid_addresses)
    expect((await decode(address)).json).toMatchObject({ kind: 'address', valid: true, script: scriptPubKey });
  for (const { address } of invalid_addresses) expect((await decode(address)).error, address).not.toBeNull();
  const ours = await decode('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', { ...env, network: 'regtest' });
  expect(ours.json['problems']).toHaveLength(1);
});

test('short channel ids, bitcoin: links and nonsense', async () => {
  expect((await decode('700000x1x2')).json).toMatchObject({
    kind: 'short_channel_id',
    valid: true,
    block_height: 700_000,
    output_index: 2,
  });
  expect((await decode('99999999x1x2')).error?.code).toBe('MALFORMED');
  const link = await decode('bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?amount=0.001&label=tea');
  expect(link.json).toMatchObject({ kind: 'bip21', valid: true, amount_msat: 100_000_000, label: 'tea' });
  expect((await decode('bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?req-new=1')).error?.code).toBe('UNKNOWN_FEATURE');
  for (const nonsense of [
    '',
    'hello',
    'ff',
    '0xff',
    'ln',
    '1x2',
    '-1x2x3',
    'lno1pg257enxv4ezqcneype82um50ynhxgrwdajx283qfwdpl28qqmc78ymlvhmxcsywdk5wrjnj36jryg488qwlrnzyjczlqsp9nyu4phcg6dqhlhzgxagfu7zh3d9re0sqp9ts2yfugvnnm9gxkcnnnkdpa084a6t520h5zhkxsdnghvpukvd43lastpwuh73k29qsy',
  ])
    expect((await decode(nonsense)).json).toMatchObject({ valid: false });
});

test('nothing that is typed makes decode throw', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789abcdef') }), fc.base64String()),
      async (text) => {
        await decode(text);
      },
    ),
    { numRuns: 500 },
  );
});
