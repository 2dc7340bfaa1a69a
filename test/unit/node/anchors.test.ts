import { describe, expect, test } from 'vitest';
import { must } from '../../../src/base/assert.ts';
import { equal, toHex } from '../../../src/base/bytes.ts';
import { feeratePerKw } from '../../../src/base/units.ts';
import { feerateOf } from '../../../src/bitcoin/fees.ts';
import { type Tx, type TxOutput, txId, txWeight } from '../../../src/bitcoin/tx.ts';
import { loadState } from '../../../src/node/persist.ts';
import { balance } from '../../../src/node/wallet/coins.ts';
import { scriptFailure } from '../bitcoin/interpreter.ts';
import { type TestNode, World } from './kit.ts';

/** Alice has left her channel with Bob while fees are `normal` sat/kw. */
function scene(normal: number, push = 200_000_000n) {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const channelId = world.open(alice, bob, { push });
  world.mine();
  world.cut(alice.link(bob));
  fees(alice, normal);
  alice.command({ kind: 'force_close_channel', channelId });
  const commitment = must(
    world.published.find(({ label }) => label === 'commitment'),
    'a commitment',
  ).tx;
  const children = (): readonly Tx[] => world.published.filter(({ label }) => label === 'anchor').map(({ tx }) => tx);
  return { world, alice, bob, channelId, commitment, children };
}

function fees(node: TestNode, normal: number): void {
  const rate = feeratePerKw(normal);
  node.env = { feerates: { background: rate, normal: rate, priority: feeratePerKw(2 * normal), minimum: feeratePerKw(253) } };
}

const sum = (outputs: readonly TxOutput[]): bigint => outputs.reduce((total, { amount }) => total + amount, 0n);

function prevoutsOf(world: World, node: TestNode, child: Tx): readonly TxOutput[] {
  return child.inputs.map(({ prevout }) => {
    const parent = world.published.find(({ tx }) => equal(txId(tx), prevout.txid))?.tx;
    const coin = [...node.state.wallet.coins.values()].find(({ outpoint }) => equal(outpoint.txid, prevout.txid));
    return must(parent?.outputs[prevout.vout] ?? coin?.output, 'a previous output');
  });
}

/** What commitment and child pay together. */
function together(world: World, node: TestNode, commitment: Tx, child: Tx): number {
  const fee = 1_000_000n - sum(commitment.outputs) + sum(prevoutsOf(world, node, child)) - sum(child.outputs);
  return feerateOf(fee as never, txWeight(commitment) + txWeight(child));
}

describe('a commitment of ours that waits', () => {
  test('is lifted by a child to the feerate of the day, once', () => {
    const { world, alice, commitment, children } = scene(5000);
    world.tick();
    world.tick();
    const [child, ...more] = children();
    expect(more).toEqual([]);
    const tx = must(child, 'a child');
    expect(scriptFailure(tx, prevoutsOf(world, alice, tx))).toBeNull();
    expect(toHex(must(tx.inputs[0], 'an input').prevout.txid)).toBe(toHex(txId(commitment)));
    expect(together(world, alice, commitment, tx)).toBeGreaterThanOrEqual(5000);
    expect(together(world, alice, commitment, tx)).toBeLessThan(5200);
    const before = balance(alice.state.wallet, world.height);
    expect(before.unconfirmed).toBe(sum(tx.outputs));
    world.mine();
    expect(balance(alice.state.wallet, world.height).unconfirmed).toBe(0n);
    world.tick();
    expect(children().length).toBe(1);
  });

  test('is lifted again when fees rise, by a replacement that pays for itself', () => {
    const { world, alice, commitment, children } = scene(5000);
    world.tick();
    fees(alice, 5100);
    world.tick();
    fees(alice, 20_000);
    world.tick();
    const [first, second, third, ...more] = children();
    expect(more).toEqual([]);
    const last = must(third ?? second, 'a replacement');
    expect(together(world, alice, commitment, last)).toBeGreaterThanOrEqual(20_000);
    expect(
      last.inputs.some(({ prevout }) =>
        must(first, 'a child')
          .inputs.slice(1)
          .some((old) => equal(old.prevout.txid, prevout.txid)),
      ),
    ).toBe(true);
    expect([...alice.state.wallet.txs.values()].filter(({ label }) => label === 'anchor').length).toBe(1);
  });

  test('is left alone where it pays enough, and where what it brings is worth less than twice the fee', () => {
    const enough = scene(1000);
    enough.world.tick();
    expect(enough.children()).toEqual([]);
    const poor = scene(200_000, 950_000_000n);
    poor.world.tick();
    expect(poor.children()).toEqual([]);
  });

  test('goes on after a restart', () => {
    const { world, alice, children } = scene(5000);
    const rows = alice.batches.flatMap((batch) => batch.rows);
    const channels = rows.filter((row) => row.table === 'channel').slice(-1);
    const meta = new Map(rows.flatMap((row) => (row.table === 'meta' ? [[toHex(row.key), row.blob] as const] : [])));
    expect(channels.length).toBe(1);
    const stored = {
      channels: channels.flatMap((row) => row.blob ?? []),
      extras: [],
      payments: [],
      invoices: [],
      forwards: [],
      peers: [],
      meta,
    };
    const loaded = loadState(stored, { network: 'regtest', keys: alice.keys, walletKeys: alice.keys.wallet });
    if (!loaded.ok) throw new Error(loaded.failure.message);
    alice.state = { ...loaded.value, wallet: alice.state.wallet, cursor: alice.state.cursor };
    world.tick();
    expect(children().length).toBe(1);
  });

  test('whose place the peer’s commitment took: the child is forgotten and its coins are free', () => {
    const { world, alice, bob, channelId, children } = scene(5000);
    const had = balance(alice.state.wallet, world.height).confirmed;
    world.tick();
    expect(children().length).toBe(1);
    world.mempool.splice(0);
    bob.command({ kind: 'force_close_channel', channelId });
    const theirs = must(
      world.published.findLast(({ label }) => label === 'commitment'),
      'Bob’s commitment',
    ).tx;
    world.mine(1, [theirs]);
    world.tick();
    const now = balance(alice.state.wallet, world.height);
    expect(now.confirmed).toBe(had);
    expect([...alice.state.wallet.txs.values()].some(({ label }) => label === 'anchor')).toBe(false);
  });
});
