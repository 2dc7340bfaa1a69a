import { expect, test } from 'vitest';
import { Bug } from '../../../src/base/assert.ts';
import type { BlockHash } from '../../../src/base/ids.ts';
import { height, msat, unixTime } from '../../../src/base/units.ts';
import { view } from '../../../src/bolt/channel/view.ts';
import type { NodeEnv } from '../../../src/node/types.ts';
import { type TestNode, World } from './kit.ts';

/** An environment whose keys fail for one channel: a bug that only this channel meets. */
function brokenFor(node: TestNode, keyIndex: number): Partial<NodeEnv> {
  const { keys } = node;
  return {
    keys: {
      ...keys,
      channelSecrets(index) {
        if (index === keyIndex) throw new Bug('planted');
        return keys.channelSecrets(index);
      },
    },
  };
}

test('a block that one channel cannot bear freezes that channel, and every other one and the wallet take it in', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const [first, second] = [world.open(alice, bob), world.open(alice, bob)];
  const keyIndex = alice.state.channels.get(first)?.durable.params.keyIndex as number;
  // Only what a block does with the funding output being spent needs the keys.
  bob.command({ kind: 'force_close_channel', channelId: first });
  bob.command({ kind: 'force_close_channel', channelId: second });
  world.hold = () => true;
  alice.env = brokenFor(alice, keyIndex);
  world.mine(1);
  const seen = (id: typeof first) => view(alice.state.channels.get(id) as never);
  expect(seen(first).phase).toBe('frozen');
  expect(seen(second).closing?.how).toBe('remote_force');
  expect(alice.state.cursor.at(-1)?.height).toBe(world.height);
});

test('a block that the wallet cannot take in is not passed over: the step throws, and the process ends', () => {
  const world = new World();
  const alice = world.node('alice');
  const { cursor } = alice.state;
  const block = { kind: 'block', height: height(501), hash: new Uint8Array(32) as BlockHash, time: unixTime(world.now) } as const;
  expect(() => alice.step({ ...block, txs: null as never })).toThrow();
  expect(alice.state.cursor).toBe(cursor);
});

/** A payment of Alice to Bob of which a part is on its way, the rest still has to be planned, and planning fails. */
function poisoned(world: World, alice: TestNode, bob: TestNode): void {
  const invoice = world.invoice(bob, { amountMsat: msat(1_000) });
  world.hold = (from) => from === bob;
  alice.command(world.payment(bob, invoice));
  const payment = alice.state.payments.get(invoice.paymentHash);
  if (payment === undefined) throw new Error('it is not pending');
  alice.state = { ...alice.state, payments: alice.state.payments.set(invoice.paymentHash, { ...payment, amountMsat: msat(2_000) }) };
  alice.env = {
    plan: () => {
      throw new Bug('planted');
    },
  };
}

test('a payment that cannot be planned does not keep time from going on for anything else', () => {
  const world = new World();
  const [alice, bob, carol] = [world.node('alice'), world.node('bob'), world.node('carol')];
  world.open(alice, bob);
  alice.command({ kind: 'connect_peer', peer: carol.nodeId, address: { host: 'carol', port: 9735 } });
  alice.step({ kind: 'link_failed', peer: carol.nodeId, why: 'refused' });
  const waiting = world.invoice(alice, { expirySeconds: 1 });
  poisoned(world, alice, bob);
  world.now += 5;
  alice.step({ kind: 'tick' });
  expect(alice.logs()).toContain('planted');
  expect(alice.session(carol)?.kind).toBe('connecting');
  expect(alice.invoiceRow(waiting.paymentHash)).toBe('expired');
});

test('a command that meets a bug is answered, and leaves no trace', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  world.open(alice, bob);
  const before = alice.state;
  alice.env = {
    plan: () => {
      throw new Bug('planted');
    },
  };
  const answer = alice.command(world.payment(bob, world.invoice(bob)));
  expect(answer).toMatchObject({ ok: false, failure: { code: 'INTERNAL', message: 'planted' } });
  expect(alice.state.payments).toBe(before.payments);
  expect(alice.state.channels).toBe(before.channels);
});

test('a payment that meets a bug at a reconnection does not freeze the channel', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const channelId = world.open(alice, bob);
  poisoned(world, alice, bob);
  world.hold = null;
  world.cut(alice.link(bob));
  world.connect(alice, bob);
  expect(view(alice.state.channels.get(channelId) as never).phase).toBe('normal');
  expect(alice.logs()).toContain('planted');
});
