// A courier may answer with histories that are made up: they are verified when they are whole, and until then they cost little.
import { expect, test, vi } from 'vitest';
import { fetchFile } from '../../../../src/app/asset/receipt.ts';
import { type LeafLocator, leafOf } from '../../../../src/asset/courier.ts';
import { readFile } from '../../../../src/asset/proof/file.ts';
import { decodeProof } from '../../../../src/asset/proof/proof.ts';
import { equal } from '../../../../src/base/bytes.ts';
import { ok } from '../../../../src/base/result.ts';
import { equalOutPoint } from '../../../../src/bitcoin/tx.ts';
import type { OpenCourier } from '../../../../src/io/courier/courier.ts';
import type { Holding } from '../../../../src/node/asset/types.ts';
import { longFile, newWorld, valid } from '../../asset/asset-life.ts';
import { AssetChain, seedling } from '../../node/asset-kit.ts';
import { COURIER, FakeServer, Keeper } from './custody-kit.ts';

test('a history that is too large, or too slow to come, is given up while it is fetched', async () => {
  const transitions = valid(readFile(longFile(newWorld(), 12)));
  const leaves = transitions.map((raw) => leafOf(valid(decodeProof(raw)), raw));
  let asked = 0;
  const courier = {
    async find({ outPoint, scriptKey }: LeafLocator) {
      asked += 1;
      const found = leaves.find((leaf) => equalOutPoint(leaf.outPoint, outPoint) && equal(leaf.scriptKey, scriptKey));
      return ok(found?.proof ?? null);
    },
  } as unknown as OpenCourier;
  const newest = leaves.at(-1) as LeafLocator;
  const part = { newest, kinds: ['transfer'] as const, signal: new AbortController().signal };
  expect((await fetchFile(courier, part)).ok).toBe(true);
  asked = 0;
  const most = 3 * (transitions.at(-1)?.length ?? 0);
  expect(await fetchFile(courier, { ...part, mostBytes: most })).toMatchObject({ ok: false, failure: { code: 'TOO_LARGE' } });
  expect(asked).toBeLessThan(6);
  expect(await fetchFile(courier, { ...part, mostMs: -1 })).toMatchObject({ ok: false, failure: { code: 'TIMEOUT' } });
});

test('eight deliveries to a courier that never answers do not keep a ninth from another one', async () => {
  const chain = new AssetChain();
  const server = new FakeServer();
  const [alice, bob] = [new Keeper(chain.node('alice'), server), chain.node('bob')];
  alice.node.fund(6);
  alice.node.told({ kind: 'add_seedling', seedling: seedling('coin', 90n), dryRun: false }, 'asset_batch');
  const { holdings } = alice.node.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
  chain.mine();
  const assetId = holdings[0]?.facts.assetId as Uint8Array;
  bob.receive(alice.node.file(holdings[0] as Holding));
  const addressAt = (courier: string): string => {
    const request = { of: { kind: 'asset', assetId }, amount: 10n, version: 1, assetVersion: 0, courier } as const;
    return bob.told({ kind: 'new_address', request }, 'asset_address').address.text;
  };
  const slow = Array.from({ length: 8 }, () => addressAt('universerpc://10.9.9.9:1'));
  const asked: string[] = [];
  const never = { deliver: () => new Promise(() => void asked.push('deliver')), close() {} } as unknown as OpenCourier;
  alice.couriers.set('10.9.9.9', never);
  expect(typeof alice.node.send(...slow, addressAt(COURIER))).toBe('object');
  alice.custodian.start();
  chain.mine();
  alice.tell();
  await vi.waitFor(() => expect(server.calls).toContain('deliver'), 2_000);
  expect(asked.length).toBe(4);
  await alice.custodian.stop();
});
