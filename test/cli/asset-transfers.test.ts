// Transfers beyond addresses as a user meets them: to keys, bumped, as packets signed elsewhere, burnt with a note, and swapped for bitcoin.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeAddressFor } from '../../src/bitcoin/address.ts';
import type { RegtestChain } from '../../src/io/regtest/chain.ts';
import { openRegtestInMemory } from '../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../src/io/regtest/server.ts';
import { ensureBuilt, lnkit, type Run } from './kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-transfers-'));
const path = (name: string): string => join(folder, name);
let server: RegtestServer;
let chain: RegtestChain;
let schemas: ReadonlyMap<string, object>;

const run = (who: string, ...words: readonly string[]): Promise<Run> => {
  const env = { LNKIT_DATADIR: join(folder, who), LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: server.bitcoindUrl };
  return lnkit([...words, '--json'], { env });
};
/** The JSON of a command that must succeed, held to its schema. */
async function ok<T = Record<string, never>>(who: string, ...words: readonly string[]): Promise<T> {
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
interface Held {
  readonly amount: string;
  readonly state: string;
  readonly outpoint: string;
  readonly script_key: string;
}
const units = async (who: string, state = 'confirmed'): Promise<readonly string[]> =>
  (await ok<{ assets: readonly Held[] }>(who, 'asset', 'list')).assets
    .filter((each) => each.state === state)
    .map(({ amount }) => amount)
    .sort();
const mine = (): void => void chain.mine(1, new Uint8Array([0x51]));
/** What a receiver by keys is given: the proof of the asset under that key. */
async function prove(from: string, to: string, scriptKey: string): Promise<void> {
  await ok(from, 'proof', 'export', 'beans', '--script-key', scriptKey, '--out', path(`${scriptKey}.proof`));
  expect(await ok(to, 'proof', 'import', path(`${scriptKey}.proof`))).toMatchObject({ owned: true });
}
interface Keys {
  readonly script_key: string;
  readonly internal_key: string;
}

beforeAll(async () => {
  await ensureBuilt();
  const regtest = openRegtestInMemory();
  chain = regtest.chain;
  server = await serveRegtest(regtest);
  const commands = (await lnkit(['schema', '--json'])).json()['commands'] as readonly { command: string; output: object }[];
  schemas = new Map(commands.map(({ command, output }) => [command, output]));
  for (const who of ['alice', 'bob']) {
    await ok(who, 'init');
    const { address } = await ok<{ address: string }>(who, 'wallet', 'address');
    const decoded = decodeAddressFor(address, 'regtest');
    if (!decoded.ok) throw new Error(decoded.failure.message);
    chain.mine(3, decoded.value.script);
  }
  chain.mine(100, regtest.faucet.script);
  await ok('alice', 'asset', 'mint', '--name', 'beans', '--supply', '1000');
  await ok('alice', 'asset', 'mint', 'finalize');
  mine();
  await ok('alice', 'proof', 'export', 'beans', '--out', path('minted'));
  await ok('bob', 'proof', 'import', path('minted'));
});
afterAll(() => server.close());

test('units go to keys without an address; the fee is raised, and the proof is that of the transaction that a block has', async () => {
  const keys = await ok<Keys>('bob', 'asset', 'keys');
  const to = ['--script-key', keys.script_key, '--internal-key', keys.internal_key];
  expect(await refused('alice', 'asset', 'send', '--interactive', 'beans', '40')).toEqual(['USAGE', 2]);
  expect(await refused('alice', 'asset', 'send', '--interactive', 'beans', '4000', ...to)).toEqual(['INSUFFICIENT_FUNDS', 6]);
  const sent = await ok<{ txid: string }>('alice', 'asset', 'send', '--interactive', 'beans', '40', ...to, '--note', 'for the soup');
  expect(await refused('alice', 'asset', 'bump', sent.txid, '--fee-rate', '1')).toEqual(['USAGE', 2]);
  const dry = await ok<{ txid: string }>('alice', 'asset', 'bump', sent.txid, '--fee-rate', '25', '--dry-run');
  const bumped = await ok<{ txid: string; method: string }>('alice', 'asset', 'bump', sent.txid, '--fee-rate', '25');
  expect([bumped.txid, bumped.method]).toEqual([dry.txid, 'rbf']);
  const child = await ok<{ method: string }>('alice', 'asset', 'bump', bumped.txid, '--fee-rate', '60', '--method', 'cpfp');
  expect(child.method).toBe('cpfp');
  mine();
  expect(await ok('alice', 'asset', 'transfers')).toMatchObject({
    transfers: expect.arrayContaining([
      expect.objectContaining({ txid: bumped.txid, state: 'confirmed', note: 'for the soup', replaces: sent.txid }),
      expect.objectContaining({ txid: sent.txid, state: 'replaced' }),
    ]),
  });
  await prove('alice', 'bob', keys.script_key);
  expect([await units('alice'), await units('bob')]).toEqual([['960'], ['40']]);
});

test('a packet is funded, shown, signed and anchored, and what it holds back is listed and let go', async () => {
  const keys = await ok<Keys>('bob', 'asset', 'keys');
  interface Packet {
    readonly psbt: string;
    readonly complete: boolean;
    readonly inputs: readonly {
      readonly outpoint: string;
      readonly sighash: string;
      readonly keys: readonly { readonly path: string }[];
    }[];
  }
  const fund = ['asset', 'psbt', 'fund', 'beans', '10', '--script-key', keys.script_key, '--internal-key', keys.internal_key];
  expect(await refused('alice', ...fund, '--lease', '9999d')).toEqual(['USAGE', 2]);
  const packet = await ok<Packet>('alice', ...fund);
  expect(packet.inputs[0]?.keys[0]?.path).toMatch(/^m\/1017'\/1'\/212'\/0\/\d+$/);
  expect(await ok('alice', 'asset', 'lease', 'list')).toMatchObject({
    leases: [{ outpoint: packet.inputs[0]?.outpoint, purpose: 'packet' }],
  });
  expect(await refused('alice', ...fund)).toEqual(['INSUFFICIENT_FUNDS', 6]);
  expect(await refused('alice', 'asset', 'psbt', 'anchor', packet.psbt)).toEqual(['BAD_SIGNATURE', 2]);
  expect(await refused('alice', 'asset', 'psbt', 'sign', packet.psbt, '--signature', `0:${'11'.repeat(64)}`)).toEqual(['BAD_SIGNATURE', 2]);
  expect(await refused('bob', 'asset', 'psbt', 'sign', packet.psbt)).toEqual(['NOT_FOUND', 3]);
  expect(await refused('alice', 'asset', 'psbt', 'show', 'nothing')).toEqual(['USAGE', 2]);
  const signed = await ok<Packet>('alice', 'asset', 'psbt', 'sign', packet.psbt);
  expect([signed.complete, (await ok<Packet>('alice', 'asset', 'psbt', 'show', signed.psbt)).complete]).toEqual([true, true]);
  expect((await ok<Packet>('alice', 'asset', 'psbt', 'combine', packet.psbt, signed.psbt)).psbt).toBe(signed.psbt);
  await ok('alice', 'asset', 'psbt', 'anchor', signed.psbt, '--dry-run');
  await ok('alice', 'asset', 'psbt', 'anchor', signed.psbt);
  mine();
  await prove('alice', 'bob', keys.script_key);
  expect([await units('alice'), await units('bob')]).toEqual([['950'], ['10', '40']]);
  const other = await ok<Packet>('alice', ...fund);
  const place = other.inputs[0]?.outpoint as string;
  expect(await ok('alice', 'asset', 'lease', 'release', place)).toEqual(expect.objectContaining({ released: place }));
  expect(await refused('alice', 'asset', 'lease', 'release', place)).toEqual(['NOT_FOUND', 3]);
});

test('units are offered for bitcoin, the offer is verified and accepted, and cancelled where nobody has', async () => {
  expect(await refused('alice', 'asset', 'swap', 'offer', 'beans', '100', '70000sat')).toEqual(['POLICY', 6]);
  await ok('alice', 'asset', 'split', 'beans', '100');
  await ok('alice', 'chain', 'status');
  mine();
  expect(await units('alice')).toEqual(['100', '850']);
  await ok('alice', 'asset', 'swap', 'offer', 'beans', '100', '70000sat', '--dry-run');
  const offer = await ok<{ id: string }>('alice', 'asset', 'swap', 'offer', 'beans', '100', '70000sat', '--out', path('offer'));
  expect(await ok('alice', 'asset', 'swap', 'list')).toMatchObject({
    offers: [{ id: offer.id, expired: false, asset: { amount: '100' } }],
  });
  expect(JSON.parse(readFileSync(path('offer'), 'utf8'))).toMatchObject({ amount: '100', price_sat: 70_000 });
  // What cannot be written is not done.
  expect(await refused('alice', 'asset', 'swap', 'offer', 'beans', '850', '70000sat', '--out', path('offer'))).toEqual(['USAGE', 2]);
  expect(await ok('alice', 'asset', 'lease', 'list')).toMatchObject({ leases: [{ id: offer.id }] });
  const accept = ['asset', 'swap', 'accept', path('offer')];
  expect(await refused('bob', ...accept, '--max-price', '69999sat')).toEqual(['OVER_BUDGET', 6]);
  expect(await refused('bob', ...accept, '--amount', '101')).toEqual(['POLICY', 6]);
  const forged = JSON.parse(readFileSync(path('offer'), 'utf8')) as Record<string, string>;
  for (const [name, change, code] of [
    ['proof', `${forged['proof']?.slice(0, -8)}AAAAAAA=`, 'CHECKSUM'],
    ['anchor_psbt', 'cHNidP8=', 'MALFORMED'],
    ['network', 'bitcoin', 'WRONG_NETWORK'],
    ['expires_at', 5 as never, 'EXPIRED'],
    ['price_sat', '7000', 'MALFORMED'],
    ['amount', '1000', 'MALFORMED'],
  ] as const) {
    writeFileSync(path('forged'), JSON.stringify({ ...forged, [name]: change }));
    expect((await refused('bob', 'asset', 'swap', 'accept', path('forged')))[0], name).toBe(code);
  }
  const dry = await ok<{ txid: string }>('bob', ...accept, '--dry-run');
  const bought = await ok<{ txid: string; price_sat: number }>('bob', ...accept, '--max-price', '70000sat');
  expect([bought.txid, bought.price_sat]).toEqual([dry.txid, 70_000]);
  mine();
  expect([await units('alice'), await units('bob')]).toEqual([['850'], ['10', '100', '40']]);
  expect(await ok('bob', 'asset', 'verify')).toMatchObject({ valid: true });
  expect(await refused('bob', ...accept)).toEqual(['POLICY', 6]);

  await ok('alice', 'asset', 'split', 'beans', '50');
  mine();
  const second = await ok<{ id: string }>('alice', 'asset', 'swap', 'offer', 'beans', '50', '1000sat', '--out', path('second'));
  await ok('alice', 'asset', 'swap', 'cancel', second.id.slice(0, 8));
  mine();
  expect(await units('alice')).toEqual(['50', '800']);
  expect(await refused('bob', 'asset', 'swap', 'accept', path('second'))).toEqual(['POLICY', 6]);
  expect(await refused('alice', 'asset', 'swap', 'cancel', second.id)).toEqual(['NOT_FOUND', 3]);
});

test('a burn keeps its note, and the empty outputs of the past pay for a part of it', async () => {
  await ok('alice', 'asset', 'burn', 'beans', '800', '--note', 'eaten');
  mine();
  expect(await ok('alice', 'asset', 'transfers')).toMatchObject({
    transfers: expect.arrayContaining([expect.objectContaining({ kind: 'burn', note: 'eaten' })]),
  });
  // The output with the ashes and the tombstone is spent by the next transfer, and its 1,000 sat come back.
  const { assets } = await ok<{ assets: readonly Held[] }>('alice', 'asset', 'list', '--all');
  const ashes = assets.find(({ state }) => state === 'burnt') as Held;
  const keys = await ok<Keys>('bob', 'asset', 'keys');
  const sent = await ok<{ tx: string }>(
    'alice',
    'asset',
    'send',
    '--interactive',
    'beans',
    '50',
    '--script-key',
    keys.script_key,
    '--internal-key',
    keys.internal_key,
  );
  const id = Buffer.from(ashes.outpoint.slice(0, 64), 'hex').reverse().toString('hex');
  expect(sent.tx).toContain(id);
  mine();
  await prove('alice', 'bob', keys.script_key);
  expect([await units('alice'), await ok('bob', 'asset', 'verify')]).toMatchObject([[], { valid: true }]);
});
