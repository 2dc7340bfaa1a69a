import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { longFile, newWorld } from '../unit/asset/asset-life.ts';
import { type Bench, median, pairedRatio } from './harness.ts';
import { withTapd } from './proof-rivals.ts';

const TRANSITIONS = 1_000;
/** A file whose transitions, held together, would pass the limit many times. */
const LONG = 10_000;
/** As many as an operator may have. */
const HELD = 10_000;

/**
 * A proof file of one asset that moves to a new key with each transition of version 1: every proof and signature verified, read from disk; in
 * memory alone, and against a bitcoind beside tapd (`ratio_to_tapd`: how many times as fast as tapd; null where tapd is not installed).
 */
export const bench: Bench = {
  summary: 'transitions of a proof file verified a second, the memory that takes, and how many times as fast that is as tapd',
  parameters: ['transitions', 'rival'],
  async run({ report, note, runs, only }) {
    const rounds = runs(3);
    const transitions = Number(only('transitions') ?? TRANSITIONS);
    for (const count of only('transitions') === null ? [transitions, LONG] : [transitions]) {
      const { verified, heldKib } = alone(count, rounds, note);
      const perSecond = median(verified.map(({ ms }) => (count * 1000) / ms));
      report({ metric: 'transitions_per_s', value: perSecond, unit: '1/s', n: rounds, transitions: count, mode: 'alone' });
      if (count === transitions)
        report({ metric: 'held_rss_mib', value: median(heldKib.map((kib) => kib / 1024)), unit: 'MiB', n: rounds, holdings: HELD });
      report({ metric: 'peak_rss_mib', value: median(verified.map(({ kib }) => kib / 1024)), unit: 'MiB', n: rounds, transitions: count });
    }
    if (only('rival') === 'none') return;
    const rivals = await withTapd({ transitions, rounds, note });
    if (rivals === null) report({ metric: 'ratio_to_tapd', value: null, unit: 'x', n: 0, transitions });
    else
      for (const mode of ['cold', 'warm'] as const) {
        const [ours, theirs] = [rivals.lnkit[mode], rivals.tapd[mode]];
        const perSecond = (ms: number): number => (transitions * 1000) / ms;
        report({ metric: 'transitions_per_s', value: median(ours.map(perSecond)), unit: '1/s', n: rounds, transitions, mode, by: 'lnkit' });
        report({
          metric: 'transitions_per_s',
          value: median(theirs.map(perSecond)),
          unit: '1/s',
          n: rounds,
          transitions,
          mode,
          by: 'tapd',
        });
        report({ metric: 'ratio_to_tapd', value: pairedRatio(theirs, ours), unit: 'x', n: rounds, transitions, mode });
      }
  },
};

function alone(transitions: number, rounds: number, note: (text: string) => void): Alone {
  const folder = mkdtempSync(join(tmpdir(), 'lnkit-bench-'));
  try {
    const path = join(folder, 'asset.proof');
    const file = longFile(newWorld(), transitions);
    writeFileSync(path, file);
    note(`a file of ${transitions} transitions, ${file.length} bytes`);
    const verified = Array.from({ length: rounds }, () => verifyApart(path));
    return { verified, heldKib: Array.from({ length: rounds }, () => holdApart(path)) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Alone {
  readonly verified: readonly Verified[];
  readonly heldKib: readonly number[];
}

/** The memory of a wallet's holdings, whose transitions the file has. */
function holdApart(path: string): number {
  const child = fileURLToPath(new URL('./holdings-child.ts', import.meta.url));
  const out = execFileSync(process.execPath, ['--expose-gc', child, path, `${HELD}`], { encoding: 'utf8' });
  return (JSON.parse(out) as { readonly kib: number }).kib;
}

interface Verified {
  readonly ok: boolean;
  readonly ms: number;
  readonly kib: number;
}

/** In a process of its own, whose memory is that of verification alone. */
function verifyApart(path: string): Verified {
  const child = fileURLToPath(new URL('./proof-child.ts', import.meta.url));
  const out = JSON.parse(execFileSync(process.execPath, [child, path], { encoding: 'utf8' })) as Verified;
  if (!out.ok) throw new Error('the file does not verify');
  return out;
}
