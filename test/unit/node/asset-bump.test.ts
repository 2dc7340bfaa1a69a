import { expect, test } from 'vitest';
import { equal, toHex } from '../../../src/base/bytes.ts';
import type { TxId } from '../../../src/base/ids.ts';
import { feeratePerKw } from '../../../src/base/units.ts';
import { type Tx, txId, txInput } from '../../../src/bitcoin/tx.ts';
import { holdingState } from '../../../src/node/asset/select.ts';
import type { Holding } from '../../../src/node/asset/types.ts';
import type { NodeReply } from '../../../src/node/types.ts';
import { AssetChain, type AssetNode, seedling } from './asset-kit.ts';

const MINT = { kind: 'mint_batch', feerate: null, dryRun: false } as const;

function minted(coins = 4) {
  const chain = new AssetChain();
  const [alice, bob] = [chain.node('alice'), chain.node('bob')];
  alice.fund(coins);
  for (const each of [seedling('coin', 1000n), seedling('rare', 1n, { type: 1 })])
    alice.told({ kind: 'add_seedling', seedling: each, dryRun: false }, 'asset_batch');
  const { holdings } = alice.told(MINT, 'asset_anchor');
  chain.mine();
  for (const holding of holdings) bob.receive(alice.file(holding));
  const id = (holdings[0] as Holding).facts.assetId;
  return { chain, alice, bob, id };
}
function sent(reply: NodeReply | string): Extract<NodeReply, { kind: 'asset_anchor' }> {
  if (typeof reply === 'string' || reply.kind !== 'asset_anchor') throw new Error(typeof reply === 'string' ? reply : reply.kind);
  return reply;
}
const bump = (node: AssetNode, txid: TxId, feerate: number, dryRun = false) =>
  node.ask({ kind: 'bump_anchor', txid, feerate: feeratePerKw(feerate), dryRun });
const units = (node: AssetNode, ...states: readonly string[]): bigint =>
  [...node.assets.holdings.values()]
    .filter((holding) => states.includes(holdingState(node.assets, holding)) && holding.scriptKeyIndex !== null)
    .reduce((sum, { facts }) => sum + facts.amount, 0n);
const isIn = (txs: readonly Tx[], id: TxId): boolean => txs.some((tx) => equal(txId(tx), id));
const fileOfBob = (alice: AssetNode, amount: bigint) =>
  alice.file(
    [...alice.assets.holdings.values()].find(
      (each) => each.facts.amount === amount && holdingState(alice.assets, each) === 'sent',
    ) as Holding,
  );

test.each(['old', 'new'] as const)(
  'a transfer with a higher fee: whichever a block has is the right one (%s), and its proofs hold',
  (which) => {
    const { chain, alice, bob, id } = minted();
    const first = sent(alice.send(bob.address(id, 300n)));
    const dry = sent(bump(alice, first.anchor.txid, 4000, true));
    expect(alice.assets.anchors.size).toBe(2);
    const second = sent(bump(alice, first.anchor.txid, 4000));
    expect([second.anchor.txid, second.anchor.replaces]).toEqual([dry.anchor.txid, first.anchor.txid]);
    expect(second.cost.feeSat).toBeGreaterThan(3n * first.cost.feeSat);
    // The same assets in the same outputs, and nobody has two of them.
    const scripts = (tx: Tx) => tx.outputs.slice(0, 2).map(({ script }) => toHex(script));
    expect(scripts(second.anchor.tx)).toEqual(scripts(first.anchor.tx));
    expect([units(alice, 'pending'), units(alice, 'confirmed'), units(alice, 'leased')]).toEqual([701n, 0n, 1001n]);
    expect(second.anchor.deliveries[0]?.key).not.toEqual(first.anchor.deliveries[0]?.key);
    alice.restart();
    chain.mempool = [];
    chain.mine(which === 'old' ? first.anchor.tx : second.anchor.tx);
    const right = which === 'old' ? first : second;
    expect([units(alice, 'confirmed'), units(alice, 'leased', 'pending')]).toEqual([701n, 0n]);
    for (const holding of alice.free()) {
      expect(holding.facts.outPoint.txid).toEqual(right.anchor.txid);
      alice.verified(alice.file(holding));
    }
    const key = right.anchor.deliveries[0]?.key as Uint8Array;
    expect(bob.receive(alice.file(alice.assets.holdings.get(key) as Holding))?.facts.amount).toBe(300n);
    expect(bump(alice, first.anchor.txid, 9000)).toBe(which === 'old' ? 'USAGE' : 'POLICY');
    alice.restart();
    expect(units(alice, 'confirmed')).toBe(701n);
  },
);

test('a minting is bumped with the same assets: its first input stays', () => {
  const chain = new AssetChain();
  const alice = chain.node('alice');
  alice.fund(3);
  alice.told({ kind: 'add_seedling', seedling: seedling('coin', 5n, { group: { kind: 'new' } }), dryRun: false }, 'asset_batch');
  const first = alice.told(MINT, 'asset_anchor');
  const second = sent(bump(alice, first.anchor.txid, 9000));
  expect(second.holdings[0]?.facts.assetId).toEqual(first.holdings[0]?.facts.assetId);
  chain.mempool = [];
  chain.mine(second.anchor.tx);
  expect(alice.amounts()).toEqual([5n]);
  alice.verified(alice.file(alice.free()[0] as Holding));
});

test('where the change does not pay for the fee more coins join behind, and the next bump goes on from there', () => {
  const { chain, alice, bob, id } = minted(6);
  const first = sent(alice.send(bob.address(id, 1000n)));
  const second = sent(bump(alice, first.anchor.txid, 60_000));
  expect(second.anchor.tx.inputs.length).toBeGreaterThan(first.anchor.tx.inputs.length);
  const third = sent(bump(alice, second.anchor.txid, 90_000));
  chain.mempool = [];
  chain.mine(third.anchor.tx);
  expect(bob.receive(fileOfBob(alice, 1000n))?.facts.amount).toBe(1000n);
  expect(bump(alice, first.anchor.txid, 100_000)).toBe('POLICY');
});

test('no gain, others transactions and what is confirmed are refused', () => {
  const { chain, alice, bob, id } = minted();
  const first = sent(alice.send(bob.address(id, 300n)));
  expect(bump(alice, first.anchor.txid, 900)).toBe('USAGE');
  expect(bump(alice, new Uint8Array(32) as TxId, 5000)).toBe('NOT_FOUND');
  chain.mine();
  expect(bump(alice, first.anchor.txid, 5000)).toBe('USAGE');
  const received = bob.receive(fileOfBob(alice, 300n)) as Holding;
  expect(bump(bob, received.facts.outPoint.txid, 5000)).toBe('POLICY');
});

test('a reorganisation after a bump: the old one, back in a block, is right again', () => {
  const { chain, alice, bob, id } = minted();
  const first = sent(alice.send(bob.address(id, 300n)));
  const second = sent(bump(alice, first.anchor.txid, 4000));
  chain.mempool = [];
  chain.mine(second.anchor.tx);
  expect(units(alice, 'confirmed')).toBe(701n);
  chain.unmine();
  chain.mempool = [];
  expect([units(alice, 'confirmed'), units(alice, 'pending')]).toEqual([0n, 701n]);
  chain.mine(first.anchor.tx);
  expect(units(alice, 'confirmed')).toBe(701n);
  for (const holding of alice.free()) alice.verified(alice.file(holding));
});

test('a coin that another transaction has taken frees the assets; a reorganisation makes them pending again', () => {
  const { chain, alice, bob, id } = minted();
  const first = sent(alice.send(bob.address(id, 300n)));
  const coin = first.anchor.tx.inputs.at(-1) as Tx['inputs'][number];
  // As if the same seed had spent the coin elsewhere.
  const thief: Tx = {
    version: 2,
    inputs: [txInput(coin.prevout, 0)],
    outputs: [{ amount: 900n as never, script: Uint8Array.of(0x51) }],
    locktime: 0,
  };
  chain.mempool = [];
  chain.mine(thief);
  expect([units(alice, 'confirmed'), units(alice, 'leased', 'pending')]).toEqual([1001n, 0n]);
  alice.restart();
  expect(units(alice, 'confirmed')).toBe(1001n);
  const again = sent(alice.send(bob.address(id, 300n)));
  chain.unmine();
  chain.mempool = [];
  chain.mine(again.anchor.tx);
  expect(units(alice, 'confirmed')).toBe(701n);
  for (const holding of alice.free()) alice.verified(alice.file(holding));
});

test('what lost to a transaction that is deep in the chain is forgotten', () => {
  const { chain, alice, bob, id } = minted();
  const first = sent(alice.send(bob.address(id, 300n)));
  const second = sent(bump(alice, first.anchor.txid, 4000));
  chain.mempool = [];
  chain.mine(second.anchor.tx);
  expect(alice.assets.anchors.has(first.anchor.txid)).toBe(true);
  for (let i = 0; i < 288; i++) chain.mine();
  expect(alice.assets.anchors.has(first.anchor.txid)).toBe(false);
  expect([...alice.assets.holdings.values()].some(({ facts }) => equal(facts.outPoint.txid, first.anchor.txid))).toBe(false);
  alice.restart();
  expect(units(alice, 'confirmed')).toBe(701n);
  expect(isIn([second.anchor.tx], second.anchor.txid)).toBe(true);
});
