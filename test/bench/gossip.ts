import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bench, median } from './harness.ts';
import { keep, measure, signedCopy } from './topology/spawn.ts';

interface Native {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly signatures: number;
}
interface Import {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly stallMs: number;
  readonly peakRssMib: number;
  readonly accepted: number;
}
interface Load {
  readonly ms: number;
  readonly liveRssMib: number;
}
interface Sync {
  readonly seconds: number;
  readonly complete: boolean;
  readonly peakRssMib: number;
  readonly channels: number;
}

/** A whole network's gossip: from a file, with every signature checked, and from a peer over BOLT 8. */
export const bench: Bench = {
  summary: 'import and sync of the signed topology: 169,748 messages, 322,172 signatures (file=FILE, peer=ID@HOST:PORT of another server)',
  parameters: ['file', 'peer'],
  async run({ report, note, runs, only }) {
    const file = only('file') ?? signedCopy(note);
    const directory = mkdtempSync(join(tmpdir(), 'lnkit-bench-gossip-'));
    try {
      const rounds = runs(1);
      const natives: Native[] = [];
      const imports: Import[] = [];
      for (let round = 0; round < rounds; round++) {
        natives.push(await measure<Native>('native', file));
        imports.push(await measure<Import>('import', file, join(directory, `${round}`)));
      }
      note(`signatures alone: ${natives.map(({ seconds, signatures }) => `${signatures} in ${seconds.toFixed(2)} s`).join(', ')}`);
      report({ metric: 'import_s', value: median(imports.map(({ seconds }) => seconds)), unit: 's', n: rounds });
      const ratios = imports.map(({ seconds }, i) => seconds / (natives[i] as Native).seconds);
      report({ metric: 'ratio_to_native', value: median(ratios), unit: 'x', n: rounds });
      // Other work on the machine lengthens both, and not alike; processor time is disturbed less.
      const cpu = imports.map(({ cpuSeconds }, i) => cpuSeconds / (natives[i] as Native).cpuSeconds);
      report({ metric: 'cpu_ratio_to_native', value: median(cpu), unit: 'x', n: rounds });
      report({ metric: 'messages', value: (imports[0] as Import).accepted, unit: 'count', n: rounds });
      report({ metric: 'stall_ms', value: Math.max(...imports.map(({ stallMs }) => stallMs)), unit: 'ms', n: rounds });
      report({ metric: 'peak_rss_mib', value: Math.max(...imports.map(({ peakRssMib }) => peakRssMib)), unit: 'MiB', n: rounds });
      const load = await measure<Load>('load', join(directory, '0'));
      report({ metric: 'live_rss_mib', value: load.liveRssMib, unit: 'MiB', n: 1 });
      const server = only('peer') === null ? await keep<{ readonly peer: string }>('serve', join(directory, '0')) : null;
      const sync = await measure<Sync>('sync', only('peer') ?? (server?.said.peer as string));
      server?.stop();
      const from = server === null ? 'other' : 'lnkit';
      report({ metric: 'sync_s', value: sync.seconds, unit: 's', n: 1, from, complete: sync.complete, channels: sync.channels });
      report({ metric: 'sync_peak_rss_mib', value: sync.peakRssMib, unit: 'MiB', n: 1, from });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
};
