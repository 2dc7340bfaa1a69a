import { expect, test } from 'vitest';
import { msat, sat } from '../../src/base/units.ts';
import { view } from '../../src/bolt/channel/view.ts';
import type { NodeFailure } from '../../src/node/types.ts';
import { pump } from './ending.ts';
import type { SimNode } from './node.ts';
import { Rng } from './random.ts';
import { World } from './world.ts';

// What seeds have found, each as the shortest course of events that shows it.

function pair(): { readonly world: World; readonly a: SimNode; readonly b: SimNode } {
  const world = new World({ rng: new Rng(1), nodes: 2, without: new Set(), interpreted: false, planted: null, trace: () => {} });
  world.faulty = false;
  const [a, b] = world.nodes as [SimNode, SimNode];
  a.command({ kind: 'connect_peer', peer: b.nodeId, address: b.address });
  pump(world, () => {});
  return { world, a, b };
}

function open(a: SimNode, b: SimNode): void {
  a.command({
    kind: 'open_channel',
    peer: b.nodeId,
    capacity: sat(500_000),
    pushMsat: msat(0),
    isPublic: true,
    zeroConf: false,
    feerate: null,
    closeTo: null,
  });
}

const phasesOf = (node: SimNode): readonly string[] => [...node.live.channels.values()].map((channel) => view(channel).phase);

test('funding_signed finds the channel that its funder still keeps under the temporary id', () => {
  const { world, a, b } = pair();
  open(a, b);
  pump(world, () => {});
  expect([phasesOf(a), phasesOf(b)]).toEqual([['awaiting_confirmation'], ['awaiting_confirmation']]);
});

test('a channel that is being opened has no policy to set, so that none is left under its temporary id', () => {
  const { world, a, b } = pair();
  open(a, b);
  world.turn(a, 1, null);
  const [channelId] = [...a.live.channels.keys()];
  const refused: NodeFailure[] = [];
  a.command({ kind: 'set_policy', channelId: channelId as never, policy: { feeBaseMsat: msat(5) } }, (reply) => {
    if (!reply.ok) refused.push(reply.failure);
  });
  pump(world, () => {});
  expect(refused.map(({ code }) => code)).toEqual(['POLICY']);
  expect(a.live.extras.size).toBe(a.live.channels.size);
});

test('a node that missed the end of a cooperative close does not publish its commitment', () => {
  const { world, a, b } = pair();
  open(a, b);
  pump(world, () => {});
  for (let i = 0; i < 6; i++) world.mine();
  pump(world, () => {});
  const [channelId] = [...a.live.channels.keys()] as [never];
  a.command({ kind: 'close_channel', channelId, script: null, feerate: null });
  // Until B has the closing transaction and A has not heard of it.
  for (let i = 0; i < 60 && view(b.live.channels.get(channelId) as never).closing === null; i++) {
    const busy = world.nodes.find((node) => node.inbox.length > 0);
    if (busy !== undefined) world.turn(busy, 1, null);
    else world.network.deliver(world.network.waiting()[0] as never);
  }
  expect(view(a.live.channels.get(channelId) as never).closing).toBeNull();
  world.kill(a);
  world.mine();
  // B sees it in the chain, A comes back and hears of B before it hears of the chain.
  world.feedBlocks(b, 10);
  world.turn(b, 10, null);
  world.start(a);
  a.inbox.push({ kind: 'tick' });
  for (let i = 0; i < 60; i++) {
    const busy = world.nodes.find((node) => node.inbox.length > 0);
    if (busy !== undefined) world.turn(busy, 1, null);
    else if (world.network.waiting().length > 0) world.network.deliver(world.network.waiting()[0] as never);
    else if (world.network.dials.length > 0) world.dial(() => true);
  }
  expect(world.counts.get('sent channel_reestablish')).toBeGreaterThan(0);
  expect(world.counts.get('published commitment')).toBeUndefined();
});
