import { expect, test } from 'vitest';
import { assetId } from '../../../src/asset/genesis.ts';
import { isBurn, isTombstone } from '../../../src/asset/keys.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import type { BlockHash } from '../../../src/base/ids.ts';
import { type BlockHeader, blockHash } from '../../../src/bitcoin/block.ts';
import { txId } from '../../../src/bitcoin/tx.ts';
import { holdingState } from '../../../src/node/asset/select.ts';
import type { Anchor, Holding } from '../../../src/node/asset/types.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

const idOf = (holding: Holding): Uint8Array => assetId(holding.proof.asset.genesis);
const MINT = { kind: 'mint_batch', feerate: null, dryRun: false } as const;

function mint(node: AssetNode, ...seedlings: readonly ReturnType<typeof seedling>[]): readonly Holding[] {
  for (const each of seedlings) node.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
  const { holdings } = node.told(MINT, 'asset_anchor');
  node.chain.mine();
  return holdings;
}

/** alice with coins and assets, bob who knows of them. */
function pair(...seedlings: readonly ReturnType<typeof seedling>[]) {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(4);
  const holdings = mint(alice, ...seedlings);
  for (const holding of holdings) expect(bob.receive(alice.file(holding))).toBeNull();
  return { chain, alice, bob, holdings };
}
const fileFor = (sender: AssetNode, amount: bigint): Uint8Array => {
  const found = [...sender.assets.holdings.values()].filter(
    (holding) => holding.proof.asset.amount === amount && holdingState(sender.assets, holding) === 'sent',
  );
  return sender.file(found.at(-1) as Holding);
};

test('a batch with a collectible, a new group and metadata is minted in one transaction, and each asset is proved', () => {
  const chain = new AssetChain();
  const alice = chain.node('alice');
  alice.fund();
  const meta = {
    type: 0,
    data: utf8('about'),
    decimalDisplay: 2,
    universeCommitments: false,
    canonicalUniverses: null,
    delegationKey: null,
    unknown: [],
  };
  const holdings = mint(
    alice,
    seedling('plain', 1000n),
    seedling('grouped', 50n, { group: { kind: 'new' }, meta, assetVersion: 1 }),
    seedling('one', 1n, { type: 1 }),
  );
  expect(new Set(holdings.map((holding) => holding.proof.anchorTx)).size).toBe(1);
  for (const holding of holdings) expect(alice.verified(alice.file(holding)).asset).toEqual(holding.proof.asset);
  expect(alice.amounts()).toEqual([1n, 50n, 1000n]);
  expect(alice.assets.groups.size).toBe(1);
});

test('a further tranche of a group is signed with its key, and verified by who has seen the first', () => {
  const { alice, bob, holdings } = pair(seedling('tranche', 100n, { group: { kind: 'new' } }));
  const groupKey = holdings[0]?.proof.asset.groupKey as Uint8Array;
  const [second] = mint(alice, seedling('tranche two', 11n, { group: { kind: 'existing', groupKey } }));
  expect(second?.proof.asset.groupKey).toEqual(groupKey);
  expect(bob.receive(alice.file(second as Holding))).toBeNull();
  const chain = new AssetChain();
  expect(() => chain.node('stranger').verified(alice.file(second as Holding))).toThrow('NOT_IN_CHAIN');
});

test('what cannot be minted is refused when it is added, and nothing pending is nothing to pay for', () => {
  const chain = new AssetChain();
  const alice = chain.node('alice');
  const add = (each: ReturnType<typeof seedling>) => {
    const reply = alice.ask({ kind: 'add_seedling', seedling: each, dryRun: false });
    return typeof reply === 'string' ? reply : reply.kind;
  };
  expect(alice.ask(MINT)).toBe('NOT_FOUND');
  expect(add(seedling('', 1n))).toBe('USAGE');
  expect(add(seedling('none', 0n))).toBe('USAGE');
  expect(add(seedling('many', 2n ** 64n))).toBe('USAGE');
  expect(add(seedling('two of one', 2n, { type: 1 }))).toBe('USAGE');
  expect(add(seedling('a', 1n, { group: { kind: 'existing', groupKey: new Uint8Array(33) } }))).toBe('NOT_FOUND');
  expect(add(seedling('a', 1n))).toBe('asset_batch');
  expect(add(seedling('a', 2n))).toBe('POLICY');
  expect(alice.ask(MINT)).toBe('INSUFFICIENT_FUNDS');
  expect(alice.assets.batch?.seedlings.length).toBe(1);
  expect(alice.told({ kind: 'cancel_batch' }, 'asset_batch').batch.seedlings.length).toBe(1);
  expect(alice.ask({ kind: 'cancel_batch' })).toBe('NOT_FOUND');
});

test('a dry run changes nothing and tells the cost that the minting then has', () => {
  const chain = new AssetChain();
  const alice = chain.node('alice');
  alice.fund();
  const before = alice.state;
  const planned = alice.told({ kind: 'add_seedling', seedling: seedling('a', 5n), dryRun: true }, 'asset_batch');
  expect([alice.state.assets, alice.state.wallet]).toEqual([before.assets, before.wallet]);
  alice.told({ kind: 'add_seedling', seedling: seedling('a', 5n), dryRun: false }, 'asset_batch');
  const dry = alice.told({ ...MINT, dryRun: true }, 'asset_anchor');
  expect([dry.published, chain.mempool.length, alice.assets.batch?.seedlings.length]).toEqual([false, 0, 1]);
  const real = alice.told(MINT, 'asset_anchor');
  expect([real.published, real.cost, real.anchor.txid]).toEqual([true, planned.cost, dry.anchor.txid]);
});

test('a crash after any commit mints the batch once: the store has it pending, or has its transaction', () => {
  const chain = new AssetChain();
  const alice = chain.node('alice');
  alice.fund(2);
  alice.told({ kind: 'add_seedling', seedling: seedling('a', 5n), dryRun: false }, 'asset_batch');
  alice.restart();
  expect(alice.assets.batch?.seedlings).toEqual([seedling('a', 5n)]);
  const { anchor } = alice.told(MINT, 'asset_anchor');
  chain.mempool = [];
  alice.restart();
  expect([alice.assets.batch, alice.ask(MINT)]).toEqual([null, 'NOT_FOUND']);
  const kept = alice.state.wallet.txs.get(anchor.txid);
  expect([kept?.label, kept?.height]).toEqual(['asset', null]);
  // What the wallet sends again is this very transaction.
  chain.publish(kept?.tx as never);
  const next = alice.assets.nextKeyIndex;
  chain.mine();
  alice.restart();
  expect([alice.amounts(), alice.assets.nextKeyIndex]).toEqual([[5n], next]);
  expect(alice.verified(alice.file(alice.free()[0] as Holding)).asset.amount).toBe(5n);
});

test.each([0, 1] as const)(
  'units go to an address of version %d and the rest comes back; the receiver verifies and sends onward',
  (version) => {
    const { chain, alice, bob, holdings } = pair(seedling('coin', 1000n));
    const id = idOf(holdings[0] as Holding);
    bob.fund(2);
    const text = bob.address(id, 300n, version);
    expect(typeof alice.send(text)).toBe('object');
    expect(alice.free()).toEqual([]);
    expect(alice.send(text)).toBe('INSUFFICIENT_FUNDS');
    chain.mine();
    expect(alice.amounts()).toEqual([700n]);
    expect([...bob.assets.addresses.values()].map(({ arrivals }) => arrivals.length)).toEqual([1]);
    expect(bob.receive(fileFor(alice, 300n))?.proof.asset.amount).toBe(300n);
    expect(bob.amounts()).toEqual([300n]);
    bob.restart();
    const back = alice.address(id, 120n, version);
    expect(typeof bob.send(back)).toBe('object');
    chain.mine();
    alice.receive(fileFor(bob, 120n));
    expect([alice.amounts(), bob.amounts()]).toEqual([[120n, 700n], [180n]]);
    // Two inputs, one of them received: the second is proved by a file within the file.
    expect(typeof alice.send(bob.address(id, 820n, version))).toBe('object');
    chain.mine();
    expect(bob.receive(fileFor(alice, 820n))?.proof.asset.amount).toBe(820n);
    expect([...alice.assets.holdings.values()].some(({ proof }) => isTombstone(proof.asset))).toBe(true);
  },
);

test('one transaction pays several recipients in several assets, and what stood beside them moves along', () => {
  const { chain, alice, bob, holdings } = pair(seedling('a', 10n), seedling('b', 20n), seedling('c', 1n, { type: 1 }));
  const carol = chain.node('carol');
  for (const holding of holdings) carol.receive(alice.file(holding));
  const [a, b] = holdings.map(idOf) as [Uint8Array, Uint8Array];
  expect(typeof alice.send(bob.address(a, 3n), carol.address(a, 4n), carol.address(b, 20n))).toBe('object');
  chain.mine();
  expect(bob.receive(fileFor(alice, 3n))?.proof.asset.amount).toBe(3n);
  carol.receive(fileFor(alice, 4n));
  carol.receive(fileFor(alice, 20n));
  expect([alice.amounts(), carol.amounts()]).toEqual([
    [1n, 3n],
    [4n, 20n],
  ]);
  for (const holding of alice.free()) alice.verified(alice.file(holding));
  const c = alice.free().find((holding) => holding.proof.asset.genesis.type === 1) as Holding;
  expect(typeof alice.send(bob.address(idOf(c), 1n))).toBe('object');
  chain.mine();
  expect(bob.receive(fileFor(alice, 1n))?.proof.asset.genesis.type).toBe(1);
});

test('burnt units are proved burnt, in part and wholly, and are never counted again', () => {
  const { chain, alice, holdings } = pair(seedling('fuel', 10n));
  const id = idOf(holdings[0] as Holding);
  const burn = (amount: bigint) =>
    alice.ask({
      kind: 'transfer',
      request: { kind: 'burn', payouts: [{ kind: 'burn', assetId: id, amount }], commitmentVersion: 2 },
      feerate: null,
      dryRun: false,
    });
  expect(typeof burn(4n)).toBe('object');
  chain.mine();
  expect(alice.amounts()).toEqual([6n]);
  expect(typeof burn(6n)).toBe('object');
  chain.mine();
  expect([alice.amounts(), burn(1n)]).toEqual([[], 'INSUFFICIENT_FUNDS']);
  const burnt = [...alice.assets.holdings.values()].filter(({ proof }) => isBurn(proof.asset));
  expect(burnt.map(({ proof }) => proof.asset.amount).sort()).toEqual([4n, 6n]);
  for (const holding of burnt) alice.verified(alice.file(holding));
});

test('after a reorganisation the proofs show the new blocks, those of what was built on top too', () => {
  const { chain, alice, bob, holdings } = pair(seedling('coin', 9n));
  alice.send(bob.address(idOf(holdings[0] as Holding), 4n));
  chain.mine();
  const before = fileFor(alice, 4n);
  bob.receive(before);
  chain.unmine();
  expect([alice.amounts(), bob.amounts()]).toEqual([[], []]);
  expect(() => fileFor(alice, 4n)).toThrow('no block');
  chain.unmine();
  chain.mine(chain.coinbase());
  chain.mine();
  expect([alice.amounts(), bob.amounts()]).toEqual([[5n], [4n]]);
  expect(() => alice.verified(before)).toThrow('NOT_IN_CHAIN');
  alice.verified(fileFor(alice, 4n));
  alice.restart();
  alice.verified(fileFor(alice, 4n));
});

test('a key index is never handed out twice, whatever is asked for and however often the node restarts', () => {
  const { chain, alice, bob, holdings } = pair(seedling('coin', 9n));
  const id = idOf(holdings[0] as Holding);
  const seen = new Set<number>();
  for (let i = 0; i < 5; i++) {
    alice.address(id, BigInt(i + 1));
    alice.restart();
  }
  for (const { scriptKeyIndex, internalKeyIndex } of alice.assets.addresses.values()) seen.add(scriptKeyIndex).add(internalKeyIndex);
  expect(seen.size).toBe(10);
  alice.send(bob.address(id, 1n));
  chain.mine();
  const used = [...alice.assets.holdings.values()].flatMap(({ scriptKeyIndex }) => (scriptKeyIndex === null ? [] : [scriptKeyIndex]));
  expect(used.filter((index) => seen.has(index))).toEqual([]);
  expect(Math.max(...seen, ...used)).toBeLessThan(alice.assets.nextKeyIndex);
});

test('the wallet does not replace a transaction that assets rely on, and pays for it by a child', () => {
  const { alice, bob, holdings } = pair(seedling('coin', 9n));
  const sent = alice.send(bob.address(idOf(holdings[0] as Holding), 4n));
  if (typeof sent === 'string' || sent.kind !== 'asset_anchor') throw new Error('not sent');
  const bump = (method: 'rbf' | 'cpfp') => {
    const command = { kind: 'bump_fee', txid: sent.anchor.txid, feerate: 5_000 as never, method, dryRun: false } as const;
    return alice.step({ kind: 'command', id: 99 as never, command }).find((effect) => effect.kind === 'reply')?.result;
  };
  expect(bump('rbf')).toMatchObject({ ok: false, failure: { code: 'POLICY' } });
  const child = bump('cpfp');
  expect(child).toMatchObject({ ok: true, value: { published: true } });
  alice.chain.mine();
  expect(alice.amounts()).toEqual([5n]);
  expect(txId(sent.anchor.tx)).toEqual(sent.anchor.txid);
});

test('that a proof has arrived is noted once, and survives a restart', () => {
  const { chain, alice, bob, holdings } = pair(seedling('coin', 9n));
  alice.send(bob.address(idOf(holdings[0] as Holding), 4n));
  chain.mine();
  const anchor = [...alice.assets.anchors.values()].find(({ kind }) => kind === 'send');
  const key = anchor?.deliveries[0]?.key as Uint8Array;
  const txid = anchor?.txid as never;
  expect(anchor?.deliveries[0]?.deliveredAt).toBeNull();
  const block = blockHash((anchor as Anchor).block?.header as BlockHeader);
  const elsewhere = new Uint8Array(32).fill(1) as BlockHash;
  alice.told({ kind: 'delivered', txid, key, block: elsewhere }, 'done');
  expect(alice.assets.anchors.get(txid)?.deliveries[0]?.deliveredAt).toBeNull();
  expect(alice.told({ kind: 'delivered', txid, key, block }, 'done')).toEqual({ kind: 'done' });
  alice.restart();
  expect(alice.assets.anchors.get(txid)?.deliveries[0]?.deliveredAt).toBe(1_700_000_000);
  expect(alice.ask({ kind: 'delivered', txid: new Uint8Array(32) as never, key, block })).toBe('NOT_FOUND');
});

test('assets that one output cannot hold are sent one after the other: their sum passes 64 bits', () => {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(3);
  const minted = [seedling('few', 9n), seedling('most', 2n ** 64n - 1n)].map((each) => {
    alice.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
    const { holdings } = alice.told({ kind: 'mint_batch', feerate: null, dryRun: false }, 'asset_anchor');
    chain.mine();
    return holdings[0] as Holding;
  });
  for (const each of minted) bob.receive(alice.file(each));
  const addresses = minted.map(({ facts }) => bob.address(facts.assetId, 1n));
  expect(alice.send(...addresses)).toBe('POLICY');
  for (const address of addresses) expect(alice.send(address)).toMatchObject({ kind: 'asset_anchor' });
});
