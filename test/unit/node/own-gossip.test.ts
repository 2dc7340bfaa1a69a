import { expect, test } from 'vitest';
import { blocks, msat } from '../../../src/base/units.ts';
import type { Message } from '../../../src/bolt/wire/message.ts';
import { decodeWith, encodeWith } from '../../../src/codec/codec.ts';
import { extrasCodec } from '../../../src/node/codec.ts';
import { type TestNode, World } from './kit.ts';

const updates = (node: TestNode): number => node.sent('channel_update').length;

test('a new channel’s update is told when the peer has told its own, and after a few seconds without one', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  // Alice says nothing of her own by herself: she is like a peer that still takes the channel in.
  world.hold = (from, message) => from === alice && message.name === 'channel_update';
  const channelId = world.open(alice, bob);
  expect([updates(alice), updates(bob)]).toEqual([0, 0]);
  world.tick(2);
  expect(updates(bob)).toBe(0);
  world.tick(1);
  expect([updates(alice), updates(bob)]).toEqual([2, 1]); // Hers once by herself, and once because ours came.
  // Hers arrives: now she can take ours, which is told once more.
  world.hold = null;
  world.settle();
  expect(updates(bob)).toBe(2);
  expect(bob.state.extras.get(channelId)?.remoteUpdate).not.toBe(null);
});

test('a peer that tells its update at once hears ours at once', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const channelId = world.open(alice, bob);
  alice.command({ kind: 'set_policy', channelId, policy: { feeBaseMsat: msat(7) } });
  expect(updates(alice)).toBe(0);
  alice.state = { ...alice.state, untold: alice.state.untold.delete(channelId) };
  alice.command({ kind: 'set_policy', channelId, policy: { feeBaseMsat: msat(8) } });
  world.settle();
  expect([updates(alice), updates(bob)]).toEqual([1 + 1, 1]);
});

test('at a reconnection our update is told again, unchanged', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  world.open(alice, bob);
  world.tick(3);
  const before = bob.sent('channel_update').at(-1);
  world.cut(bob.link(alice));
  world.connect(alice, bob);
  expect(bob.sent('channel_update').at(-1)).toEqual(before);
});

test('an update of the peer that is old or repeated is not taken, and costs no row', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const channelId = world.open(alice, bob);
  world.tick(3);
  const old = alice.sent('channel_update').at(-1) as Message;
  alice.command({ kind: 'set_policy', channelId, policy: { feeBaseMsat: msat(7) } });
  world.settle();
  const known = bob.state.extras.get(channelId)?.remoteUpdate;
  const rows = bob.batches.flatMap((batch) => batch.rows).length;
  for (const message of [old, alice.sent('channel_update').at(-1) as Message])
    bob.step({ kind: 'message', link: bob.link(alice), peer: alice.nodeId, message });
  expect(bob.state.extras.get(channelId)?.remoteUpdate).toBe(known);
  expect(bob.batches.flatMap((batch) => batch.rows)).toHaveLength(rows);
});

test('what everybody knows of an announced channel is told anew each week, also where no connection ever breaks', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const channelId = world.open(alice, bob, { isPublic: true });
  expect(alice.state.extras.get(channelId)?.announcement).not.toBe(null);
  const announced = (): number => alice.effects.filter((effect) => effect.kind === 'announce').length;
  const before = announced();
  world.now += 7 * 24 * 3600;
  alice.step({ kind: 'tick' });
  expect(announced()).toBe(before);
  world.now += 10;
  alice.step({ kind: 'tick' });
  alice.step({ kind: 'tick' });
  expect(announced()).toBe(before + 2);
});

test('a policy that would cost money or cannot be told is refused', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const channelId = world.open(alice, bob);
  const set = (policy: Extract<Parameters<TestNode['command']>[0], { kind: 'set_policy' }>['policy']): boolean | undefined =>
    alice.command({ kind: 'set_policy', channelId, policy })?.ok;
  expect(set({ cltvExpiryDelta: blocks(33) })).toBe(false);
  expect(set({ cltvExpiryDelta: blocks(34) })).toBe(true);
  expect(set({ cltvExpiryDelta: blocks(65_536) })).toBe(false);
  expect(set({ feeBaseMsat: msat(2n ** 32n) })).toBe(false);
  expect(set({ feeProportionalMillionths: 2 ** 32 })).toBe(false);
  expect(set({ htlcMaximumMsat: msat(1_000_000_001n) })).toBe(false);
  expect(set({ htlcMinimumMsat: msat(1_000_000_001n) })).toBe(false);
  expect(set({ htlcMaximumMsat: msat(1_000_000_000n) })).toBe(true);
});

test('an announced channel whose peer stays away is told to be disabled, and enabled when it is back to stay; short breaks tell nothing', () => {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  const channelId = world.open(alice, bob, { isPublic: true });
  const told = (): readonly boolean[] =>
    alice.effects.flatMap((effect) =>
      effect.kind === 'announce' && effect.message.name === 'channel_update' ? [(effect.message.channelFlags & 2) !== 0] : [],
    );
  const before = told().length;
  const wait = (seconds: number): void => {
    world.now += seconds;
    alice.step({ kind: 'tick' });
  };
  world.cut(alice.link(bob));
  for (const seconds of [1, 600, 599]) wait(seconds);
  expect(told()).toHaveLength(before);
  wait(1);
  expect(told().slice(before)).toEqual([true]);
  // It is remembered over a restart: who told must also untell.
  const { extras } = alice.state;
  expect(decodeWith(extrasCodec, encodeWith(extrasCodec, extras.get(channelId) as never))).toMatchObject({
    ok: true,
    value: { toldDisabled: true },
  });
  world.connect(alice, bob);
  for (const seconds of [1, 59]) wait(seconds);
  expect(told().slice(before)).toEqual([true]);
  wait(1);
  expect(told().slice(before)).toEqual([true, false]);
});
