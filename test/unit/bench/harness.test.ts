import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { decodeInvoice } from '../../../src/bolt/invoice/decode.ts';
import { inTurns, median, pairedRatio, pseudoRandom, quantile, rate, rounded } from '../../bench/harness.ts';
import { makeInvoices } from '../../bench/invoices.ts';

describe('statistics', () => {
  test('a quantile lies between the samples around it, whatever their order', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(median([9, 1, 5])).toBe(5);
    expect(quantile([10, 0], 0.95)).toBeCloseTo(9.5);
    expect(quantile([7], 0.95)).toBe(7);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });

  test('a paired ratio is the median of ratios, not the ratio of medians', () => {
    // The machine was three times slower in two of three rounds, for both sides.
    expect(pairedRatio([2, 6, 6.6], [1, 3, 3])).toBe(2);
    expect(() => pairedRatio([1, 2], [1])).toThrow(RangeError);
  });

  test('rounding keeps what a measurement can mean', () => {
    expect([rounded(18_808.4), rounded(0.143_92), rounded(312.345), rounded(0)]).toEqual([18_808, 0.1439, 312.3, 0]);
  });
});

describe('cases in turns', () => {
  test('every case is run once a round, and every second round goes backwards', async () => {
    const order: string[] = [];
    const step = (name: string) => () => order.push(name);
    const samples = await inTurns(3, { a: step('a'), b: step('b') });
    expect(order.join('')).toBe('abbaab');
    expect(samples).toEqual({ a: [1, 4, 5], b: [2, 3, 6] });
  });

  test('a rate counts whole calls, numbered from 0', () => {
    const seen: number[] = [];
    expect(rate((i) => seen.push(i), { least: 0.01, stride: 4 })).toBeGreaterThan(0);
    expect(seen.length % 4).toBe(0);
    expect(seen).toEqual(seen.map((_, i) => i));
  });
});

describe('workloads', () => {
  test('the same seed gives the same bytes, another seed others', () => {
    expect(pseudoRandom(5)(32)).toEqual(pseudoRandom(5)(32));
    expect(pseudoRandom(5)(32)).not.toEqual(pseudoRandom(6)(32));
  });

  test('the invoices are all valid and all different, and their payees are recovered from the signatures', () => {
    const decoded = makeInvoices(40).map(decodeInvoice);
    expect(decoded.every((one) => one.ok && one.value.payeeField === null)).toBe(true);
    expect(new Set(decoded.map((one) => (one.ok ? `${one.value.paymentHash} ${one.value.payee}` : ''))).size).toBe(40);
  });
});

describe('npm run bench', () => {
  const main = new URL('../../bench/main.ts', import.meta.url).pathname;

  test('--list names every bench', () => {
    const listed = execFileSync(process.execPath, [main, '--list'], { encoding: 'utf8' });
    expect(listed.split('\n').map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['startup', 'decode', 'crypto', 'onion', 'payments', 'oneshot']),
    );
  });

  test('measurements are one JSON object a line, with the parameters of the case as keys', () => {
    const out = execFileSync(process.execPath, [main, 'onion:hops=3', '--runs', '1'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly value: number });
    expect(lines).toMatchObject([
      { bench: 'onion', metric: 'build_ms', unit: 'ms', n: 1, hops: 3 },
      { bench: 'onion', metric: 'peel_per_s', unit: '1/s', n: 1, hops: 3 },
    ]);
    expect(lines.every(({ value }) => value > 0)).toBe(true);
  });

  test('an unknown bench or parameter is refused with exit 2', () => {
    const run = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    expect(run('speed')).toMatchObject({ status: 2, stdout: '' });
    expect(run('onion:hoops=3')).toMatchObject({ status: 2, stdout: '' });
    expect(run()).toMatchObject({ status: 2, stdout: '' });
  });
});
