import { mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DemoNode, World } from '../../src/app/demo/world.ts';

export const LNKIT = fileURLToPath(new URL('../../bin/lnkit.js', import.meta.url));

/** Two daemons (`lnkit start`), each with its store on the disk, and one channel of `payer` to `payee` over loopback TCP. */
export interface Pair {
  readonly world: World;
  readonly payer: DemoNode;
  readonly payee: DemoNode;
  readonly directory: string;
}

const FEES_SAT = 100_000;
const DEPTH = 6;

/** Runs `work` on a pair in a temporary directory, and takes everything down after it. */
export async function withPair(
  part: { readonly capacitySat: number; readonly nodeFlags?: (name: string) => readonly string[] },
  work: (pair: Pair) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lnkit-bench-'));
  const { signal } = new AbortController();
  const world = new World({ directory, entry: LNKIT, signal, ...(part.nodeFlags === undefined ? {} : { nodeFlags: part.nodeFlags }) });
  try {
    await world.serveChain();
    await world.mine(101);
    const payer = await world.addNode('payer');
    const payee = await world.addNode('payee');
    const { address } = await payer.call('wallet.address', { type: 'p2tr' });
    await world.chainCall('sendtoaddress', [address, (part.capacitySat + FEES_SAT) / 1e8]);
    await world.mine(1);
    const opened = await payer.call('channel.open', { peer: payee.uri, amount_sat: part.capacitySat, dry_run: false });
    await world.awaitMempool(`${opened.funding_outpoint}`.split(':')[0] as string);
    await world.mine(DEPTH);
    for (const node of [payer, payee])
      await node.eventually('channel.list', {}, ({ channels }) => (channels[0]?.usable === true ? true : null));
    await work({ world, payer, payee, directory });
  } finally {
    await world.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

const FILE_SYSTEMS: { readonly [magic: string]: string } = {
  ef53: 'ext4',
  '1021994': 'tmpfs',
  '9123683e': 'btrfs',
  '58465342': 'xfs',
  '794c7630': 'overlayfs',
  '2fc12fc1': 'zfs',
};

/** Of the disk on which a directory lies, as statfs(2) says. */
export function fileSystemOf(directory: string): string {
  const magic = statfsSync(directory).type.toString(16);
  return FILE_SYSTEMS[magic] ?? `0x${magic}`;
}

/** Resident memory of a process in MB, or null where there is no /proc. */
export function residentMb(pid: number): number | null {
  try {
    const kb = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kb === undefined ? null : Number(kb) / 1024;
  } catch {
    return null;
  }
}

/** Seconds of processor time that a process has used, or null where there is no /proc. */
export function cpuSeconds(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // utime and stime, in ticks of a hundredth of a second (USER_HZ on every Linux that runs Node).
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}
