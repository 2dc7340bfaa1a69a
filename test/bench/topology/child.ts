// One measurement of the benches of gossip, in a process of its own so that memory and start-up are its own: node child.ts WHAT ARGUMENTS.
// Prints one line of JSON.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compare, fromHex, toHex } from '../../../src/base/bytes.ts';
import type { NodeId } from '../../../src/base/ids.ts';
import { unixTime } from '../../../src/base/units.ts';
import { NETWORK_PARAMS } from '../../../src/bitcoin/network.ts';
import { type RawGossip, readGossip } from '../../../src/bolt/gossip/raw.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256d } from '../../../src/crypto/hash.ts';
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

/**
 * A peer that announces a million channels that do not exist, each signed as it should be, with nobody to ask the chain: the most that it can
 * make us keep. It waits for us, so that nothing is refused because too much waits.
 */
async function flooding(directory: string): Promise<void> {
  let letGo: string | null = null;
  const service = await openGossip({
    ...options(directory, secret(1), () => null),
    punish: (_link, _peer, why) => {
      letGo = why;
    },
  });
  service.graph();
  const peer = secp.publicKey(secret(9)) as NodeId;
  service.handle({ kind: 'peer_ready', link: 1, peer, features: new Uint8Array(0) });
  const bogus = bogusChannels(20_000);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = { rss: rss(), live: live() };
  const started = performance.now();
  let announced = 0;
  for (; announced < BOGUS && letGo === null; announced++) {
    service.receive(1, bogus(announced));
    if (service.waiting > 8_192) await service.sync(0);
  }
  for (let i = announced; i < BOGUS; i++) service.receive(1, new Uint8Array(0));
  await service.sync(0);
  const { channels, refused } = service.status();
  const peakRssMib = process.resourceUsage().maxRSS / 1024;
  collect();
  say({
    seconds: (performance.now() - started) / 1000,
    announced,
    letGo,
    channels,
    refused,
    addedLiveMib: live() - before.live,
    addedRssMib: rss() - before.rss,
    peakRssMib,
  });
  await service.close();
}

const BOGUS = 1_000_000;
const live = (): number => {
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / MIB;
};

/** Announcements between `count` nodes, funded with the nodes' own keys: two signatures each instead of four. */
function bogusChannels(count: number): (n: number) => Uint8Array {
  const nodes = Array.from({ length: count }, (_, i) => {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(28, i + 1);
    return { key, id: secp.publicKey(key) };
  }).sort((a, b) => compare(a.id, b.id));
  return (n) => {
    const [low, high] = [n % (count - 1), (n % (count - 1)) + 1 + (Math.floor(n / count) % (count - 1 - (n % (count - 1))))];
    const [one, two] = [nodes[low], nodes[high]] as [(typeof nodes)[number], (typeof nodes)[number]];
    const bytes = new Uint8Array(432);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, 256);
    bytes.set(NETWORK_PARAMS.regtest.chainHash, 260);
    view.setBigUint64(292, BigInt(n + 1) << 16n);
    for (const [i, { id }] of [one, two, one, two].entries()) bytes.set(id, 300 + 33 * i);
    const hash = sha256d(bytes.subarray(258));
    const signatures = [secp.sign(hash, one.key), secp.sign(hash, two.key)];
    for (let i = 0; i < 4; i++) bytes.set(signatures[i & 1] as Uint8Array, 2 + 64 * i);
    return bytes;
  };
}

const [what, first = '', second = ''] = process.argv.slice(2);
if (what === 'native') await native(first);
else if (what === 'import') await importing(first, second);
else if (what === 'load') await loading(first);
else if (what === 'serve') await serving(first);
else if (what === 'sync') await syncing(first);
else if (what === 'flood') await flooding(first);
else throw new Error(`child.ts: ${what}`);
