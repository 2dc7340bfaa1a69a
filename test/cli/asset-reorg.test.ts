// A reorganisation as owners of assets meet it: balances go and come back, proofs show the blocks that the transactions are in now, and what was
// spent otherwise is gone.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeAddressFor } from '../../src/bitcoin/address.ts';
import type { RegtestChain } from '../../src/io/regtest/chain.ts';
import { openRegtestInMemory } from '../../src/io/regtest/file.ts';
import { type RegtestServer, serveRegtest } from '../../src/io/regtest/server.ts';
import { ensureBuilt, lnkit } from './kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-reorg-'));
const COURIER = 'universerpc://127.0.0.1:10029';
const NOBODY = new Uint8Array([0x51]);
let server: RegtestServer;
let chain: RegtestChain;

async function run(who: string, ...args: readonly string[]) {
  const env = { LNKIT_DATADIR: join(folder, who), LNKIT_NETWORK: 'regtest', LNKIT_CHAIN: server.bitcoindUrl };
  return await lnkit([...args, '--json'], { env });
}
async function ok<T = Record<string, never>>(who: string, ...args: readonly string[]): Promise<T> {
  const answer = await run(who, ...args);
  if (answer.code !== 0) throw new Error(`${who} ${args.join(' ')}: ${answer.stdout}${answer.stderr}`);
  return answer.json() as T;
}
const balance = async (who: string): Promise<readonly string[]> =>
  (await ok<{ assets: readonly { confirmed: string; pending: string }[] }>(who, 'asset', 'balance')).assets.map(
    ({ confirmed, pending }) => `${confirmed}+${pending}`,
  );
const path = (name: string): string => join(folder, name);
const mine = (): void => void chain.mine(1, NOBODY);
/** Takes the newest blocks off; their transactions wait again. */
const unmine = (blocks: number): void => {
  for (let i = 0; i < blocks; i++) chain.invalidate(chain.tip.hash);
};
/** Up to the height that transactions were made at, below which no mempool takes them; then their makers send them again, parents first. */
async function again(blocks: number): Promise<void> {
  chain.mine(blocks, NOBODY);
  for (const who of ['alice', 'bob', 'alice']) {
    await balance(who);
    mine();
  }
}

beforeAll(async () => {
  await ensureBuilt();
  const regtest = openRegtestInMemory();
  chain = regtest.chain;
  server = await serveRegtest(regtest);
  for (const who of ['alice', 'bob']) {
    await ok(who, 'init');
    const { address } = await ok<{ address: string }>(who, 'wallet', 'address');
    const decoded = decodeAddressFor(address, 'regtest');
    if (!decoded.ok) throw new Error(decoded.failure.message);
    chain.mine(2, decoded.value.script);
  }
  chain.mine(100, regtest.faucet.script);
});
afterAll(() => server.close());

test('an asset that came with its history is proved anew when all of it moves to other blocks, and is sent on', async () => {
  await ok('alice', 'asset', 'mint', '--name', 'coin', '--supply', '1000');
  await ok('alice', 'asset', 'mint', 'finalize');
  mine();
  await ok('alice', 'proof', 'export', 'coin', '--out', path('minted.proof'));
  await ok('bob', 'proof', 'import', path('minted.proof'));
  const { address } = await ok<{ address: string }>('bob', 'asset', 'address', 'coin', '300', '--courier', COURIER);
  await ok('alice', 'asset', 'send', address);
  mine();
  await ok('alice', 'proof', 'export', address, '--out', path('sent.proof'));
  expect(await ok('bob', 'proof', 'import', path('sent.proof'))).toMatchObject({ owned: true, transitions: 2 });
  unmine(2);
  // A block of nobody's, so that everything stands elsewhere; both transactions then share one.
  chain.mine(1, NOBODY, chain.tip);
  expect([await balance('alice'), await balance('bob')]).toEqual([['0+700'], ['0+300']]);
  mine();
  mine();
  expect([await balance('alice'), await balance('bob')]).toEqual([['700+0'], ['300+0']]);
  expect(await run('alice', 'proof', 'verify', path('sent.proof'))).toMatchObject({ code: 6 });
  expect(await ok('bob', 'asset', 'verify')).toMatchObject({ valid: true });
  await ok('bob', 'proof', 'export', 'coin', '--out', path('moved.proof'));
  expect(await ok('alice', 'proof', 'verify', path('moved.proof'))).toMatchObject({ valid: true, transitions: 2 });
  const back = await ok<{ address: string }>('alice', 'asset', 'address', 'coin', '120', '--courier', COURIER);
  await ok('bob', 'asset', 'send', back.address);
  mine();
  await ok('bob', 'proof', 'export', back.address, '--out', path('back.proof'));
  expect(await ok('alice', 'proof', 'import', path('back.proof'))).toMatchObject({ owned: true, amount: '120', transitions: 3 });
});

test('an asset that was put together from two inputs is proved anew with the history of both', async () => {
  await ok('alice', 'asset', 'mint', '--name', 'parts', '--supply', '100');
  await ok('alice', 'asset', 'mint', 'finalize');
  mine();
  await ok('alice', 'proof', 'export', 'parts', '--out', path('parts.proof'));
  await ok('bob', 'proof', 'import', path('parts.proof'));
  for (const amount of ['30', '20']) {
    const { address } = await ok<{ address: string }>('bob', 'asset', 'address', 'parts', amount, '--courier', COURIER);
    await ok('alice', 'asset', 'send', address);
    mine();
    await ok('alice', 'proof', 'export', address, '--out', path(`${amount}.proof`));
    await ok('bob', 'proof', 'import', path(`${amount}.proof`));
  }
  const { address } = await ok<{ address: string }>('alice', 'asset', 'address', 'parts', '50', '--courier', COURIER);
  await ok('bob', 'asset', 'send', address);
  mine();
  await ok('bob', 'proof', 'export', address, '--out', path('merged.proof'));
  expect(await ok('alice', 'proof', 'import', path('merged.proof'))).toMatchObject({ owned: true, amount: '50' });
  unmine(4);
  chain.mine(1, NOBODY, chain.tip);
  await again(4);
  expect(await run('bob', 'proof', 'verify', path('merged.proof'))).toMatchObject({ code: 6 });
  expect(await ok('alice', 'asset', 'verify', 'parts')).toMatchObject({ valid: true });
  // What comes of it carries both histories within one transition.
  const back = await ok<{ address: string }>('bob', 'asset', 'address', 'parts', '50', '--courier', COURIER);
  await ok('alice', 'asset', 'send', back.address);
  mine();
  await ok('alice', 'proof', 'export', back.address, '--out', path('nested.proof'));
  expect(await ok('bob', 'proof', 'import', path('nested.proof'))).toMatchObject({ owned: true, amount: '50' });
  unmine(2);
  chain.mine(1, NOBODY, chain.tip);
  await again(2);
  expect(await ok('bob', 'asset', 'verify', 'parts')).toMatchObject({ valid: true });
});
