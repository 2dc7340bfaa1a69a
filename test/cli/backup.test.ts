// Backups of assets as a user meets them: exported, verified with and without a wallet, restored from words, and spent onward.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeAddressFor } from '../../src/bitcoin/address.ts';
import type { RegtestChain } from '../../src/io/regtest/chain.ts';
import { openRegtestInMemory } from '../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../src/io/regtest/server.ts';
import { ensureBuilt, lnkit, type Run } from './kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-backup-'));
const COURIER = 'universerpc://127.0.0.1:10029';
let server: RegtestServer;
let chain: RegtestChain;
let words: string;

const env = (who: string) => ({ LNKIT_DATADIR: join(folder, who), LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: server.bitcoindUrl });
const run = (who: string, ...args: readonly string[]): Promise<Run> => lnkit([...args, '--json'], { env: env(who) });
async function ok<T = Record<string, never>>(who: string, ...args: readonly string[]): Promise<T> {
  const answer = await run(who, ...args);
  if (answer.code !== 0) throw new Error(`${args.join(' ')}: ${answer.stdout}${answer.stderr}`);
  return answer.json() as T;
}
const codeOf = async (who: string, ...args: readonly string[]): Promise<readonly [string, number]> => {
  const { code, stdout } = await run(who, ...args);
  return [(JSON.parse(stdout) as { error: { code: string } }).error.code, code];
};
const mine = (): void => void chain.mine(1, new Uint8Array([0x51]));
const path = (name: string): string => join(folder, name);
const amounts = async (who: string): Promise<readonly string[]> => {
  const { assets } = await ok<{ assets: readonly { amount: string; state: string }[] }>(who, 'asset', 'list');
  return assets.filter(({ state }) => state === 'confirmed').map(({ amount }) => amount);
};
/** A wallet of the same words, with nothing but them. */
async function again(who: string): Promise<void> {
  const made = await lnkit(['init', '--mnemonic', '-', '--json'], { env: env(who), stdin: `${words}\n` });
  if (made.code !== 0) throw new Error(made.stdout);
}
async function send(from: string, to: string, amount: number): Promise<string> {
  const { address } = await ok<{ address: string }>(to, 'asset', 'address', 'coin', `${amount}`, '--courier', COURIER);
  await ok(from, 'asset', 'send', address);
  mine();
  const proof = path(`${from}-${to}-${amount}.proof`);
  await ok(from, 'proof', 'export', address, '--out', proof);
  return proof;
}

beforeAll(async () => {
  await ensureBuilt();
  const regtest = openRegtestInMemory();
  chain = regtest.chain;
  server = await serveRegtest(regtest);
  words = (await ok<{ mnemonic: string }>('alice', 'init')).mnemonic;
  await ok('bob', 'init');
  for (const who of ['alice', 'bob']) {
    const { address } = await ok<{ address: string }>(who, 'wallet', 'address');
    const decoded = decodeAddressFor(address, 'regtest');
    if (!decoded.ok) throw new Error(decoded.failure.message);
    chain.mine(2, decoded.value.script);
  }
  chain.mine(100, regtest.faucet.script);
  await ok('alice', 'asset', 'mint', '--name', 'coin', '--supply', '1000', '--grouped');
  await ok('alice', 'asset', 'mint', 'finalize');
  mine();
  await ok('alice', 'proof', 'export', 'coin', '--out', path('coin.proof'));
  await ok('bob', 'proof', 'import', path('coin.proof'));
});
afterAll(() => server.close());

test('a backup is verified with the wallet, with the words alone, and against the chain', async () => {
  const file = path('first.backup');
  expect(await ok('alice', 'backup', 'export', file)).toMatchObject({ assets: 1, channels: 0, swaps: 0, restorable: true, problems: [] });
  expect(await ok('alice', 'backup', 'verify', file)).toMatchObject({ assets: 1, holdings: [{ valid: true, unspent: null }] });
  expect(await ok('alice', 'backup', 'verify', file, '--chain', server.bitcoindUrl)).toMatchObject({ holdings: [{ unspent: true }] });
  const offline = await lnkit(['backup', 'verify', file, '--mnemonic', '-', '--json'], {
    env: { LNKIT_DATADIR: path('nobody'), LNKIT_NETWORK: 'regtest' },
    stdin: words,
  });
  expect(offline.json()).toMatchObject({ assets: 1, restorable: true });
  expect(existsSync(path('nobody'))).toBe(false);
  expect((await lnkit(['decode', file, '--json'])).json()).toMatchObject({ kind: 'lnkit_backup', network: 'regtest', valid: true });
});

test('balances are told by asset and by group, of all, of one asset, and of one group', async () => {
  type Balance = {
    readonly assets: readonly { readonly asset_id: string; readonly group_key: string }[];
    readonly groups: readonly object[];
  };
  const all = await ok<Balance>('alice', 'asset', 'balance');
  const sums = { confirmed: '1000', pending: '0', leased: '0' };
  expect(all).toMatchObject({ by: 'asset', assets: [{ name: 'coin', type: 'normal', ...sums }], groups: [{ assets: 1, ...sums }] });
  const [{ asset_id: id, group_key: key } = { asset_id: '', group_key: '' }] = all.assets;
  expect(await ok('alice', 'asset', 'balance', '--by-group')).toMatchObject({ by: 'group', assets: [], groups: all.groups });
  expect(await ok('alice', 'asset', 'balance', id, '--group', key)).toEqual(all);
  const other = `02${'11'.repeat(32)}`;
  expect(await ok('alice', 'asset', 'balance', '--group', other)).toMatchObject({ assets: [], groups: [] });
  expect(await ok('alice', 'asset', 'list', 'coin', '--group', key)).toMatchObject({ assets: [{ name: 'coin' }] });
  expect(await ok('alice', 'asset', 'list', '--group', other)).toMatchObject({ assets: [] });
  expect(await ok('alice', 'asset', 'groups')).toMatchObject({ groups: [{ group_key: key, ...sums }] });
  expect(await codeOf('alice', 'asset', 'balance', 'nothing')).toEqual(['NOT_FOUND', 3]);
});

test('what is not a backup of this wallet is refused, and no other file is written over', async () => {
  const file = path('first.backup');
  expect(await codeOf('bob', 'backup', 'verify', file)).toEqual(['USAGE', 2]);
  const whole = readFileSync(file);
  const bent = Buffer.from(whole);
  bent[bent.length - 20] = (bent[bent.length - 20] as number) ^ 1;
  writeFileSync(path('bent.backup'), bent);
  writeFileSync(path('short.backup'), whole.subarray(0, -1));
  expect(await codeOf('alice', 'backup', 'verify', path('bent.backup'))).toEqual(['CHECKSUM', 2]);
  expect(await codeOf('alice', 'backup', 'restore', path('short.backup'))).toEqual(['MALFORMED', 2]);
  expect(await codeOf('alice', 'backup', 'restore', path('coin.proof'))).toEqual(['MALFORMED', 2]);
  expect(await codeOf('alice', 'backup', 'export', path('coin.proof'))).toEqual(['USAGE', 2]);
  expect(await codeOf('bob', 'backup', 'export', file)).toEqual(['USAGE', 2]);
});

test('words and a backup bring the assets back, which are spent onward; once more it changes nothing', async () => {
  const proof = await send('alice', 'bob', 300);
  expect(await ok('bob', 'proof', 'import', proof)).toMatchObject({ owned: true });
  await ok('alice', 'backup', 'export', path('second.backup'));
  await again('alice2');
  expect(await amounts('alice2')).toEqual([]);
  expect(await ok('alice2', 'backup', 'restore', path('second.backup'))).toMatchObject({ assets: 1, restorable: true, problems: [] });
  expect(await amounts('alice2')).toEqual(['700']);
  expect(await ok('alice2', 'backup', 'restore', path('second.backup'))).toMatchObject({ assets: 1, restorable: true });
  expect(await amounts('alice2')).toEqual(['700']);
  expect(await ok('alice2', 'asset', 'groups')).toMatchObject({ groups: [{ ours: true }] });
  expect(await ok('bob', 'proof', 'import', await send('alice2', 'bob', 50))).toMatchObject({ owned: true, amount: '50' });
  expect(await ok('alice2', 'asset', 'verify')).toMatchObject({ valid: true });
});

test('an old backup brings nothing back that is spent, finds what arrived since, and uses no key again', async () => {
  // Made before the address got what it asks for, and before all of it was spent.
  const { address } = await ok<{ address: string }>('alice2', 'asset', 'address', 'coin', '20', '--courier', COURIER);
  await ok('alice2', 'backup', 'export', path('old.backup'));
  const later = await ok<{ address: string }>('alice2', 'asset', 'address', 'coin', '21', '--courier', COURIER);
  await ok('bob', 'asset', 'send', address);
  mine();
  await ok('bob', 'proof', 'export', address, '--out', path('arrived.proof'));
  await send('alice2', 'bob', 650);
  await again('alice3');
  const restored = await ok<{ problems: readonly string[] }>('alice3', 'backup', 'restore', path('old.backup'));
  expect(restored).toMatchObject({ assets: 0, restorable: false });
  expect(restored.problems[0]).toMatch(/650 units of coin .* spent since/);
  expect(await amounts('alice3')).toEqual([]);
  expect(await ok('alice3', 'asset', 'transfers')).toMatchObject({ arrivals: [{ assets: [{ amount: '20' }], proved: false }] });
  expect(await ok('alice3', 'proof', 'import', path('arrived.proof'))).toMatchObject({ owned: true, amount: '20' });
  expect(await amounts('alice3')).toEqual(['20']);
  const keyOf = async (text: string) => (await ok<{ script_key: string }>('alice3', 'decode', text)).script_key;
  const fresh = await ok<{ address: string }>('alice3', 'asset', 'address', 'coin', '21', '--courier', COURIER);
  const used = await Promise.all([address, later.address].map(keyOf));
  expect(used).not.toContain(await keyOf(fresh.address));
});
