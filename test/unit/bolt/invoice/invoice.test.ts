import bolt11 from 'bolt11';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex } from '../../../../src/base/bytes.ts';
import type { NodeId } from '../../../../src/base/ids.ts';
import { msat } from '../../../../src/base/units.ts';
import { formatHrp, parseHrp } from '../../../../src/bolt/invoice/amount.ts';
import { bytesOfWords, decodeBech32, encodeBech32, wordsOfBytes, wordsOfNumber } from '../../../../src/bolt/invoice/bech32.ts';
import { decodeInvoice } from '../../../../src/bolt/invoice/decode.ts';
import { encodeInvoice, signWith } from '../../../../src/bolt/invoice/encode.ts';
import { fallbackAddress, fallbackScript } from '../../../../src/bolt/invoice/fallback.ts';
import { describeFeatures } from '../../../../src/bolt/invoice/features.ts';
import { FIELD, signedHash } from '../../../../src/bolt/invoice/fields.ts';
import type { InvoiceFields } from '../../../../src/bolt/invoice/types.ts';
import { encodeBits } from '../../../../src/bolt/wire/features.ts';
import { secp } from '../../../../src/crypto/ec.ts';
import vectors from '../../../vectors/bolt11-invoices.json' with { type: 'json' };
import { amount, invoiceFields, privateKey } from './arbitrary.ts';

const KEY = fromHex(vectors.private_key);
const PAYEE = secp.publicKey(KEY) as NodeId;

const sample = (change: Partial<InvoiceFields> = {}): InvoiceFields => {
  const decoded = decodeInvoice(vectors.valid[1]?.invoice as string);
  if (!decoded.ok) throw new Error('the example decodes');
  const { payee: _p, signature: _s, signatureRecovery: _r, ...fields } = decoded.value;
  return { ...fields, ...change };
};

/** Signs any words, also ones that no writer would write. */
function signed(hrp: string, words: Uint8Array): string {
  const { signature, recovery } = secp.signRecoverable(signedHash(hrp, words), KEY);
  return encodeBech32(hrp, concat(words, wordsOfBytes(concat(signature, Uint8Array.of(recovery)))));
}
const field = (type: number, words: Uint8Array) => concat(Uint8Array.of(type, words.length >>> 5, words.length & 31), words);
const timestamp = Uint8Array.of(0, 0, 0, 1, 2, 3, 4);
const hash = (fill: number) => new Uint8Array(32).fill(fill);
const p = field(FIELD.p, wordsOfBytes(hash(1)));
const s = field(FIELD.s, wordsOfBytes(hash(2)));
const d = field(FIELD.d, wordsOfBytes(new TextEncoder().encode('tea')));
const withFields = (...fields: readonly Uint8Array[]) => decodeInvoice(signed('lnbc1u', concat(timestamp, ...fields)));
const reason = (...fields: readonly Uint8Array[]) => {
  const result = withFields(...fields);
  return result.ok ? null : result.failure.reason;
};

describe('round trip', () => {
  test('what is written is what is read, by the payee who signed', () => {
    fc.assert(
      fc.property(invoiceFields, privateKey, fc.boolean(), (fields, key, givesPayee) => {
        const payee = secp.publicKey(key) as NodeId;
        const written = { ...fields, payeeField: givesPayee ? payee : null };
        const text = encodeInvoice(written, signWith(key));
        const read = decodeInvoice(text);
        expect(read).toMatchObject({ ok: true, value: { ...written, payee } });
        expect(read.ok && encodeInvoice(read.value, signWith(key))).toBe(text);
        expect(decodeInvoice(text.toUpperCase())).toEqual(read);
      }),
      { numRuns: 300 },
    );
  });

  test('bolt11 reads the same fields', () => {
    // It knows neither signet nor 50-bit expiries, reads an empty field as none, and has no payment metadata.
    const shared = invoiceFields.map((fields) => ({
      ...fields,
      network: fields.network === 'signet' ? ('regtest' as const) : fields.network,
      description: fields.description === '' ? 'x' : fields.description,
      expiry: fields.expiry === null ? null : fields.expiry % 2 ** 31,
      features: encodeBits([8, 14, 17]),
      paymentMetadata: null,
      fallbacks: [],
      unknownFields: [],
    }));
    const regtest = { bech32: 'bcrt', pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] };
    fc.assert(
      fc.property(shared, (fields) => {
        const text = encodeInvoice(fields, signWith(KEY));
        const theirs = fields.network === 'regtest' ? bolt11.decode(text, regtest) : bolt11.decode(text);
        const tag = (name: string) => theirs.tags.find(({ tagName }) => tagName === name)?.data ?? null;
        expect(theirs.payeeNodeKey).toBe(toHex(PAYEE));
        expect(theirs.millisatoshis ?? null).toBe(fields.amount === null ? null : `${fields.amount}`);
        expect(theirs.timestamp).toBe(fields.timestamp);
        expect(tag('payment_hash')).toBe(toHex(fields.paymentHash));
        expect(tag('payment_secret')).toBe(toHex(fields.paymentSecret));
        expect(tag('description')).toBe(fields.description);
        expect(tag('expire_time') ?? 3600).toBe(fields.expiry ?? 3600);
        const routes = theirs.tags.filter(({ tagName }) => tagName === 'routing_info').map(({ data }) => data as { pubkey: string }[]);
        expect(routes.map((route) => route.map(({ pubkey }) => pubkey))).toEqual(
          fields.routes.map((route) => route.map(({ nodeId }) => toHex(nodeId))),
        );
      }),
      { numRuns: 100 },
    );
  });

  test('any amount survives, in the shortest form', () => {
    fc.assert(
      fc.property(amount, (value) => {
        const hrp = formatHrp('regtest', msat(value));
        expect(parseHrp(hrp)).toEqual({ ok: true, value: { network: 'regtest', amount: value } });
        expect(hrp.length).toBeLessThanOrEqual(`lnbcrt${value * 10n}p`.length);
      }),
    );
    expect(formatHrp('bitcoin', msat(100_000_000_000n))).toBe('lnbc1');
    expect(formatHrp('bitcoin', msat(250_000_000n))).toBe('lnbc2500u');
    expect(formatHrp('signet', msat(1))).toBe('lntbs10p');
    expect(() => formatHrp('bitcoin', msat(0))).toThrow(RangeError);
  });

  test('bech32 words and bytes are each other', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (data) => {
        expect(bytesOfWords(wordsOfBytes(data))).toEqual(data);
        expect(decodeBech32(encodeBech32('lnbc', wordsOfBytes(data)))).toEqual({
          ok: true,
          value: { hrp: 'lnbc', words: wordsOfBytes(data) },
        });
      }),
    );
  });
});

describe('the writer refuses', () => {
  test('a description that does not fit a field', () => {
    expect(() => encodeInvoice(sample({ description: 'x'.repeat(640) }), signWith(KEY))).toThrow(RangeError);
    expect(encodeInvoice(sample({ description: 'x'.repeat(639) }), signWith(KEY))).toMatch(/^lnbc2500u1/);
  });
  test('no description, and two', () => {
    expect(() => encodeInvoice(sample({ description: null }), signWith(KEY))).toThrow('description');
    expect(() => encodeInvoice(sample({ descriptionHash: hash(3) }), signWith(KEY))).toThrow('description');
  });
});

describe('the reader refuses', () => {
  test('an amount with a leading zero, of zero, above all bitcoin, without a digit, of an unknown multiplier or network', () => {
    for (const [hrp, failure] of [
      ['lnbc0', 'invalid_amount'],
      ['lnbc01u', 'invalid_amount'],
      ['lnbc21000001', 'invalid_amount'],
      ['lnbc999999999999999999999n', 'invalid_amount'],
      ['lnbcm', 'unknown_prefix'],
      ['lnbc1x', 'invalid_multiplier'],
      ['lnbc1uu', 'invalid_multiplier'],
      ['lnbc1u1', 'invalid_multiplier'],
      ['lnbc15p', 'sub_millisatoshi'],
      ['lnsb1u', 'unknown_prefix'],
      ['xxbc1u', 'unknown_prefix'],
      ['ln', 'unknown_prefix'],
    ] as const)
      expect([hrp, parseHrp(hrp)]).toEqual([hrp, { ok: false, failure }]);
    expect(parseHrp('lnbc21000000')).toMatchObject({ ok: true });
  });

  test('a field that passes the end', () => {
    expect(reason(p, s, d, Uint8Array.of(2, 0))).toBe('field_overrun');
    expect(reason(p, s, d, Uint8Array.of(2, 0, 5, 1))).toBe('field_overrun');
    expect(reason(p, s, d)).toBeNull();
  });

  test('a missing field, and two descriptions', () => {
    expect(reason(s, d)).toBe('no_payment_hash');
    expect(reason(p, d)).toBe('no_payment_secret');
    expect(reason(p, s)).toBe('no_description');
    expect(reason(p, s, d, field(FIELD.h, wordsOfBytes(hash(3))))).toBe('two_descriptions');
    expect(reason(p, s, field(FIELD.d, wordsOfBytes(Uint8Array.of(0xff))))).toBe('description_not_text');
  });

  test('an expiry, cltv delta or feature vector that begins with zeros or is out of range', () => {
    for (const type of [FIELD.x, FIELD.c, FIELD.features]) expect(reason(p, s, d, field(type, Uint8Array.of(0, 1)))).toBe('not_minimal');
    expect(reason(p, s, d, field(FIELD.x, new Uint8Array(11).fill(1)))).toBe('out_of_range');
    expect(reason(p, s, d, field(FIELD.c, wordsOfNumber(2 ** 32)))).toBe('out_of_range');
    expect(reason(p, s, d, field(FIELD.x, wordsOfNumber(2 ** 50 - 1)))).toBeNull();
  });

  test('a route hint that is cut off or names no node', () => {
    const hop = new Uint8Array(51).fill(2);
    expect(reason(p, s, d, field(FIELD.r, wordsOfBytes(hop)))).toBeNull();
    expect(reason(p, s, d, field(FIELD.r, wordsOfBytes(hop.subarray(0, 50))))).toBe('route_hint');
    expect(reason(p, s, d, field(FIELD.r, new Uint8Array(0)))).toBe('route_hint');
    expect(reason(p, s, d, field(FIELD.r, wordsOfBytes(new Uint8Array(51).fill(5))))).toBe('public_key');
  });

  test('a signature by somebody else than the payee it gives', () => {
    const other = secp.publicKey(hash(9)) as NodeId;
    expect(decodeInvoice(encodeInvoice(sample({ payeeField: other }), signWith(KEY)))).toMatchObject({
      failure: { code: 'BAD_SIGNATURE', reason: 'signature' },
    });
  });

  test('any single changed character', () => {
    const text = vectors.valid[5]?.invoice as string;
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l1b!'), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        expect(decodeInvoice(changed).ok).toBe(changed === text);
      }),
      { numRuns: 500 },
    );
  });

  test('any text, without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(decodeInvoice(text).ok).toBe(false);
        expect(decodeInvoice(`lnbc1${text}`).ok).toBe(false);
      }),
    );
    expect(decodeInvoice(`lnbc1${'q'.repeat(100_000)}`)).toMatchObject({ failure: { reason: 'too_long' } });
  });
});

describe('the reader skips and keeps', () => {
  test('fields of a wrong length beside valid ones, in either order', () => {
    for (const [type, words] of [
      [FIELD.p, 51],
      [FIELD.p, 53],
      [FIELD.s, 51],
      [FIELD.s, 53],
      [FIELD.h, 51],
      [FIELD.n, 52],
      [FIELD.n, 54],
    ] as const) {
      const extra = field(type, new Uint8Array(words));
      for (const order of [
        [extra, p, s, d],
        [p, s, d, extra],
      ])
        expect(withFields(...order)).toMatchObject({
          ok: true,
          value: { paymentHash: hash(1), paymentSecret: hash(2), unknownFields: [{ type, words: new Uint8Array(words) }] },
        });
    }
  });

  test('the second payment hash: the first one counts', () => {
    const second = field(FIELD.p, wordsOfBytes(hash(7)));
    expect(withFields(p, second, s, d)).toMatchObject({ value: { paymentHash: hash(1), unknownFields: [{ type: FIELD.p }] } });
  });

  test('a feature field without a bit: the next one counts', () => {
    const [none, mpp] = [field(FIELD.features, new Uint8Array(0)), field(FIELD.features, Uint8Array.of(4, 8, 8, 0))];
    expect(withFields(p, s, d, none, mpp)).toMatchObject({
      value: { features: encodeBits([17, 13, 8]), unknownFields: [{ type: FIELD.features }] },
    });
  });

  test('fallbacks of unknown versions and of lengths that no address has', () => {
    const unknown = field(FIELD.f, concat(Uint8Array.of(19), wordsOfBytes(new Uint8Array(20))));
    const short = field(FIELD.f, concat(Uint8Array.of(17), wordsOfBytes(new Uint8Array(19))));
    const empty = field(FIELD.f, new Uint8Array(0));
    const good = field(FIELD.f, concat(Uint8Array.of(1), wordsOfBytes(new Uint8Array(32).fill(1))));
    const result = withFields(p, s, d, unknown, short, empty, good);
    expect(result).toMatchObject({ value: { fallbacks: [{ version: 1 }] } });
    expect(result.ok && result.value.unknownFields).toHaveLength(3);
  });
});

test('features are named, and a required one is told from an offered one', () => {
  expect(describeFeatures(encodeBits([8, 17, 99]))).toEqual([
    { bit: 8, name: 'var_onion_optin', required: true },
    { bit: 17, name: 'basic_mpp', required: false },
    { bit: 99, name: null, required: false },
  ]);
});

test('fallbacks pay the script of their address', () => {
  expect(toHex(fallbackScript({ version: 17, program: new Uint8Array(20) }))).toBe(`76a914${'00'.repeat(20)}88ac`);
  expect(toHex(fallbackScript({ version: 18, program: new Uint8Array(20) }))).toBe(`a914${'00'.repeat(20)}87`);
  expect(toHex(fallbackScript({ version: 1, program: new Uint8Array(32) }))).toBe(`5120${'00'.repeat(32)}`);
  // Signet invoices begin with lntbs, its addresses with tb.
  expect(fallbackAddress({ version: 0, program: new Uint8Array(20) }, 'signet')).toMatch(/^tb1q/);
  expect(fallbackAddress({ version: 1, program: new Uint8Array(32) }, 'bitcoin')).toMatch(/^bc1p/);
});
