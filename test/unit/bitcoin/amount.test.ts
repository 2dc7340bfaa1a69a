import fc from 'fast-check';
import { expect, test } from 'vitest';
import { msat, sat } from '../../../src/base/units.ts';
import { formatBtc, formatMsat, MAX_MONEY, parseAmount, parseSat, satOfBtc } from '../../../src/bitcoin/amount.ts';

test('amounts are exact in every unit', () => {
  const of = (text: string): bigint | string => {
    const amount = parseAmount(text);
    return amount.ok ? amount.value : amount.failure.code;
  };
  expect(of('1000sat')).toBe(1_000_000n);
  expect(of('2500msat')).toBe(2_500n);
  expect(of('0.001btc')).toBe(100_000_000n);
  expect(of('1.5ksat')).toBe(1_500_000n);
  expect(of('0.5 SAT')).toBe(500n);
  expect(of('21000000btc')).toBe(2_100_000_000_000_000_000n);
  for (const bad of ['1000', '', 'sat', '-1sat', '1e3sat', '0.0001sat', '21000001btc', '1.sat', '1,000sat', '1constructor', '1 000sat'])
    expect([bad, of(bad)]).toEqual([bad, 'MALFORMED']);
});

test('a bare number is answered with both ways to write it', () => {
  const amount = parseAmount('1000');
  expect(!amount.ok && amount.failure.message).toContain('1000sat or 1000msat');
});

test('what goes into a transaction is whole satoshi', () => {
  expect(parseSat('1500msat').ok).toBe(false);
  expect(parseSat('2000msat')).toEqual({ ok: true, value: 2n });
});

test('BTC text and JSON numbers keep every satoshi', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: MAX_MONEY }), (value) => {
      expect(satOfBtc(JSON.parse(formatBtc(sat(value))))).toBe(value);
      const text = parseSat(`${formatBtc(sat(value))}btc`);
      expect(text.ok && text.value).toBe(value);
    }),
  );
  expect([satOfBtc(-1), satOfBtc('1'), satOfBtc(Number.NaN)]).toEqual([null, null, null]);
});

test('millisatoshi are written without trailing zeros', () => {
  expect([formatMsat(msat(1_234_500)), formatMsat(msat(1000)), formatMsat(msat(1))]).toEqual(['1234.5 sat', '1 sat', '0.001 sat']);
});
