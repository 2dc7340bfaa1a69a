// Commands that need the node, each as one shot and through the daemon: the same JSON, the same exit codes.
import { spawn } from 'node:child_process';
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRegtestInMemory } from '../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../src/io/regtest/server.ts';
import { ensureBuilt, lnkit, ROOT, type Run } from './kit.ts';

const datadir = mkdtempSync(join(tmpdir(), 'lnkit-cli-'));
let chain: RegtestServer;
let env: Record<string, string>;
const run = (...words: readonly string[]): Promise<Run> => lnkit(words, { env });

beforeAll(async () => {
  await ensureBuilt();
  const { chain: regtest, faucet } = openRegtestInMemory();
  regtest.mine(3, faucet.script);
  chain = await serveRegtest({ chain: regtest, faucet });
  env = { LNKIT_DATADIR: datadir, LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: chain.bitcoindUrl };
});
afterAll(() => chain.close());

/** Reading commands, with what their JSON must hold; the schema holds the rest. */
const READS: readonly (readonly [words: string, fields: readonly string[]])[] = [
  ['status', ['node_id', 'alias', 'network', 'block_height', 'synced_to_chain', 'synced_to_graph', 'peers', 'channels', 'balances']],
  ['wallet balance', ['confirmed_sat', 'unconfirmed_sat', 'reserved_sat']],
  ['wallet address', ['address']],
  ['channel list', ['channels']],
  ['invoice list', ['invoices']],
  ['payment list', ['payments']],
  ['peer list', ['peers']],
  ['chain status', ['synced']],
  ['message sign hello', ['signature']],
  ['invoice create 1000sat', ['bolt11', 'payment_hash', 'payment_secret', 'expires_at']],
];

let schemas: ReadonlyMap<string, object>;

async function readEverything(): Promise<void> {
  for (const [words, fields] of READS) {
    const answer = await run(...words.split(' '), '--json');
    expect(answer, words).toMatchObject({ code: 0, stderr: '' });
    expect(Object.keys(answer.json()), words).toEqual(expect.arrayContaining([...fields]));
    const schema = [...schemas].find(([name]) => `${words} `.startsWith(`${name} `))?.[1] as object;
    const fits = new Ajv2020({ strict: false }).compile(schema);
    if (!fits(answer.json())) throw new Error(`${words}: ${answer.stdout} does not fit: ${JSON.stringify(fits.errors)}`);
  }
}

/** Failures with their exit codes; the invoice is of another network. */
const FAILURES: readonly (readonly [words: string, code: number, error: string])[] = [
  ['payment show 1111111111111111111111111111111111111111111111111111111111111111', 3, 'NOT_FOUND'],
  ['channel show 1x1x1', 3, 'NOT_FOUND'],
  ['peer disconnect 0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798', 3, 'NOT_FOUND'],
  ['wallet send bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 1000sat', 6, 'WRONG_NETWORK'],
  ['wallet send bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 1000sat', 6, 'INSUFFICIENT_FUNDS'],
  ['pay 03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad 1000sat', 6, 'INSUFFICIENT_FUNDS'],
  ['peer connect 03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad@127.0.0.1:1', 7, 'PEER_UNREACHABLE'],
];

async function failEverything(): Promise<void> {
  for (const [words, code, error] of FAILURES) {
    const answer = await run(...words.split(' '), '--json');
    expect(answer.json(), words).toMatchObject({ error: { code: error } });
    expect(answer.code, words).toBe(code);
  }
}

test('before init every command says that there is no wallet, exit 3', async () => {
  const answer = await run('status', '--json');
  expect(answer.code).toBe(3);
  expect(answer.json()).toMatchObject({ error: { code: 'NOT_FOUND' } });
});

test('init makes a wallet once, prints its words once, and keeps its files private', async () => {
  const first = await run('init', '--json');
  expect(first.code).toBe(0);
  expect((first.json()['mnemonic'] as string).split(' ')).toHaveLength(24);
  expect((await run('init', '--json')).code).toBe(2);
  for (const file of ['seed.json', 'node.db']) expect(statSync(join(datadir, 'regtest', file)).mode & 0o077, file).toBe(0);
});

test('a mnemonic from stdin gives the node it belongs to', async () => {
  const words = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
  const restore = async () => {
    const other = { ...env, LNKIT_DATADIR: mkdtempSync(join(tmpdir(), 'lnkit-cli-')) };
    return (await lnkit(['init', '--mnemonic', '-', '--json'], { env: other, stdin: `${words}\n` })).json();
  };
  const [a, b] = await Promise.all([restore(), restore()]);
  expect(a['node_id']).toBe(b['node_id']);
  expect(a).not.toHaveProperty('mnemonic');
  const wrong = await lnkit(['init', '--mnemonic', '-', '--json'], {
    env: { ...env, LNKIT_DATADIR: join(datadir, 'x') },
    stdin: 'zoo zoo zoo',
  });
  expect(wrong.code).toBe(2);
});

test('as one shot, commands answer with JSON that fits their schemas, and fail with their codes', async () => {
  const commands = (await run('schema', '--json')).json()['commands'] as readonly { command: string; output: object }[];
  schemas = new Map(commands.map(({ command, output }) => [command, output]));
  await readEverything();
  await failEverything();
});

test('a chain that does not answer is exit 8', async () => {
  const answer = await lnkit(['wallet', 'balance', '--chain', 'bitcoind://u:p@127.0.0.1:1', '--json'], { env });
  expect(answer.code).toBe(8);
  expect(answer.json()).toMatchObject({ error: { code: 'CHAIN_UNREACHABLE' } });
});

test('through the daemon they do the same; a second daemon is refused; stop ends it, and so does a signal', async () => {
  const daemon = await startDaemon();
  try {
    expect(statSync(join(datadir, 'regtest', 'rpc.sock')).mode & 0o777).toBe(0o600);
    await readEverything();
    await failEverything();
    const second = await run('start', '--listen', '127.0.0.1:0', '--json');
    expect(second.code).toBe(9);
    expect(second.json()).toMatchObject({ error: { code: 'STORE_LOCKED' } });
    expect((await run('stop', '--json')).json()).toMatchObject({ stopped: true, pid: daemon.pid });
    expect(await daemon.ended).toBe(0);
    expect((await run('stop', '--json')).code).toBe(3);
  } finally {
    daemon.kill('SIGKILL');
  }
  const again = await startDaemon();
  again.kill('SIGTERM');
  expect(await again.ended).toBe(0);
});

test('a daemon that was killed leaves nothing that stops the next command', async () => {
  const daemon = await startDaemon();
  daemon.kill('SIGKILL');
  await daemon.ended;
  expect((await run('status', '--json')).code).toBe(0);
});

interface Daemon {
  readonly pid: number;
  /** Its exit code; -1 where a signal ended it. */
  readonly ended: Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

async function startDaemon(): Promise<Daemon> {
  const words = [join(ROOT, 'bin/lnkit.js'), 'start', '--listen', '127.0.0.1:0', '--json', '--quiet'];
  const child = spawn(process.execPath, words, {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number>((resolve) => child.on('exit', (code) => resolve(code ?? -1)));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the daemon ended with ${code}: ${child.stderr.read()}`)));
  });
  return { pid: child.pid as number, ended, kill: (signal) => void child.kill(signal) };
}
