// The universe as a user meets it: filled from proof files, looked at, and what it teaches the wallet; each command on its own, held to its schema.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeAddressFor } from '../../src/bitcoin/address.ts';
import type { RegtestChain } from '../../src/io/regtest/chain.ts';
import { openRegtestInMemory } from '../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../src/io/regtest/server.ts';
import { ensureBuilt, lnkit, ROOT } from './kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-universe-'));
const COURIER = 'universerpc://127.0.0.1:10029';
let server: RegtestServer;
let chain: RegtestChain;
let schemas: ReadonlyMap<string, object>;

const run = (who: string, ...words: readonly string[]) => {
  const env = { LNKIT_DATADIR: join(folder, who), LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: server.bitcoindUrl };
  return lnkit([...words, '--json'], { env });
};
/** The JSON of a command that must succeed, held to its schema. */
async function ok<T>(who: string, ...words: readonly string[]): Promise<T> {
  const answer = await run(who, ...words);
  if (answer.code !== 0) throw new Error(`${words.join(' ')}: ${answer.stdout}${answer.stderr}`);
  const name = [...schemas.keys()].filter((each) => `${words.join(' ')} `.startsWith(`${each} `)).sort((a, b) => b.length - a.length)[0];
  const fits = new Ajv2020({ strict: false }).compile(schemas.get(name ?? '') as object);
  if (!fits(answer.json())) throw new Error(`${words.join(' ')}: ${answer.stdout} does not fit: ${JSON.stringify(fits.errors)}`);
  return answer.json() as T;
}
async function refused(who: string, ...words: readonly string[]): Promise<readonly [string, number]> {
  const { code, stdout } = await run(who, ...words);
  return [(JSON.parse(stdout) as { error: { code: string } }).error.code, code];
}
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  await ensureBuilt();
  const regtest = openRegtestInMemory();
  chain = regtest.chain;
  server = await serveRegtest(regtest);
  const commands = (await lnkit(['schema', '--json'])).json()['commands'] as readonly { command: string; output: object }[];
  schemas = new Map(commands.map(({ command, output }) => [command, output]));
  for (const who of ['alice', 'bob']) await ok(who, 'init');
  const { address } = await ok<{ address: string }>('alice', 'wallet', 'address');
  const decoded = decodeAddressFor(address, 'regtest');
  if (!decoded.ok) throw new Error(decoded.failure.message);
  chain.mine(2, decoded.value.script);
  chain.mine(100, regtest.faucet.script);
  await ok('alice', 'asset', 'mint', '--name', 'beans', '--supply', '1000', '--grouped');
  await ok('alice', 'asset', 'mint', '--name', 'rice', '--supply', '7');
  await ok('alice', 'asset', 'mint', 'finalize');
  chain.mine(1, new Uint8Array([0x51]));
  for (const name of ['beans', 'rice']) await ok('alice', 'proof', 'export', name, '--out', path(name));
});
afterAll(() => server.close());

interface Root {
  readonly name: string;
  readonly proof_type: string;
  readonly asset_id: string | null;
  readonly group_key: string | null;
  readonly root: { readonly hash: string; readonly sum: string };
}

test('a universe that is not there is empty, without a wallet too', async () => {
  expect(await ok('nobody', 'universe', 'roots')).toEqual({ roots: [], multiverse: { issuance: null, transfer: null } });
  expect(await ok('nobody', 'universe', 'stats')).toMatchObject({ assets: 0, proofs: 0, by_asset: [] });
  expect(await ok('nobody', 'universe', 'federation', 'list')).toEqual({ servers: [] });
  expect(await refused('nobody', 'universe', 'leaves', 'beans')).toEqual(['NOT_FOUND', 3]);
});

test('proof files fill it; roots, leaves, proofs and numbers are told', async () => {
  expect(await ok('bob', 'universe', 'insert', path('beans'))).toMatchObject({ transitions: 1, stored: 1 });
  expect(await ok('bob', 'universe', 'insert', path('beans'))).toMatchObject({ transitions: 1, stored: 0 });
  await ok('bob', 'universe', 'insert', path('rice'));
  const { roots } = await ok<{ roots: readonly Root[] }>('bob', 'universe', 'roots');
  expect(roots.map(({ name, proof_type: type, root }) => [name, type, root.sum])).toEqual([
    ['beans', 'issuance', '1000'],
    ['rice', 'issuance', '7'],
  ]);
  const [beans] = roots as [Root];
  expect([beans.asset_id, beans.group_key?.length]).toEqual([null, 66]);
  expect(await ok('bob', 'universe', 'roots', beans.group_key as string)).toMatchObject({ roots: [{ name: 'beans' }] });
  const { universes } = await ok<{ universes: readonly { leaves: readonly { outpoint: string; script_key: string }[] }[] }>(
    ...(['bob', 'universe', 'leaves', 'beans'] as const),
  );
  const [leaf] = universes[0]?.leaves ?? [];
  const args = [beans.group_key as string, leaf?.outpoint ?? '', leaf?.script_key ?? ''];
  expect(await ok('bob', 'universe', 'proof', ...args, '--out', path('leaf'))).toMatchObject({ amount: '1000', root: beans.root });
  expect(await ok('bob', 'proof', 'verify', path('leaf'))).toMatchObject({ valid: true, amount: '1000' });
  expect(await ok('bob', 'universe', 'stats')).toMatchObject({ assets: 2, groups: 1, proofs: 2, by_asset: [{ proofs: 1 }, { proofs: 1 }] });
});

test('what the universe knows an address can be made for', async () => {
  const { by_asset: assets } = await ok<{ by_asset: readonly { name: string; asset_id: string }[] }>('bob', 'universe', 'stats');
  const rice = assets.find(({ name }) => name === 'rice')?.asset_id as string;
  expect(await refused('alice', 'asset', 'address', '00'.repeat(32), '3', '--courier', COURIER)).toEqual(['NOT_FOUND', 3]);
  expect(await ok('bob', 'asset', 'address', rice, '3', '--courier', COURIER)).toMatchObject({ asset_id: rice });
  expect(await ok('bob', 'asset', 'address', 'beans', '3', '--courier', COURIER)).toMatchObject({ amount: '3' });
});

test('servers of the federation are listed, and one that nobody answers at is told of', async () => {
  expect(await ok('bob', 'universe', 'federation', 'add', '127.0.0.1:1')).toEqual({ universe: '127.0.0.1:1', added: true });
  expect(await ok('bob', 'universe', 'federation', 'add', '127.0.0.1:1')).toMatchObject({ added: false });
  expect(await refused('bob', 'universe', 'federation', 'add', 'http://nowhere')).toEqual(['USAGE', 2]);
  expect(await refused('bob', 'universe', 'sync', '127.0.0.1:1')).toEqual(['PEER_UNREACHABLE', 7]);
  expect(await refused('bob', 'universe', 'push', '127.0.0.1:1', '--asset', 'beans')).toEqual(['PEER_UNREACHABLE', 7]);
  expect(await refused('bob', 'universe', 'sync', '127.0.0.1:1', '--asset', 'nothing')).toEqual(['NOT_FOUND', 3]);
  expect(await refused('bob', 'universe', 'federation', 'sync')).toEqual(['PEER_UNREACHABLE', 7]);
  expect(await ok('bob', 'universe', 'federation', 'list')).toMatchObject({ servers: [{ universe: '127.0.0.1:1', waiting: 0 }] });
  expect(await ok('bob', 'universe', 'federation', 'remove', '127.0.0.1:1')).toMatchObject({ removed: true });
  expect(await refused('bob', 'universe', 'federation', 'remove', '127.0.0.1:1')).toEqual(['NOT_FOUND', 3]);
});

const children: ChildProcess[] = [];
afterAll(() => children.forEach((child) => void child.kill('SIGKILL')));

/** `universe serve` of a person, beside whatever else runs, until it is told to end. */
const serving = (who: string): Promise<Running> => started(who, 'universe', 'serve', '--listen', '127.0.0.1:0');

interface Running {
  readonly listen: string;
  readonly pid: number;
  end(): Promise<number>;
}

async function started(who: string, ...words: readonly string[]): Promise<Running> {
  const child = spawn(process.execPath, [join(ROOT, 'bin/lnkit.js'), ...words, '--json'], {
    env: { PATH: process.env['PATH'] ?? '', LNKIT_DATADIR: join(folder, who), LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: server.bitcoindUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data: Uint8Array) => resolve(Buffer.from(data).toString()));
    void ended.then((code) => reject(new Error(`it ended with ${code}`)));
  });
  const { listen, pid } = JSON.parse(line) as { listen: string; pid: number };
  return {
    listen,
    pid,
    end() {
      child.kill('SIGINT');
      return ended;
    },
  };
}

test('a universe that is served is synced from and pushed to, its certificate is kept, and Ctrl-C ends it', async () => {
  await ok('carol', 'init');
  const first = await serving('bob');
  const key = readFileSync(join(folder, 'bob/regtest/universe.pem'), 'utf8');
  const rootsOf = async (who: string): Promise<readonly Root[]> => {
    const { roots } = await ok<{ roots: readonly Root[] }>(who, 'universe', 'roots');
    return roots.toSorted((a, b) => a.name.localeCompare(b.name));
  };
  const roots = await rootsOf('bob');
  expect(await ok('carol', 'universe', 'sync', first.listen)).toMatchObject({ universes: [{ stored: 1 }, { stored: 1 }] });
  expect(await rootsOf('carol')).toEqual(roots);
  // It is there, but has no commitments to a supply.
  const group = roots.find((each) => each.group_key !== null)?.group_key as string;
  expect(await refused('carol', 'asset', 'supply', '--universe', first.listen, '--group-key', group)).toEqual(['PEER_ERROR', 7]);
  expect(await first.end()).toBe(0);
  expect(await refused('carol', 'universe', 'sync', first.listen)).toEqual(['PEER_UNREACHABLE', 7]);
  const empty = await serving('dave');
  expect(await ok('carol', 'universe', 'push', empty.listen)).toMatchObject({ universes: [{ stored: 1 }, { stored: 1 }] });
  expect(await refused('dave', 'universe', 'serve', '--listen', empty.listen)).toEqual(['USAGE', 2]);
  expect(await refused('dave', 'universe', 'serve', '--listen', 'nowhere')).toEqual(['USAGE', 2]);
  expect(await rootsOf('dave')).toEqual(roots);
  await empty.end();
  const second = await serving('bob');
  expect(readFileSync(join(folder, 'bob/regtest/universe.pem'), 'utf8')).toBe(key);
  await second.end();
});

test('a tranche of a group that only the universe knows is verified, and the daemon pushes it to the federation', async () => {
  const { groups } = await ok<{ groups: readonly { group_key: string }[] }>('alice', 'asset', 'groups');
  await ok('alice', 'asset', 'mint', '--name', 'beans-two', '--supply', '10', '--group-key', groups[0]?.group_key ?? '');
  await ok('alice', 'asset', 'mint', 'finalize');
  chain.mine(1, new Uint8Array([0x51]));
  await ok('alice', 'proof', 'export', 'beans-two', '--out', path('beans-two'));
  expect(await ok('carol', 'proof', 'verify', path('beans-two'))).toMatchObject({ valid: true, amount: '10' });
  await ok('frank', 'init');
  expect(await refused('frank', 'proof', 'verify', path('beans-two'))).toEqual(['MALFORMED', 2]);
  expect(await refused('frank', 'universe', 'insert', path('beans-two'))).toEqual(['NOT_FOUND', 3]);
  const served = await serving('bob');
  await ok('carol', 'universe', 'federation', 'add', served.listen);
  await ok('carol', 'universe', 'insert', path('beans-two'));
  expect(await ok('carol', 'universe', 'federation', 'list')).toMatchObject({ servers: [{ waiting: 1, synced_at: null }] });
  const daemon = await started('carol', 'start', '--listen', '127.0.0.1:0');
  for (let tries = 0; ; tries++) {
    const { roots } = await ok<{ roots: readonly Root[] }>('bob', 'universe', 'roots', 'beans');
    if (roots[0]?.root.sum === '1010') break;
    if (tries > 200) throw new Error('the daemon pushed nothing');
  }
  await daemon.end();
  await served.end();
  expect(await ok('carol', 'universe', 'federation', 'list')).toMatchObject({ servers: [{ waiting: 0, failure: null }] });
});
