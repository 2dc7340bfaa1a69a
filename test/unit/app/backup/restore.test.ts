// Backups taken at every moment of a life, restored at its end into a wallet of the same words: what is ours now and was in the backup comes back,
// nothing else does, no key is used again, and a crash leaves all of it or nothing.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { writeBackupFile } from '../../../../src/app/backup/file.ts';
import { restoreBackup } from '../../../../src/app/backup/restore.ts';
import { verifyBackup } from '../../../../src/app/backup/verify.ts';
import type { OperationContext } from '../../../../src/app/operation.ts';
import { toHex } from '../../../../src/base/bytes.ts';
import { height, unixTime } from '../../../../src/base/units.ts';
import { blockHash } from '../../../../src/bitcoin/block.ts';
import type { AssetAction } from '../../../../src/node/asset/commands.ts';
import type { History } from '../../../../src/node/asset/history.ts';
import { handedOut } from '../../../../src/node/asset/key-range.ts';
import type { Holding } from '../../../../src/node/asset/types.ts';
import { assetSection } from '../../../../src/node/backup/assets.ts';
import { fingerprintOf, sealBackup } from '../../../../src/node/backup/format.ts';
import type { Batch } from '../../../../src/node/batch.ts';
import type { NodeInput } from '../../../../src/node/types.ts';
import { AssetChain, AssetNode, seedling } from '../../node/asset-kit.ts';
import { chainOf } from '../asset/custody-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-restore-'));
let files = 0;
const historyOf =
  (node: AssetNode): History =>
  (link) =>
    node.history.get(toHex(link)) ?? null;

function backUp(node: AssetNode): string {
  const { state, keys } = node;
  const fingerprint = fingerprintOf(state.nodeId);
  const head = { network: 'regtest', fingerprint, createdAt: unixTime(node.now), height: height(node.chain.blocks.length) } as const;
  const section = assetSection(state, historyOf(node));
  const path = join(folder, `${++files}.backup`);
  const nonce = new Uint8Array(24).fill(files);
  writeBackupFile(path, sealBackup({ head, sections: [section] }, { key: keys.wallet.backupKey(), nonce }), fingerprint);
  return path;
}

/** A wallet of the same words that has followed the chain and knows nothing else. */
function again(name: string, chain: AssetChain): AssetNode {
  const node = new AssetNode(name, chain);
  for (const [i, { header, txs }] of chain.blocks.entries())
    node.step({ kind: 'block', height: height(i + 1), hash: blockHash(header), time: unixTime(header.time), header, txs });
  return node;
}

/** As the operation sees a node. `commits`: what the store was given, in order. */
function contextOf(node: AssetNode, commits: Batch[] = []): OperationContext {
  const runtime = {
    get state() {
      return node.state;
    },
    chain: chainOf(node.chain),
    env: () => node.env(),
    store: {
      commit: async (batch: Batch) => {
        commits.push(batch);
        for (const row of batch.rows) if (row.blob !== null) node.history.set(toHex(row.key), row.blob);
      },
      assetHistory: historyOf(node),
    },
    submit: async (input: NodeInput) => void node.step(input),
    command: async ({ what }: { readonly what: AssetAction }) => {
      const reply = node.ask(what);
      commits.push(node.batches.at(-1) as Batch);
      return typeof reply === 'string' ? { ok: false, failure: { code: reply, message: reply } } : { ok: true, value: reply };
    },
  };
  const context = {
    runtime,
    network: 'regtest',
    datadir: folder,
    progress: () => {},
    emit: () => {},
    signal: new AbortController().signal,
  };
  return context as unknown as OperationContext;
}

interface Moment {
  readonly path: string;
  readonly held: readonly string[];
}
const chain = new AssetChain();
const [alice, bob] = [chain.node('alice'), chain.node('bob')];
const moments: Moment[] = [];
const heldBy = (node: AssetNode): readonly string[] =>
  node
    .free()
    .map(({ key }) => toHex(key))
    .sort();
const moment = (): void => void moments.push({ path: backUp(alice), held: heldBy(alice) });
const fileFor = (node: AssetNode, amount: bigint) => {
  const sent = [...node.assets.holdings.values()].findLast((each) => each.facts.amount === amount && each.scriptKeyIndex === null);
  return node.file(sent as Holding);
};
const MINT = { kind: 'mint_batch', feerate: null, dryRun: false } as const;

beforeAll(() => {
  alice.fund(6);
  bob.fund(3);
  for (const each of [seedling('coin', 1000n), seedling('share', 50n, { group: { kind: 'new' } })])
    alice.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
  const { holdings } = alice.told(MINT, 'asset_anchor');
  const [coin, share] = holdings.map(({ facts }) => facts.assetId) as [Uint8Array, Uint8Array];
  moment();
  chain.mine();
  for (const holding of holdings) bob.receive(alice.file(holding));
  moment();
  alice.send(bob.address(coin, 300n));
  moment();
  chain.mine();
  bob.receive(fileFor(alice, 300n));
  const back = alice.address(coin, 120n);
  moment();
  bob.send(back);
  chain.mine();
  moment();
  alice.receive(fileFor(bob, 120n));
  moment();
  alice.send(bob.address(share, 20n));
  chain.mine();
  moment();
});

test('from a backup of any moment comes back what was ours then and is ours now, proved, and nothing else', async () => {
  const now = heldBy(alice);
  expect(moments.length).toBeGreaterThan(6);
  for (const [i, { path, held }] of moments.entries()) {
    const node = again('alice', chain);
    const told = await restoreBackup(contextOf(node), path);
    const expected = i === 0 ? [] : held.filter((key) => now.includes(key));
    expect(
      heldBy(node).filter((key) => !expected.includes(key) && !now.includes(key)),
      `moment ${i}`,
    ).toEqual([]);
    for (const key of expected) expect(heldBy(node), `moment ${i}`).toContain(key);
    expect(told.assets).toBe(heldBy(node).length);
    for (const holding of node.free()) node.verified(node.file(holding));
    node.restart();
    expect(heldBy(node)).toEqual(heldBy(node).filter((key) => now.includes(key)));
  }
  const whole = again('alice', chain);
  expect(await restoreBackup(contextOf(whole), (moments.at(-1) as Moment).path)).toMatchObject({ restorable: true, problems: [] });
  expect(heldBy(whole)).toEqual(now);
});

test('the keys of the life before are known after a restore, and never handed out again', async () => {
  const used = alice.assets.nextKeyIndex;
  for (const { path } of moments) {
    const node = again('alice', chain);
    await restoreBackup(contextOf(node), path);
    expect(node.assets.nextKeyIndex).toBeGreaterThan(100_000);
    const found = new Set(handedOut(node.assets));
    for (let index = 0; index < used; index++) expect(found.has(index)).toBe(true);
  }
});

test('restored twice is restored once', async () => {
  for (const { path } of moments) {
    const node = again('alice', chain);
    await restoreBackup(contextOf(node), path);
    const { assets } = node.state;
    node.now += 86_400;
    const told = await restoreBackup(contextOf(node), path);
    expect(node.assets.nextKeyIndex).toBe(assets.nextKeyIndex);
    expect([...node.assets.holdings.keys()].map(toHex).sort()).toEqual([...assets.holdings.keys()].map(toHex).sort());
    expect(told.assets).toBe(node.free().length);
  }
});

test('a crash after any commit of a restore leaves all of it or nothing, and the next try ends it', async () => {
  const { path } = moments.at(-1) as Moment;
  const commits: Batch[] = [];
  const whole = again('alice', chain);
  await restoreBackup(contextOf(whole, commits), path);
  expect(commits.length).toBeGreaterThan(1);
  for (let survived = 0; survived < commits.length; survived++) {
    const node = again('alice', chain);
    node.batches.push(...commits.slice(0, survived));
    node.restart();
    expect([node.assets.holdings.size, node.assets.anchors.size]).toEqual([0, 0]);
    await restoreBackup(contextOf(node), path);
    expect(heldBy(node)).toEqual(heldBy(whole));
  }
});

test('a minting that no block has is published again from the backup', async () => {
  const other = new AssetChain();
  const first = other.node('carol');
  first.fund(2);
  first.told({ kind: 'add_seedling', seedling: seedling('late', 5n), dryRun: false }, 'asset_batch');
  const { anchor } = first.told(MINT, 'asset_anchor');
  const path = backUp(first);
  other.mempool = [];
  other.nodes.length = 0;
  const node = again('carol', other);
  other.nodes.push(node);
  expect(await restoreBackup(contextOf(node), path)).toMatchObject({ assets: 1, restorable: true });
  expect(other.mempool.map(({ outputs }) => outputs)).toEqual([anchor.tx.outputs]);
  other.mine();
  expect(node.amounts()).toEqual([5n]);
});

test('a batch that was open is open again, bound to no coins, and its owner is told', async () => {
  const other = new AssetChain();
  const first = other.node('dora');
  first.fund(2);
  first.told({ kind: 'add_seedling', seedling: seedling('waiting', 5n), dryRun: false }, 'asset_batch');
  const path = backUp(first);
  const node = again('dora', other);
  const told = await restoreBackup(contextOf(node), path);
  expect([told.restorable, told.problems.length]).toEqual([true, 1]);
  expect([node.assets.batch?.seedlings.length, node.assets.batch?.funding]).toEqual([1, null]);
});

test('every backup verifies without a chain, and with one says what is still there', async () => {
  const owner = { nodeId: alice.state.nodeId, network: 'regtest', keys: alice.keys.wallet } as const;
  for (const { path } of moments)
    expect(await verifyBackup(path, owner, { chain: null, progress: () => {} })).toMatchObject({ restorable: true, problems: [] });
  const { holdings = [] } = await verifyBackup((moments[1] as Moment).path, owner, { chain: chainOf(chain), progress: () => {} });
  expect(holdings.map(({ unspent }) => unspent)).toEqual([false, false]);
});
