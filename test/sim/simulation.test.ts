import { expect, test } from 'vitest';
import { SeedFailed, simulate } from './simulate.ts';

const one = process.env['SIM_SEED'];
const trace = process.env['SIM_TRACE'] === undefined ? undefined : (line: string) => process.stdout.write(`${line}\n`);

test('seeds', () => {
  const first = one === undefined ? 1 : Number(one);
  const last = one === undefined ? Number(process.env['SIM_SEEDS'] ?? 300) : first;
  const failures = new Map<string, number[]>();
  const phases = new Map<string, number>();
  const counts = new Map<string, number>();
  const began = Date.now();
  for (let seed = first; seed <= last; seed++) {
    try {
      const report = simulate(seed, trace === undefined ? {} : { trace });
      for (const [k, v] of report.phases) phases.set(k, (phases.get(k) ?? 0) + v);
      for (const [k, v] of report.counts) counts.set(k, (counts.get(k) ?? 0) + v);
    } catch (error) {
      if (!(error instanceof SeedFailed)) throw error;
      if (one !== undefined) throw error;
      const key = error.message.split('\n')[0]?.replace(/seed \d+ failed after \d+ events: /, '').replace(/[0-9a-f]{8,}/g, 'X').slice(0, 180) as string;
      failures.set(key, [...(failures.get(key) ?? []), seed]);
    }
  }
  console.log(`${Date.now() - began} ms`, phases, counts, [...failures].sort((a, b) => b[1].length - a[1].length).map(([k, v]) => `${v.length} ${k} [${v.slice(0, 4)}]`));
  expect(failures.size).toBe(0);
});
