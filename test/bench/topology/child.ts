// One measurement of the benches of gossip, in a process of its own so that memory and start-up are its own: node child.ts WHAT ARGUMENTS.
// Prints one line of JSON.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import type { NodeId } from '../../../src/base/ids.ts';
import { unixTime } from '../../../src/base/units.ts';
import { type RawGossip, readGossip } from '../../../src/bolt/gossip/raw.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { type GossipOptions, type GossipService, openGossip } from '../../../src/io/gossip/service.ts';
import { pooledVerifier, type VerifyJob } from '../../../src/io/gossip/verifier.ts';
import { type BenchLink, dial, serve } from './link.ts';

const MIB = 2 ** 20;
const rss = (): number => process.memoryUsage().rss / MIB;
const say = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
const cpuSeconds = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;
const secret = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

function options(directory: string, key: Uint8Array, link: () => BenchLink | null): GossipOptions {
  return {
    directory,
    network: 'regtest',
    nodeId: secp.publicKey(key) as NodeId,
    send: (_link, _peer, message) => link()?.send(message),
    punish: (_link, _peer, why) => {
      throw new Error(why);
    },
    now: () => unixTime(Math.floor(Date.now() / 1000)),
    chain: null,
    log: () => {},
    backlog: () => link()?.unsent ?? 0,
  };
}

const counts = (service: GossipService) => {
  const { nodes, channels, updates, accepted, refused } = service.status();
  return { nodes, channels, updates, accepted, refused };
};

/** The signatures of a file alone, on every core: what the import is held against. Reading and packing are not counted. */
async function native(file: string): Promise<void> {
  const jobs = jobsOf(file);
  const verifier = pooledVerifier();
  const batches: VerifyJob[][] = [];
  for (let at = 0; at < jobs.length; at += 512) batches.push(jobs.slice(at, at + 512));
  await verifier.verify(batches[0] as VerifyJob[]);
  const before = cpuSeconds();
  const started = performance.now();
  const results = (await Promise.all(batches.map((batch) => verifier.verify(batch)))).flat();
  const seconds = (performance.now() - started) / 1000;
  const cpu = cpuSeconds() - before;
  await verifier.close();
  const signatures = jobs.reduce((sum, { message }) => sum + (message.kind === 'channel_announcement' ? 4 : 1), 0);
  say({ seconds, cpuSeconds: cpu, signatures, valid: results.filter((valid) => valid).length, messages: jobs.length });
}

function jobsOf(file: string): VerifyJob[] {
  const bytes = readFileSync(file);
  const ends = new Map<bigint, readonly [Uint8Array, Uint8Array]>();
  const jobs: VerifyJob[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt16BE(at);
    const message = readGossip(bytes.subarray(at + 2, at + 2 + length)) as RawGossip;
    at += 2 + length;
    if (message.kind === 'channel_announcement') ends.set(message.scid, [message.nodeId1, message.nodeId2]);
    jobs.push({ message, updateKey: message.kind === 'channel_update' ? (ends.get(message.scid)?.[message.direction] ?? null) : null });
  }
  return jobs;
}

async function importing(file: string, directory: string): Promise<void> {
  const service = await openGossip(options(directory, secret(1), () => null));
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const before = cpuSeconds();
  const started = performance.now();
  const imported = await service.importGossip(file);
  const seconds = (performance.now() - started) / 1000;
  const cpu = cpuSeconds() - before;
  delay.disable();
  const counted = counts(service);
  await service.close();
  say({
    seconds,
    cpuSeconds: cpu,
    imported: imported.ok,
    stallMs: delay.max / 1e6,
    peakRssMib: process.resourceUsage().maxRSS / 1024,
    ...counted,
  });
}

/** How long a fresh process needs until the graph can be searched, and what it then holds in memory. */
async function loading(directory: string): Promise<void> {
  const before = rss();
  const service = await openGossip(options(directory, secret(1), () => null));
  const started = performance.now();
  const graph = service.graph();
  graph.adjacency();
  const ms = performance.now() - started;
  say({ ms, liveRssMib: rss() - before, channels: graph.liveChannels });
  await service.close();
}

/** Serves a directory's graph until it is ended. */
async function serving(directory: string): Promise<void> {
  let link: BenchLink | null = null;
  const key = secret(2);
  const service = await openGossip(options(directory, key, () => link));
  service.graph();
  const { port } = await serve({
    secret: key,
    service: () => service,
    onLink: (made) => {
      link = made;
    },
  });
  say({ peer: `${toHex(secp.publicKey(key))}@127.0.0.1:${port}` });
  setInterval(() => service.tick(unixTime(Math.floor(Date.now() / 1000))), 1000);
}

async function syncing(target: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lnkit-sync-'));
  const [id = '', host = '', port = ''] = target.split(/[@:]/);
  let link: BenchLink | null = null;
  const service = await openGossip(options(directory, secret(3), () => link));
  link = await dial({ secret: secret(3), remote: fromHex(id) as NodeId, host, port: Number(port), service: () => service });
  while (service.status().peers === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const before = cpuSeconds();
  const started = performance.now();
  const complete = await service.sync(600_000);
  const seconds = (performance.now() - started) / 1000;
  say({ seconds, cpuSeconds: cpuSeconds() - before, complete, peakRssMib: process.resourceUsage().maxRSS / 1024, ...counts(service) });
  await service.close();
  rmSync(directory, { recursive: true });
  process.exit(0);
}

const [what, first = '', second = ''] = process.argv.slice(2);
if (what === 'native') await native(first);
else if (what === 'import') await importing(first, second);
else if (what === 'load') await loading(first);
else if (what === 'serve') await serving(first);
else if (what === 'sync') await syncing(first);
else throw new Error(`child.ts: ${what}`);
