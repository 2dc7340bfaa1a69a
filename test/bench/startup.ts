import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bench, inTurns, median, pairedRatio, quantile } from './harness.ts';
import { makeInvoices } from './invoices.ts';

const LNKIT = fileURLToPath(new URL('../../bin/lnkit.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Whole processes, from the start of `node` to its end, in turns with `node -e 0` of the same node. */
export const bench: Bench = {
  summary: 'whole processes against `node -e 0`, by command',
  parameters: ['command'],
  async run({ report, note, runs, only }) {
    if (!existsSync(BUILT)) throw new Error('there is no dist/: run `npm run build` first');
    const home = mkdtempSync(join(tmpdir(), 'lnkit-bench-'));
    try {
      const invoice = makeInvoices(1)[0] as string;
      const cases = new Map(
        Object.entries({
          'decode INVOICE': { words: ['decode', invoice], shows: 'payment_hash' },
          'decode INVOICE --json': { words: ['decode', invoice, '--json'], shows: '"payment_hash"' },
          '--version': { words: ['--version'], shows: 'lnkit/' },
          '--help': { words: ['--help'], shows: 'decode' },
        }).filter(([name]) => name === (only('command') ?? name)),
      );
      const node = (): number => wallMs(['-e', '0'], { home, shows: '' });
      const rounds = runs(31);
      const base: number[] = [];
      for (const [command, { words, shows }] of cases) {
        const pair = { node, command: () => wallMs([LNKIT, ...words], { home, shows }) };
        // Twice before it counts: the first run fills the compile cache, the second reads it for the first time.
        await inTurns(2, pair);
        const samples = await inTurns(rounds, pair);
        report({ metric: 'ratio', value: pairedRatio(samples.command, samples.node), unit: 'x', n: rounds, command });
        report({ metric: 'p50_ms', value: median(samples.command), unit: 'ms', n: rounds, command });
        base.push(...samples.node);
      }
      report({ metric: 'p50_ms', value: median(base), unit: 'ms', n: base.length, command: 'node -e 0' });
      note(`node -e 0: fastest ${quantile(base, 0).toFixed(1)} ms, slowest ${quantile(base, 1).toFixed(1)} ms`);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
};

/** Wall time of one process of this very node, which must succeed and show what it should. */
function wallMs(args: readonly string[], part: { readonly home: string; readonly shows: string }): number {
  const started = performance.now();
  const run = spawnSync(process.execPath, args, { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: part.home, NO_COLOR: '1' } });
  const elapsed = performance.now() - started;
  if (run.status !== 0 || !run.stdout.toLowerCase().includes(part.shows))
    throw new Error(`${args.join(' ')} ended with ${run.status}: ${run.stderr || run.stdout}`);
  return elapsed;
}
