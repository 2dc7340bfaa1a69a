// Assets as a user meets them: minted, sent, proved by files, received and burnt, each command on its own, and refused with the right code.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { base64 } from '@scure/base';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeAddressFor } from '../../src/bitcoin/address.ts';
import { formatPath } from '../../src/bitcoin/bip32.ts';
import type { RegtestChain } from '../../src/io/regtest/chain.ts';
import { openRegtestInMemory } from '../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../src/io/regtest/server.ts';
import { external, signedElsewhere } from '../unit/asset/signer-elsewhere.ts';
import { ensureBuilt, lnkit, type Run } from './kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-assets-'));
const COURIER = 'universerpc://127.0.0.1:10029';
let server: RegtestServer;
let chain: RegtestChain;
let schemas: ReadonlyMap<string, object>;

const run = (who: string, ...words: readonly string[]): Promise<Run> => {
  const env = { LNKIT_DATADIR: join(folder, who), LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: server.bitcoindUrl };
  return lnkit([...words, '--json'], { env });
};
/** The JSON of a command that must succeed, held to its schema. */
async function ok(who: string, ...words: readonly string[]): Promise<Record<string, never>> {
  const answer = await run(who, ...words);
  if (answer.code !== 0) throw new Error(`${words.join(' ')}: ${answer.stdout}${answer.stderr}`);
  const name = [...schemas.keys()].filter((each) => `${words.join(' ')} `.startsWith(`${each} `)).sort((a, b) => b.length - a.length)[0];
  const fits = new Ajv2020({ strict: false }).compile(schemas.get(name ?? '') as object);
  if (!fits(answer.json())) throw new Error(`${words.join(' ')}: ${answer.stdout} does not fit: ${JSON.stringify(fits.errors)}`);
  return answer.json() as Record<string, never>;
}
async function refused(who: string, ...words: readonly string[]): Promise<readonly [string, number]> {
  const { code, stdout } = await run(who, ...words);
  return [(JSON.parse(stdout) as { error: { code: string } }).error.code, code];
}
const confirmed = async (who: string, name: string): Promise<readonly string[]> => {
  const { assets } = (await ok(who, 'asset', 'list')) as unknown as { assets: readonly { name: string; amount: string; state: string }[] };
  return assets.filter((each) => each.name === name && each.state === 'confirmed').map(({ amount }) => amount);
};
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  await ensureBuilt();
  const regtest = openRegtestInMemory();
  chain = regtest.chain;
  server = await serveRegtest(regtest);
  const commands = (await lnkit(['schema', '--json'])).json()['commands'] as readonly { command: string; output: object }[];
  schemas = new Map(commands.map(({ command, output }) => [command, output]));
  for (const who of ['alice', 'bob']) await ok(who, 'init');
  const { address } = (await ok('alice', 'wallet', 'address')) as unknown as { address: string };
  const decoded = decodeAddressFor(address, 'regtest');
  if (!decoded.ok) throw new Error(decoded.failure.message);
  chain.mine(2, decoded.value.script);
  chain.mine(100, regtest.faucet.script);
});
afterAll(() => server.close());
const mine = (): void => void chain.mine(1, new Uint8Array([0x51]));

test('a batch is added to, costed, cancelled, and minted once', async () => {
  expect(await refused('alice', 'asset', 'mint', 'finalize')).toEqual(['NOT_FOUND', 3]);
  expect(await refused('alice', 'asset', 'mint', '--supply', '5')).toEqual(['USAGE', 2]);
  expect(await refused('alice', 'asset', 'mint', '--name', 'x', '--supply', '5', '--group-key', `02${'11'.repeat(32)}`)).toEqual([
    'NOT_FOUND',
    3,
  ]);
  expect(await ok('alice', 'asset', 'mint', '--name', 'mistake', '--supply', '1')).toMatchObject({
    batch: [{ name: 'mistake' }],
    cost: null,
  });
  expect(await ok('alice', 'asset', 'mint', 'cancel')).toMatchObject({ cancelled: [{ name: 'mistake' }] });
  writeFileSync(path('about.json'), '{"what":"beans"}');
  const beans = [
    'asset',
    'mint',
    '--name',
    'beans',
    '--supply',
    '1000',
    '--grouped',
    '--meta-file',
    path('about.json'),
    '--meta-type',
    'json',
  ];
  const dry = await ok('alice', ...beans, '--dry-run');
  expect([dry['dry_run'], (await ok('alice', 'asset', 'list'))['batch']]).toEqual([true, []]);
  await ok('alice', ...beans);
  await ok('alice', 'asset', 'mint', '--name', 'portrait', '--type', 'collectible');
  const planned = await ok('alice', 'asset', 'mint', 'finalize', '--dry-run');
  const minted = await ok('alice', 'asset', 'mint', 'finalize');
  expect([minted['txid'], minted['cost'], minted['published']]).toEqual([planned['txid'], planned['cost'], true]);
  expect(await refused('alice', 'asset', 'mint', 'finalize')).toEqual(['NOT_FOUND', 3]);
  expect(await refused('alice', 'proof', 'export', 'beans')).toEqual(['POLICY', 6]);
  mine();
  expect(await confirmed('alice', 'beans')).toEqual(['1000']);
  expect(await ok('alice', 'asset', 'groups')).toMatchObject({ groups: [{ ours: true, tranches: [{ name: 'beans' }] }] });
  expect(await ok('alice', 'asset', 'verify')).toMatchObject({ valid: true, assets: [{ valid: true }, { valid: true }] });
});

test('units are sent, proved by a file, taken in, and burnt', async () => {
  expect(await refused('bob', 'asset', 'address', 'beans', '250', '--courier', COURIER)).toEqual(['NOT_FOUND', 3]);
  await ok('alice', 'proof', 'export', 'beans', '--out', path('beans'));
  expect(await ok('bob', 'proof', 'import', path('beans'))).toMatchObject({ owned: false, amount: '1000' });
  expect(await refused('bob', 'asset', 'address', 'beans', '250')).toEqual(['USAGE', 2]);
  const { address } = (await ok('bob', 'asset', 'address', 'beans', '250', '--courier', COURIER)) as unknown as { address: string };
  expect(await refused('alice', 'asset', 'send', address.slice(0, -1))).toEqual(['CHECKSUM', 2]);
  await ok('alice', 'asset', 'send', address, '--dry-run');
  await ok('alice', 'asset', 'send', address);
  mine();
  expect(await ok('bob', 'asset', 'transfers')).toMatchObject({
    arrivals: [{ assets: [{ amount: '250' }], status: 'confirmed', proved: false }],
  });
  await ok('alice', 'proof', 'export', address, '--out', path('for-bob'));
  expect(await ok('bob', 'proof', 'verify', path('for-bob'))).toMatchObject({ valid: true, amount: '250', transitions: 2 });
  expect(await confirmed('bob', 'beans')).toEqual([]);
  expect(await ok('bob', 'proof', 'import', path('for-bob'))).toMatchObject({ owned: true });
  expect([await confirmed('bob', 'beans'), await confirmed('alice', 'beans')]).toEqual([['250'], ['750']]);
  expect(await ok('bob', 'asset', 'transfers')).toMatchObject({
    arrivals: [{ status: 'completed', proved: true }],
    transfers: [{ kind: 'receive' }],
  });
  expect(await refused('bob', 'asset', 'burn', 'beans', '1')).toEqual(['INSUFFICIENT_FUNDS', 6]);
  expect(await refused('alice', 'asset', 'burn', 'beans', '751')).toEqual(['INSUFFICIENT_FUNDS', 6]);
  await ok('alice', 'asset', 'burn', 'beans', '50');
  mine();
  expect(await ok('alice', 'asset', 'balance')).toMatchObject({ groups: [{ confirmed: '700' }] });
});

test('a proof that is cut off, bent or of another chain is refused, and nothing is written over', async () => {
  const whole = readFileSync(path('for-bob'));
  const bent = Buffer.from(whole);
  bent[whole.length - 300] = (bent[whole.length - 300] as number) ^ 1;
  writeFileSync(path('bent'), bent);
  writeFileSync(path('cut'), whole.subarray(0, whole.length - 100));
  expect(await refused('bob', 'proof', 'import', path('bent'))).toEqual(['CHECKSUM', 2]);
  expect(await refused('bob', 'proof', 'import', path('cut'))).toEqual(['MALFORMED', 2]);
  expect(await refused('bob', 'proof', 'import', path('none'))).toEqual(['USAGE', 2]);
  expect(existsSync(path('none'))).toBe(false);
  await run('alice', 'proof', 'export', 'portrait', '--out', path('for-bob'));
  expect(readFileSync(path('for-bob')).equals(whole)).toBe(true);
  const other = openRegtestInMemory();
  other.chain.mine(110, other.faucet.script);
  const elsewhere = await serveRegtest(other);
  const env = { LNKIT_DATADIR: join(folder, 'eve'), LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: elsewhere.bitcoindUrl };
  await lnkit(['init'], { env });
  const answer = await lnkit(['proof', 'verify', path('for-bob'), '--json'], { env });
  await elsewhere.close();
  expect([answer.code, answer.json()]).toMatchObject([6, { error: { code: 'WRONG_NETWORK' } }]);
});

test('a batch is funded, shown, signed for elsewhere, sealed and minted, and every batch is listed with its state', async () => {
  const { xpub, masterFingerprint, path: keyPath } = external(7);
  const key = [
    '--group-xpub',
    xpub,
    '--group-fingerprint',
    masterFingerprint.toString(16).padStart(8, '0'),
    '--group-path',
    formatPath(keyPath),
  ];
  const mint = (name: string, ...more: readonly string[]) => ['asset', 'mint', '--name', name, '--supply', '9', ...more];
  expect(await refused('alice', ...mint('x', ...key))).toEqual(['USAGE', 2]);
  expect(await refused('alice', ...mint('x', '--grouped', '--group-xpub', xpub))).toEqual(['USAGE', 2]);
  expect(await refused('alice', ...mint('x', '--group-tapscript-root', '11'.repeat(32)))).toEqual(['USAGE', 2]);
  expect(await refused('alice', ...mint('x', '--decimal-display', '13'))).toEqual(['USAGE', 2]);
  expect(await refused('alice', ...mint('x', '--meta', 'no', '--meta-type', 'json'))).toEqual(['USAGE', 2]);
  await ok('alice', ...mint('vault', '--grouped', ...key, '--meta', '{}', '--meta-type', 'json', '--decimal-display', '2'));
  expect(await refused('alice', 'asset', 'mint', 'seal')).toEqual(['POLICY', 6]);
  const dry = await ok('alice', 'asset', 'mint', 'fund', '--dry-run');
  const funded = await ok('alice', 'asset', 'mint', 'fund');
  expect(funded['unsealed']).toEqual(dry['unsealed']);
  expect(await ok('alice', 'asset', 'mint', 'show')).toMatchObject({
    batch: { state: 'funded', assets: [{ name: 'vault', decimal_display: 2 }] },
  });
  expect(await refused('alice', 'asset', 'mint', 'finalize')).toEqual(['POLICY', 6]);
  const [{ psbt }] = funded['unsealed'] as unknown as readonly [{ psbt: string }];
  expect(await refused('alice', 'asset', 'mint', 'seal', '--psbt', psbt)).toEqual(['MALFORMED', 2]);
  writeFileSync(path('signed.psbt'), signedElsewhere(base64.decode(psbt), 7));
  expect(await ok('alice', 'asset', 'mint', 'seal', '--psbt', path('signed.psbt'))).toMatchObject({
    batch: { state: 'sealed' },
    unsealed: [],
  });
  const minted = await ok('alice', 'asset', 'mint', 'finalize');
  await ok('alice', ...mint('never'));
  await ok('alice', 'asset', 'mint', 'cancel');
  await ok('alice', ...mint('waiting'));
  const states = (await ok('alice', 'asset', 'mint', 'list')) as unknown as { batches: readonly { state: string; txid: string | null }[] };
  expect(states.batches.map(({ state }) => state)).toEqual(['pending', 'broadcast', 'confirmed', 'cancelled', 'cancelled']);
  expect(await refused('alice', 'asset', 'mint', 'show', 'ffff')).toEqual(['NOT_FOUND', 3]);
  mine();
  expect(await ok('alice', 'asset', 'mint', 'show', minted['txid'] as unknown as string)).toMatchObject({
    batch: { state: 'confirmed', assets: [{ name: 'vault' }] },
  });
  expect(await ok('alice', 'asset', 'groups')).toMatchObject({
    groups: expect.arrayContaining([expect.objectContaining({ version: 1, external: true })]),
  });
  await ok('alice', 'asset', 'mint', 'cancel');
  // A tranche is shown as its group is.
  const { groups } = (await ok('alice', 'asset', 'groups')) as unknown as { groups: readonly { group_key: string; external: boolean }[] };
  const { group_key: vault } = groups.find((each) => each.external) as (typeof groups)[number];
  expect(await ok('alice', ...mint('vault 2', '--group-key', vault))).toMatchObject({ batch: [{ decimal_display: 2, grouped: vault }] });
  expect(await refused('alice', ...mint('vault 3', '--group-key', vault, '--decimal-display', '1'))).toEqual(['USAGE', 2]);
  await ok('alice', 'asset', 'mint', 'cancel');
});
