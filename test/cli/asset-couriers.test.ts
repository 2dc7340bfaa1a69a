// Assets that travel by a courier, each command on its own: the node asks when it is run, and says what came of it. The courier is `universe serve`.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeAddressFor } from '../../src/bitcoin/address.ts';
import type { RegtestChain } from '../../src/io/regtest/chain.ts';
import { openRegtestInMemory } from '../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../src/io/regtest/server.ts';
import { ensureBuilt, lnkit, ROOT } from './kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-couriers-'));
let server: RegtestServer;
let chain: RegtestChain;
let schemas: ReadonlyMap<string, object>;
let courier: ChildProcess;
let place: { readonly courier: string; readonly mailbox_courier: string };

const environment = (who: string) => ({ LNKIT_DATADIR: join(folder, who), LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: server.bitcoindUrl });
const run = (who: string, ...words: readonly string[]) => lnkit([...words, '--json'], { env: environment(who) });
/** The JSON of a command that must succeed, held to its schema. */
async function ok<T>(who: string, ...words: readonly string[]): Promise<T> {
  const answer = await run(who, ...words);
  if (answer.code !== 0) throw new Error(`${words.join(' ')}: ${answer.stdout}${answer.stderr}`);
  const name = [...schemas.keys()].filter((each) => `${words.join(' ')} `.startsWith(`${each} `)).sort((a, b) => b.length - a.length)[0];
  const fits = new Ajv2020({ strict: false }).compile(schemas.get(name ?? '') as object);
  if (!fits(answer.json())) throw new Error(`${words.join(' ')}: ${answer.stdout} does not fit: ${JSON.stringify(fits.errors)}`);
  return answer.json() as T;
}
interface Refused {
  readonly code: string;
  readonly exit: number;
  readonly details: Readonly<Record<string, unknown>>;
}
async function refused(who: string, ...words: readonly string[]): Promise<Refused> {
  const { code: exit, stdout } = await run(who, ...words);
  const { error } = JSON.parse(stdout) as { error: { code: string; details?: Record<string, unknown> } };
  return { code: error.code, exit, details: error.details ?? {} };
}
interface Listed {
  readonly assets: readonly { readonly name: string; readonly amount: string; readonly state: string }[];
}
const confirmed = async (who: string, name: string): Promise<readonly string[]> =>
  (await ok<Listed>(who, 'asset', 'list')).assets
    .filter((each) => each.name === name && each.state === 'confirmed')
    .map(({ amount }) => amount)
    .sort();
const mine = (): void => void chain.mine(1, new Uint8Array([0x51]));

/** Serves a universe and a mailbox on a free port. */
async function serveCourier(): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...environment('courier') };
  const words = [join(ROOT, 'bin/lnkit.js'), 'universe', 'serve', '--listen', '127.0.0.1:0', '--json'];
  courier = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const text = await new Promise<string>((resolve, reject) => {
    let all = '';
    courier.once('exit', () => reject(new Error(`the courier ended: ${all}`)));
    courier.stdout?.on('data', (data) => {
      all += String(data);
      if (all.trimEnd().endsWith('}')) resolve(all);
    });
  });
  place = JSON.parse(text) as typeof place;
}

beforeAll(async () => {
  await ensureBuilt();
  const regtest = openRegtestInMemory();
  chain = regtest.chain;
  server = await serveRegtest(regtest);
  const commands = (await lnkit(['schema', '--json'])).json()['commands'] as readonly { command: string; output: object }[];
  schemas = new Map(commands.map(({ command, output }) => [command, output]));
  for (const who of ['alice', 'bob', 'courier']) await ok(who, 'init');
  await serveCourier();
  for (const who of ['alice', 'bob']) {
    const { address } = await ok<{ address: string }>(who, 'wallet', 'address');
    const decoded = decodeAddressFor(address, 'regtest');
    if (!decoded.ok) throw new Error(decoded.failure.message);
    chain.mine(2, decoded.value.script);
  }
  chain.mine(100, regtest.faucet.script);
  await ok('alice', 'asset', 'mint', '--name', 'beans', '--supply', '1000', '--grouped');
  await ok('alice', 'asset', 'mint', 'finalize');
  mine();
  await ok('alice', 'proof', 'export', 'beans', '--out', join(folder, 'beans'));
  await ok('bob', 'proof', 'import', join(folder, 'beans'));
}, 60_000);
afterAll(async () => {
  courier?.kill('SIGTERM');
  await server?.close();
});

interface Receives {
  readonly receives: readonly {
    readonly status: string;
    readonly attempts: number;
    readonly last_error: { readonly code: string } | null;
  }[];
}
interface Sent {
  readonly deliveries: readonly { readonly amount: string }[];
}
interface Deliveries {
  readonly transfers: readonly {
    readonly txid: string;
    readonly kind: string;
    readonly deliveries: readonly { readonly state: string }[];
  }[];
}
const address = async (who: string, ...words: readonly string[]): Promise<string> =>
  (await ok<{ address: string }>(who, 'asset', 'address', ...words)).address;

test('detected, confirmed and completed: what was sent arrives with nothing carried by hand', async () => {
  const to = await address('bob', 'beans', '250', '--courier', place.courier);
  const { txid, deliveries } = await ok<{ txid: string; deliveries: readonly { state: string }[] }>('alice', 'asset', 'send', to);
  expect(deliveries.map(({ state }) => state)).toEqual(['waiting']);
  expect((await ok<Receives>('bob', 'asset', 'receives')).receives.map(({ status }) => status)).toEqual(['detected']);
  mine();
  const { receives } = await ok<Receives>('bob', 'asset', 'receives', to);
  expect(receives).toMatchObject([{ status: 'confirmed', attempts: 1, last_error: { code: 'NOT_FOUND' } }]);
  const { transfers } = await ok<Deliveries>('alice', 'asset', 'transfers');
  expect(transfers.find((each) => each.txid === txid)?.deliveries).toMatchObject([{ state: 'delivered' }]);
  expect((await ok<Receives>('bob', 'asset', 'receives')).receives.map(({ status }) => status)).toEqual(['completed']);
  expect([await confirmed('bob', 'beans'), await confirmed('alice', 'beans')]).toEqual([['250'], ['750']]);
});

test('sending waits until the courier has the proof; receiving waits until it is here; neither waits for ever', async () => {
  const to = await address('bob', 'beans', '50', '--courier', place.courier);
  const waits = await refused('alice', 'asset', 'send', to, '--wait', 'proof', '--timeout', '2s');
  expect([waits.code, waits.exit]).toEqual(['TIMEOUT', 10]);
  const late = await refused('bob', 'asset', 'receives', to, '--wait', '--timeout', '1s');
  expect([late.code, late.exit]).toEqual(['TIMEOUT', 10]);
  mine();
  // What was begun goes on with the next command.
  const { transfers } = await ok<Deliveries>('alice', 'asset', 'transfers');
  expect(transfers.find((each) => each.txid === waits.details['txid'])?.deliveries).toMatchObject([{ state: 'delivered' }]);
  expect((await ok<Receives>('bob', 'asset', 'receives', to, '--wait', '--timeout', '30s')).receives).toMatchObject([
    { status: 'completed' },
  ]);

  const again = await address('bob', 'beans', '20', '--courier', place.courier);
  const sending = ok<{ deliveries: readonly { state: string }[] }>('alice', 'asset', 'send', again, '--wait', 'proof', '--timeout', '60s');
  for (let i = 0; i < 200 && chain.mempool.entries.size === 0; i++) await sleep(50);
  mine();
  expect((await sending).deliveries).toMatchObject([{ state: 'delivered' }]);
});

test('an address of version 2 is for the group, paid as the sender likes, and used again', async () => {
  const { code } = await refused('bob', 'asset', 'address', 'beans', '--courier', place.courier);
  expect(code).toBe('USAGE');
  const to = await address('bob', 'beans', '--address-version', '2', '--courier', place.courier);
  expect(await ok('bob', 'decode', to)).toMatchObject({ version: 2, asset_id: null, amount: '0', proof_courier: place.mailbox_courier });
  // Beside one that says how much, the amount is for the one that leaves it open.
  const fixed = await address('bob', 'beans', '3', '--courier', place.courier);
  const both = await ok<Sent>('alice', 'asset', 'send', fixed, to, '--amount', '4', '--dry-run');
  expect(both.deliveries.map(({ amount }) => amount).sort()).toEqual(['3', '4']);
  expect(await refused('alice', 'asset', 'send', fixed, '--amount', '4', '--dry-run')).toMatchObject({ code: 'USAGE', exit: 2 });
  const typed = await lnkit(['asset', 'send', '-', '--dry-run', '--json'], { env: environment('alice'), stdin: `${fixed}\n` });
  expect([typed.code, typed.json()['deliveries']]).toMatchObject([0, [{ address: fixed, amount: '3' }]]);
  expect((await refused('alice', 'asset', 'send', to)).code).toBe('USAGE');
  const before = (await confirmed('bob', 'beans')).length;
  for (const amount of ['7', '8']) {
    await ok('alice', 'asset', 'send', to, '--amount', amount);
    mine();
    await ok('alice', 'asset', 'transfers');
  }
  const { receives } = await ok<Receives>('bob', 'asset', 'receives', to);
  expect(receives.map(({ status }) => status)).toEqual(['completed', 'completed']);
  expect((await confirmed('bob', 'beans')).length).toBe(before + 2);
  // And onward: keys derived for each asset sign.
  const back = await address('alice', 'beans', '300', '--courier', place.courier);
  await ok('bob', 'asset', 'send', back);
  mine();
  await ok('bob', 'asset', 'transfers');
  await ok('alice', 'asset', 'receives');
  expect(await ok('alice', 'asset', 'verify')).toMatchObject({ valid: true });
  expect((await confirmed('alice', 'beans')).includes('300')).toBe(true);
});

test('a courier that is away is told with its code, another one is taken, and what nobody sent cannot be sent again', async () => {
  const nobody = 'universerpc://127.0.0.1:9';
  const to = await address('bob', 'beans', '5', '--courier', nobody);
  const { txid } = await ok<{ txid: string }>('alice', 'asset', 'send', to);
  expect(await ok('alice', 'asset', 'resend', txid)).toMatchObject({ deliveries: [{ delivery: { state: 'waiting' } }] });
  mine();
  const away = await refused('alice', 'asset', 'resend', to);
  expect(away).toMatchObject({ code: 'PEER_UNREACHABLE', exit: 7, details: { reason: 'UNREACHABLE' } });
  const wrong = await refused('alice', 'asset', 'resend', to, '--courier', place.mailbox_courier);
  expect([wrong.code, wrong.exit]).toEqual(['USAGE', 2]);
  expect(await ok('alice', 'asset', 'resend', to, '--courier', place.courier)).toMatchObject({
    deliveries: [{ delivery: { state: 'delivered' } }],
  });
  expect((await refused('alice', 'asset', 'resend', 'ab'.repeat(32))).exit).toBe(3);
  expect((await refused('alice', 'asset', 'receives', to)).exit).toBe(3);
});
