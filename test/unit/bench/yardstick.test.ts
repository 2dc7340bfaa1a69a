import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { BenchContext } from '../../bench/harness.ts';
import { faultOf, feesOf, priceOf } from '../../bench/topology/plans.ts';
import { answerOf, theirRows } from '../../bench/topology/yardstick.ts';
import { graphOf, idOf, scidOf } from '../bolt/route/networks.ts';

const open = {
  disabled: false,
  htlcMinimumMsat: 1,
  htlcMaximumMsat: 5e6,
  feeBaseMsat: 1000,
  feeProportionalMillionths: 0,
  cltvExpiryDelta: 10,
};
const graph = graphOf([
  { a: 0, b: 2, capacitySat: 6000, forth: open, back: open },
  { a: 2, b: 1, capacitySat: 6000, forth: open, back: open },
]);
const asked = {
  source: graph.findNode(idOf(0)),
  target: graph.findNode(idOf(1)),
  ...{ amountMsat: 500_000, maxFeeMsat: 5000, maxParts: 1, maxCltvDelta: 100 },
};
const context = (file: string): BenchContext => ({ report: () => {}, note: () => {}, runs: (n) => n, only: () => file });
const row = { mode: 'single', sat: 500, pair: 0, ms: 3, fee_msat: 1000 } as const;

test('LDK’s plans go through the checker and the price of ours', () => {
  const hops = (first: number): [string, number, number][] => [
    [`${scidOf(0)}`, first, 10],
    [`${scidOf(1)}`, 500_000, 40],
  ];
  const good = answerOf({ ...row, parts: [hops(501_000)] }).parts ?? [];
  expect(faultOf(graph, asked, good)).toBeNull();
  expect(feesOf(good)).toBe(1000);
  expect(priceOf(graph, good)).toBeCloseTo(1000 - 100_000 * (Math.log(5500 / 6001) + Math.log(5501 / 6001)), 0);
  expect(faultOf(graph, asked, answerOf({ ...row, parts: [hops(500_999)] }).parts ?? [])).toBe('hop 1 is paid less than its fee');
  expect(answerOf({ mode: 'single', sat: 500, pair: 0, ms: 3 }).parts).toBeNull();
});

test('answers without the hops of their plans are refused: nothing could be checked', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'lnkit-yardstick-')), 'routes.json');
  writeFileSync(file, JSON.stringify([row]));
  expect(() => theirRows(context(file), { amounts: [], pairs: [] })).toThrow('yardstick.patch');
  writeFileSync(file, JSON.stringify([{ ...row, parts: [[[`${scidOf(1)}`, 500_000, 40]]] }]));
  expect(theirRows(context(file), { amounts: [], pairs: [] })).toHaveLength(1);
});
