import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench } from './harness.ts';
import { measure } from './topology/spawn.ts';

interface Flood {
  readonly seconds: number;
  readonly announced: number;
  readonly letGo: string | null;
  readonly channels: number;
  readonly refused: { readonly [reason: string]: number };
  /** Held when all of it was dealt with; the memory of the process is larger, because what verifying needed is not given back at once. */
  readonly addedLiveMib: number;
  readonly addedRssMib: number;
  readonly peakRssMib: number;
}

/** What a peer can make us keep that makes channels up, where nobody asks the chain. */
export const bench: Bench = {
  summary: 'a peer announces 1,000,000 channels that do not exist, signed as they should be, to a node that assumes outputs to be valid',
  parameters: [],
  async run({ report, note }) {
    const directory = mkdtempSync(join(tmpdir(), 'lnkit-bench-flood-'));
    try {
      const { announced, letGo, channels, refused, addedLiveMib, addedRssMib, peakRssMib, seconds } = await measure<Flood>(
        'flood',
        directory,
      );
      note(`let go after ${announced} announcements: ${letGo}; refused: ${JSON.stringify(refused)}`);
      report({ metric: 'announced', value: announced, unit: 'count', n: 1, let_go: letGo !== null });
      report({ metric: 'kept', value: channels, unit: 'count', n: 1 });
      report({ metric: 'added_live_mib', value: addedLiveMib, unit: 'MiB', n: 1 });
      report({ metric: 'added_rss_mib', value: addedRssMib, unit: 'MiB', n: 1 });
      report({ metric: 'peak_rss_mib', value: peakRssMib, unit: 'MiB', n: 1 });
      report({ metric: 'seconds', value: seconds, unit: 's', n: 1 });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};
