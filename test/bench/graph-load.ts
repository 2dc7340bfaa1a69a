import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, median } from './harness.ts';
import { measure, signedCopy } from './topology/spawn.ts';

/** What a one-shot command waits for the graph. */
export const bench: Bench = {
  summary: 'a fresh process loads the graph of the main network’s size from its snapshot (directory=DIR: of an earlier import)',
  parameters: ['file', 'directory'],
  async run({ report, note, runs, only }) {
    const given = only('directory');
    const directory = given ?? mkdtempSync(join(tmpdir(), 'lnkit-bench-load-'));
    try {
      if (given === null) await measure('import', only('file') ?? signedCopy(note), directory);
      const loads: number[] = [];
      const rounds = runs(9);
      for (let round = 0; round < rounds; round++) loads.push((await measure<{ readonly ms: number }>('load', directory)).ms);
      report({ metric: 'ms', value: median(loads), unit: 'ms', n: rounds });
    } finally {
      if (given === null) rmSync(directory, { recursive: true, force: true });
    }
  },
};
