import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { longFile, newWorld } from '../unit/asset/asset-life.ts';
import { type Bench, median } from './harness.ts';

const TRANSITIONS = 1_000;

/** A proof file of one asset that moves to a new key with each transition of version 1: every proof and signature verified, read from disk. */
export const bench: Bench = {
  summary: 'transitions of a proof file verified a second, and the memory that takes',
  parameters: ['transitions'],
  async run({ report, note, runs, only }) {
    const rounds = runs(3);
    const transitions = Number(only('transitions') ?? TRANSITIONS);
    const folder = mkdtempSync(join(tmpdir(), 'lnkit-bench-'));
    try {
      const path = join(folder, 'asset.proof');
      const file = longFile(newWorld(), transitions);
      writeFileSync(path, file);
      note(`a file of ${transitions} transitions, ${file.length} bytes`);
      const verified = Array.from({ length: rounds }, () => verifyApart(path));
      const perSecond = median(verified.map(({ ms }) => (transitions * 1000) / ms));
      report({ metric: 'transitions_per_s', value: perSecond, unit: '1/s', n: rounds, transitions });
      report({ metric: 'peak_rss_mib', value: median(verified.map(({ kib }) => kib / 1024)), unit: 'MiB', n: rounds, transitions });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

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
