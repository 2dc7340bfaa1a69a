// The graph on the command line: a small network in a file, and probes over a channel on the built-in chain.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { concat, toHex } from '../../src/base/bytes.ts';
import { parseScid } from '../../src/base/ids.ts';
import type { Msat } from '../../src/base/units.ts';
import { encodeMessage, type Message } from '../../src/bolt/wire/message.ts';
import { openRegtestInMemory } from '../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../src/io/regtest/server.ts';
import { takeLock } from '../../src/store/lock.ts';
import { announcement, party, update } from '../unit/io/gossip/world.ts';
import { ensureBuilt, lnkit, ROOT, type Run } from './kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-graph-'));
const at = (name: string): string => join(folder, name);
const run = (...words: readonly string[]): Promise<Run> => lnkit([...words, '--datadir', at('none'), '--network', 'regtest', '--json']);
const [a, b, c, d] = [party(1), party(2), party(3), party(4)];
const scids = { ab: '100x1x0', bc: '100x2x0', cd: '100x3x0' } as const;

/** a - b - c - d; the last channel takes little. */
function network(): readonly Message[] {
  const timestamp = Math.floor(Date.now() / 1000) - 100;
  const links = [
    [a, b, scids.ab, 1_000_000_000n],
    [b, c, scids.bc, 1_000_000_000n],
    [c, d, scids.cd, 50_000_000n],
  ] as const;
  return links.flatMap(([one, other, text, most]) => {
    const scid = parseScid(text) as bigint;
    const policy = { timestamp, htlcMaximumMsat: most as Msat };
    return [announcement(one, other, scid), update(one, other, scid, policy), update(other, one, scid, policy)];
  });
}

async function schemaOf(command: string): Promise<(value: unknown) => void> {
  const schema = (await lnkit(['schema', ...command.split(' '), '--json'])).json()['output'] as object;
  const fits = new Ajv2020({ strict: false }).compile(schema);
  return (value) => {
    if (!fits(value)) throw new Error(`${command}: ${JSON.stringify(value)} does not fit: ${JSON.stringify(fits.errors)}`);
  };
}

let chain: RegtestServer;
beforeAll(async () => {
  await ensureBuilt();
  const { chain: regtest, faucet } = openRegtestInMemory();
  regtest.mine(3, faucet.script);
  chain = await serveRegtest({ chain: regtest, faucet });
  const framed = network().map((message) => {
    const bytes = encodeMessage(message);
    return concat(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
  });
  writeFileSync(at('network.gossip'), concat(...framed));
});
afterAll(() => chain.close());

test('without a graph the reading commands say so, exit 3; an import without a chain asks for one, exit 8', async () => {
  const runs = await Promise.all([
    run('graph', 'stats'),
    run('route', toHex(d.id), '1000sat', '--from', toHex(a.id)),
    run('gossip', 'status'),
  ]);
  for (const answer of runs) {
    expect(answer.code).toBe(3);
    expect(answer.json()).toMatchObject({ error: { code: 'NOT_FOUND' } });
  }
  expect((await run('gossip', 'import', at('network.gossip'))).code).toBe(8);
});

test('a file of gossip is taken in without a wallet, written out, and taken in elsewhere', async () => {
  const first = await run('gossip', 'import', at('network.gossip'), '--assume-valid');
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.json()).toMatchObject({
    nodes: 4,
    channels: 3,
    updates: 6,
    accepted: 9,
    rejected: 0,
    format: 'messages',
    assume_valid: true,
  });
  (await schemaOf('gossip import'))(first.json());
  const out = await run('gossip', 'export', at('gossip_store'));
  expect(out.json()).toMatchObject({ channels: 3, updates: 6, unsigned: 0 });
  (await schemaOf('gossip export'))(out.json());
  const again = await lnkit([
    'gossip',
    'import',
    at('gossip_store'),
    '--assume-valid',
    '--datadir',
    at('other'),
    '--network',
    'regtest',
    '--json',
  ]);
  expect(again.json()).toMatchObject({ format: 'gossip_store', channels: 3, updates: 6, rejected: 0 });
  writeFileSync(at('rubbish'), 'not gossip at all');
  expect(await run('gossip', 'import', at('rubbish'), '--assume-valid')).toMatchObject({ code: 2 });
});

test('an import is a writer like every other: where another lnkit has the store it is refused, exit 9, and it gives the store back', async () => {
  const datadir = at('locked');
  const words = ['gossip', 'import', at('network.gossip'), '--assume-valid', '--datadir', datadir, '--network', 'regtest', '--json'];
  expect((await lnkit(words)).code).toBe(0);
  const lock = takeLock(join(datadir, 'regtest'), 'lnkit start');
  const refused = await lnkit(words);
  expect(refused.code).toBe(9);
  expect(refused.json()['error']).toMatchObject({ code: 'STORE_LOCKED', message: expect.stringContaining('`lnkit start`') });
  if ('release' in lock) lock.release();
  expect((await lnkit(words)).code).toBe(0);
});

test('the graph is shown in numbers, by node and by channel, and drawn', async () => {
  const [stats, node, channel, status, drawn, missing] = await Promise.all([
    run('graph', 'stats', '--svg', at('stats.svg')),
    run('graph', 'node', toHex(b.id)),
    run('graph', 'channel', scids.cd),
    run('gossip', 'status'),
    lnkit(['graph', 'stats', '--datadir', at('none'), '--network', 'regtest']),
    run('graph', 'channel', '7x7x7'),
  ]);
  expect(stats.json()).toMatchObject({ nodes: 4, channels: 3, updates: 6, median_fee_base_msat: 1000 });
  expect((node.json()['channels'] as readonly unknown[]).length).toBe(2);
  expect(channel.json()).toMatchObject({ short_channel_id: scids.cd, policies: [{ htlc_maximum_msat: 50_000_000 }, {}] });
  expect(drawn.stdout).toContain('█');
  expect(readFileSync(at('stats.svg'), 'utf8')).toMatch(/^<svg xmlns/);
  expect(missing.code).toBe(3);
  for (const [command, answer] of [
    ['graph stats', stats],
    ['graph node', node],
    ['graph channel', channel],
    ['gossip status', status],
  ] as const)
    (await schemaOf(command))(answer.json());
});

test('a route has the fees of BOLT 7, costs nothing but a read, and is asked again elsewhere to the same bytes', async () => {
  const words = ['route', toHex(d.id), '10000sat', '--from', toHex(a.id)];
  const found = await run(...words, '--export', at('question'));
  expect(found).toMatchObject({ code: 0, stderr: '' });
  const routes = found.json()['routes'] as readonly { fee_msat: number; hops: readonly { short_channel_id: string; fee_msat: number }[] }[];
  expect(routes[0]?.hops.map((hop) => hop.short_channel_id)).toEqual([scids.ab, scids.bc, scids.cd]);
  // 1000 msat + 100 ppm for each of the two hops that forward, the farther one's fee included in what the nearer one forwards.
  expect(routes[0]?.hops.map((hop) => hop.fee_msat)).toEqual([2000, 2000, 0]);
  expect(found.json()).toMatchObject({ fee_msat: 4000, from: toHex(a.id) });
  (await schemaOf('route'))(found.json());
  expect((await lnkit(['route', '--replay', at('question'), '--json'])).stdout).toBe(found.stdout);
});

test('where there is no route, exit 4 and --explain name the rules that closed the edges and the way out', async () => {
  const big = await run('route', toHex(d.id), '200000sat', '--from', toHex(a.id), '--explain');
  expect(big.code).toBe(4);
  expect(big.json()).toMatchObject({
    routes: [],
    error: { code: 'NO_ROUTE' },
    explanation: { reaches_us: false, relaxation: { kind: 'amount' } },
  });
  (await schemaOf('route'))(big.json());
  const cheap = await run('route', toHex(d.id), '10000sat', '--from', toHex(a.id), '--max-fee', '1sat', '--explain');
  expect(cheap.json()).toMatchObject({
    error: { hint: 'raise --max-fee to 4sat' },
    explanation: { relaxation: { kind: 'max_fee', fee_msat: 4000 } },
  });
  const runs = await Promise.all([
    run('route'),
    run('route', toHex(d.id), '--from', toHex(a.id)),
    run('route', toHex(d.id), '1sat'),
    run('route', '--replay', at('network.gossip')),
  ]);
  expect(runs.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
});

test('a route over a blinded path ends with it, and its limits close it', async () => {
  const hidden = toHex(party(9).id);
  const words = ['route', hidden, '10000sat', '--from', toHex(a.id), '--explain'];
  const path = `${toHex(c.id)},fee_base_msat=7,fee_proportional_millionths=1000,cltv_expiry_delta=30,htlc_maximum_msat=20000000`;
  const found = await run(...words, '--blinded-path', path);
  const routes = found.json()['routes'] as readonly { hops: readonly object[] }[];
  expect(routes[0]?.hops.slice(1)).toMatchObject([
    { node_id: toHex(c.id), amount_msat: 10_010_007, fee_msat: 10_007 },
    { node_id: hidden, amount_msat: 10_000_000, fee_msat: 0, blinded_path: 0 },
  ]);
  (await schemaOf('route'))(found.json());
  const small = await run(...words, '--blinded-path', path.replace('=20000000', '=9999999'));
  expect(small.code).toBe(4);
  expect(small.json()).toMatchObject({ explanation: { reaches_us: false, closed: { liquidity: 1 } } });
  const wrong = await Promise.all(
    ['02ff', `${toHex(c.id)},fee=1`, `${toHex(c.id)},hops=x`].map((text) => run(...words, '--blinded-path', text)),
  );
  expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2]);
});

test('how likely balances are is chosen by flag or by lnkit.toml', async () => {
  const words = ['route', toHex(d.id), '40000sat', '--from', toHex(a.id)];
  const plain = (await run(...words)).json()['probability'] as number;
  const flagged = (await run(...words, '--prior', 'bimodal')).json()['probability'] as number;
  expect(flagged).not.toBe(plain);
  writeFileSync(at('none/lnkit.toml'), '[routing]\nprior = "bimodal"\n');
  try {
    expect((await run(...words)).json()['probability']).toBe(flagged);
    expect((await run(...words, '--prior', 'apriori')).json()['probability']).toBe(plain);
  } finally {
    rmSync(at('none/lnkit.toml'));
  }
});

interface Daemon {
  readonly child: ChildProcess;
  readonly address: string;
}

async function startDaemon(env: Record<string, string>): Promise<Daemon> {
  const words = [join(ROOT, 'bin/lnkit.js'), 'start', '--listen', '127.0.0.1:0', '--json', '--quiet'];
  const child = spawn(process.execPath, words, {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) => child.stdout?.once('data', (data) => resolve(`${data}`)));
  const started = JSON.parse(line.split('\n')[0] as string) as { node_id: string; listen: readonly string[] };
  return { child, address: `${started.node_id}@${started.listen[0]}` };
}

test('a probe over a channel arrives, finds the largest amount, and pay --from-probe pays after it', async () => {
  const envOf = (name: string): Record<string, string> => ({
    LNKIT_DATADIR: at(name),
    LNKIT_NETWORK: 'regtest',
    LNKIT_CHAIN: chain.bitcoindUrl,
  });
  const [carol, dave] = [envOf('carol'), envOf('dave')];
  const as = (env: Record<string, string>, ...words: readonly string[]): Promise<Run> => lnkit([...words, '--json'], { env });
  await Promise.all([as(carol, 'init'), as(dave, 'init')]);
  const daemon = await startDaemon(dave);
  try {
    expect((await as(carol, 'probe', daemon.address.slice(0, 66), '1000sat')).code).toBe(6);
    const { address } = (await as(carol, 'wallet', 'address')).json() as { address: string };
    await as(carol, 'chain', 'mine', '1', '--to', address);
    await as(carol, 'chain', 'mine', '100');
    const opened = await as(carol, 'channel', 'open', daemon.address, '1000000sat');
    expect(opened.code, opened.stdout).toBe(0);
    await as(carol, 'chain', 'mine', '6');
    const fits = await schemaOf('probe');
    const one = await as(carol, 'probe', daemon.address.slice(0, 66), '100000sat');
    expect(one.code, one.stdout).toBe(0);
    expect(one.json()).toMatchObject({ reachable: true, max_amount_msat: 100_000_000, fee_msat: 0, unresolved: 0, probes_sent: 1 });
    fits(one.json());
    const unknown = await as(carol, 'probe', toHex(d.id), '1000sat');
    expect(unknown.code).toBe(4);
    expect(unknown.json()).toMatchObject({
      reachable: false,
      error: { code: 'NO_ROUTE', hint: expect.stringContaining('sync the graph') },
    });
    // A destination behind a blinded path: the probe ends where the path begins, and says so.
    const blinded = await as(
      carol,
      'probe',
      toHex(d.id),
      '100000sat',
      '--prior',
      'bimodal',
      '--blinded-path',
      `${daemon.address.slice(0, 66)},hops=2`,
    );
    expect(blinded.json()).toMatchObject({
      reachable: true,
      destination: toHex(d.id),
      probed_to: daemon.address.slice(0, 66),
      limits: [{ kind: 'blinded_tail', node_id: daemon.address.slice(0, 66) }],
    });
    fits(blinded.json());
    const most = await as(carol, 'probe', daemon.address.slice(0, 66), '--find-max', '--svg', at('probe.svg'));
    const last = most.lines().at(-1) as { max_amount_msat: number; trials: readonly unknown[] };
    expect(most.lines()).toHaveLength(last.trials.length + 1);
    expect(last.max_amount_msat).toBeGreaterThan(900_000_000);
    for (const line of most.lines()) fits(line);
    expect(readFileSync(at('probe.svg'), 'utf8')).toContain('circle');
    const { bolt11 } = (await as(dave, 'invoice', 'create', '5000sat')).json() as { bolt11: string };
    expect((await as(carol, 'pay', bolt11, '--from-probe')).json()).toMatchObject({ status: 'settled', amount_msat: 5_000_000 });
    // Our own channels are read from the store, with their real balances, without starting a node.
    const direct = await as(carol, 'route', daemon.address.slice(0, 66), '10000sat');
    expect(direct.json()).toMatchObject({ fee_msat: 0, probability: 1, routes: [{ hops: [{ node_id: daemon.address.slice(0, 66) }] }] });
    const tooMuch = await as(carol, 'route', daemon.address.slice(0, 66), '999999sat');
    expect(tooMuch.json()).toMatchObject({ error: { code: 'NO_ROUTE' } });
    const { payments } = (await as(carol, 'payment', 'list')).json() as { payments: readonly unknown[] };
    expect(payments).toHaveLength(1);
  } finally {
    daemon.child.kill('SIGTERM');
  }
});
