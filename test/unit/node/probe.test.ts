import { expect, test } from 'vitest';
import { ok } from '../../../src/base/result.ts';
import { blocks, msat, unixTime } from '../../../src/base/units.ts';
import { loadState } from '../../../src/node/persist.ts';
import { bounds, feeLimitOf } from '../../../src/node/probe.ts';
import type { NodeEffect, Probe, ProbeCommand } from '../../../src/node/types.ts';
import { NOTHING_STORED, type TestNode, World } from './kit.ts';

/** Alice, Bob and Carol in a line; Bob can send `middle` to Carol. */
function line(middle = 1_000_000n) {
  const world = new World();
  const [alice, bob, carol] = [world.node('alice'), world.node('bob'), world.node('carol')];
  world.open(alice, bob);
  world.open(bob, carol, { capacity: middle });
  world.paths = [[alice, bob, carol]];
  return { world, alice, bob, carol };
}

function probe(world: World, from: TestNode, to: TestNode, part: Partial<ProbeCommand['probe']> = {}): Probe {
  const answer = from.command({
    kind: 'probe',
    probe: {
      ...{
        destination: to.nodeId,
        goal: 'amount',
        amountMsat: msat(10_000_000),
        feeLimit: { floorMsat: msat(100_000), millionths: 10_000 },
      },
      ...{ maxParts: 4, finalCltvDelta: blocks(18), hints: [], outgoing: [], excludedNodes: [], excludedChannels: [] },
      deadline: unixTime(world.now + 30),
      ...part,
    },
  });
  if (answer?.ok !== true || answer.value.kind !== 'probe') throw new Error('no probe');
  world.settle();
  return from.state.probes.get(answer.value.probe.paymentHash) ?? answer.value.probe;
}

const lessons = (node: TestNode): readonly Extract<NodeEffect, { kind: 'learn' }>[] =>
  node.effects.flatMap((effect) => (effect.kind === 'learn' ? [effect] : []));
const htlcs = (...nodes: readonly TestNode[]): number =>
  nodes.flatMap((node) => node.channels()).reduce((sum, { htlcs: all }) => sum + all.length, 0);

test('a probe arrives where the destination itself refuses it, costs nothing, and leaves no HTLC', () => {
  const { world, alice, bob, carol } = line();
  const before = alice.channels().map(({ localMsat }) => localMsat);
  const done = probe(world, alice, carol);
  expect(done).toMatchObject({ status: 'done', trials: [{ outcome: 'arrived', rounds: 1 }] });
  expect(alice.channels().map(({ localMsat }) => localMsat)).toEqual(before);
  expect(htlcs(alice, bob, carol)).toBe(0);
  // One part for the amount, and one that ended at Bob to tell how long he takes.
  expect(done.parts.map(({ trial, status, route }) => [trial, status, route.hops.length])).toEqual([
    [0, 'arrived', 2],
    [null, 'arrived', 1],
  ]);
  expect(lessons(alice).map(({ outcome }) => outcome.kind)).toEqual(['carried']);
});

test('a probe that a channel of others cannot carry names it, teaches it, and is not told to be reachable', () => {
  const { world, alice, carol } = line(200_000n);
  const done = probe(world, alice, carol, { amountMsat: msat(400_000_000) });
  expect(done.status).toBe('done');
  expect(done.trials[0]?.outcome).not.toBe('arrived');
  expect(done.parts[0]?.failure).toMatchObject({ hop: 0, reason: 'temporary_channel_failure' });
  expect(lessons(alice)[0]?.outcome).toEqual({ kind: 'failed', hop: 1 });
});

test('the largest amount is found by bisection, between the largest that arrived and the least that did not', () => {
  const { world, alice, bob, carol } = line(200_000n);
  const done = probe(world, alice, carol, { goal: 'max', amountMsat: msat(900_000_000) });
  const { low, high } = bounds(done);
  const able = bob.channelWith(carol).sendableMsat;
  expect(done.status).toBe('done');
  expect(low).toBeLessThanOrEqual(able);
  expect(high).toBeGreaterThan(able);
  expect(Number(high - low) / Number(low)).toBeLessThan(0.02);
  expect(htlcs(alice, bob, carol)).toBe(0);
});

test('parts that share a channel are sent together: what each alone could carry says nothing of both', () => {
  const { world, alice, bob, carol } = line(200_000n);
  world.open(alice, bob);
  const plan = alice.fullEnv().plan;
  const able = bob.channelWith(carol).sendableMsat;
  // Two parts over two channels to Bob, and both over the one from Bob to Carol.
  alice.env = {
    plan: (query) => {
      const each = msat(query.amountMsat / 2n);
      if (query.amountMsat < able) return plan({ ...query, lessons: [] });
      const routes = query.firstHops.flatMap((hop) => {
        const planned = plan({ ...query, lessons: [], amountMsat: each, firstHops: [hop] });
        return planned.ok ? planned.value : [];
      });
      return ok(routes);
    },
  };
  const done = probe(world, alice, carol, { goal: 'max', amountMsat: msat(300_000_000) });
  expect(done.status).toBe('done');
  expect(bounds(done).low).toBeLessThanOrEqual(able);
  expect(bounds(done).high).toBeGreaterThan(able);
});

test('at its deadline a probe ends with what it knows, and what comes back later still teaches', () => {
  const { world, alice, carol } = line();
  world.hold = (from) => from === carol;
  const running = probe(world, alice, carol);
  expect(running.status).toBe('running');
  world.tick(31);
  const ended = alice.state.probes.get(running.paymentHash);
  expect(ended).toMatchObject({ status: 'done', trials: [{ outcome: 'timed_out' }], parts: [{ status: 'in_flight' }] });
  world.hold = null;
  world.settle();
  expect(alice.state.probes.get(running.paymentHash)?.parts[0]?.status).toBe('arrived');
  expect(lessons(alice)).toHaveLength(1);
  world.tick(120);
  expect(alice.state.probes.size).toBe(0);
});

test('a restart forgets the probe, and its HTLCs come back to nobody’s harm', () => {
  const { world, alice, bob, carol } = line();
  world.hold = (from) => from === carol;
  probe(world, alice, carol);
  expect(htlcs(alice)).toBe(1);
  const fresh = loadState(NOTHING_STORED, { network: 'regtest', keys: alice.keys, walletKeys: alice.keys.wallet });
  if (!fresh.ok) throw new Error('not loaded');
  // All that a restart brings back is what was stored: of probes there is nothing.
  alice.state = { ...alice.state, probes: fresh.value.probes };
  world.hold = null;
  world.settle();
  expect(htlcs(alice, bob, carol)).toBe(0);
  expect(alice.state.payments.size).toBe(0);
  expect(alice.logs()).not.toContain('bug');
});

test('a probe is no payment: no row is written for it', () => {
  const { world, alice, carol } = line();
  probe(world, alice, carol);
  expect(alice.batches.flatMap(({ rows }) => rows.filter(({ table }) => table === 'payment'))).toEqual([]);
});

test('what our own channel refuses is a failure at once, with nothing sent', () => {
  const { world, alice, carol } = line();
  const plan = alice.fullEnv().plan;
  // A plan made for more than the channel has.
  alice.env = {
    plan: (query) =>
      query.lessons.length > 0
        ? plan({ ...query, firstHops: [] })
        : plan({ ...query, firstHops: query.firstHops.map((hop) => ({ ...hop, sendableMsat: msat(10n ** 12n) })) }),
  };
  const done = probe(world, alice, carol, { amountMsat: msat(2_000_000_000) });
  expect(done).toMatchObject({ status: 'done', parts: [{ status: 'failed', failure: { hop: -1 } }], trials: [{ outcome: 'no_route' }] });
});

test('a probe of ourselves or of a senseless amount is refused', () => {
  const { world, alice, carol } = line();
  expect(() => probe(world, alice, alice)).toThrow();
  expect(() => probe(world, alice, carol, { amountMsat: msat(0) })).toThrow();
  expect(feeLimitOf({ floorMsat: msat(5000), millionths: 10_000 }, 1_000_000n)).toBe(10_000n);
  expect(feeLimitOf({ floorMsat: msat(5000), millionths: 10_000 }, 1000n)).toBe(5000n);
});
