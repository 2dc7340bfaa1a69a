import { expect, test } from 'vitest';
import { equal, utf8 } from '../../../src/base/bytes.ts';
import type { PaymentHash, Preimage } from '../../../src/base/ids.ts';
import { ok } from '../../../src/base/result.ts';
import { blocks, msat, unixTime } from '../../../src/base/units.ts';
import { sha256 } from '../../../src/crypto/hash.ts';
import type { PayCommand, Planner, RouteQuery } from '../../../src/node/types.ts';
import { type TestNode, World } from './kit.ts';

function scene(channels = 1) {
  const world = new World();
  const [alice, bob] = [world.node('alice'), world.node('bob')];
  for (let i = 0; i < channels; i++) world.open(alice, bob);
  return { world, alice, bob };
}

const adds = (node: TestNode): number => node.sent('update_add_htlc').length;
const paid = (node: TestNode): bigint => node.channels().reduce((sum, seen) => sum + seen.localMsat, 0n);

test('the same payment asked for twice, at once or later while it runs, is sent once', () => {
  const { world, alice, bob } = scene();
  const command = world.payment(bob, world.invoice(bob));
  alice.step({ kind: 'command', id: 501 as never, command }, { kind: 'command', id: 502 as never, command });
  expect(alice.command(command)).toMatchObject({ ok: true, value: { payment: { status: 'pending' } } });
  world.settle();
  expect([adds(alice), paid(bob)]).toEqual([1, 100_000n]);
});

test('two spontaneous payments with one key, begun before either is stored, are one', () => {
  const { world, alice, bob } = scene();
  const gift = (tag: string, key: string | null): PayCommand => {
    const preimage = sha256(utf8(tag)) as Preimage;
    const change = { paymentHash: sha256(preimage) as PaymentHash, keysendPreimage: preimage, paymentSecret: null, key, multipart: false };
    return world.payment(bob, world.invoice(bob), { ...change, amountMsat: msat(5_000), finalCltvDelta: blocks(18) });
  };
  const [first, second, other] = [gift('a', 'birthday'), gift('b', 'birthday'), gift('c', null)];
  const commands = [first, second, other].map((command, i) => ({ kind: 'command', id: (600 + i) as never, command }) as const);
  alice.step(...commands);
  expect(alice.replies.get(601 as never)).toMatchObject({ ok: true, value: { payment: { paymentHash: first.payment.paymentHash } } });
  world.settle();
  expect([adds(alice), paid(bob)]).toEqual([2, 10_000n]);
});

test('it is failed only when nothing is in flight any more, and pending until then', () => {
  const { world, alice, bob } = scene(2);
  const invoice = world.invoice(bob, { amountMsat: msat(1_200_000_000) });
  bob.command({ kind: 'cancel_invoice', paymentHash: invoice.paymentHash });
  let held = 0;
  // The removal of one of the two parts does not arrive.
  world.hold = (from, message) =>
    from === bob && message.name === 'update_fail_htlc' && (held === 0 || message.channelId === bob.channels()[0]?.channelId) && ++held > 0;
  alice.command(world.payment(bob, invoice));
  world.settle();
  expect(adds(alice)).toBe(2);
  expect(alice.paymentRow(invoice.paymentHash)).toBe('pending');
  world.tick(600);
  expect(alice.paymentRow(invoice.paymentHash)).toBe('pending');
  expect(adds(alice)).toBe(2);
});

test('a part that fails is planned anew with what it taught, while the others stay in flight', () => {
  const world = new World();
  const [alice, bob, dora, erin, carol] = [
    world.node('alice'),
    world.node('bob'),
    world.node('dora'),
    world.node('erin'),
    world.node('carol'),
  ];
  for (const between of [bob, dora, erin]) {
    world.open(alice, between);
    world.open(between, carol, between === dora ? { capacity: 200_000n } : {});
  }
  world.paths = [bob, dora, erin].map((between) => [alice, between, carol]);
  const plan = alice.fullEnv().plan;
  const queries: RouteQuery[] = [];
  const over = (query: RouteQuery, between: TestNode, amountMsat: bigint) => {
    const firstHops = query.firstHops.filter(({ peer }) => equal(peer, between.nodeId));
    const planned = plan({ ...query, lessons: [], firstHops, amountMsat: msat(amountMsat) });
    return planned.ok ? planned.value : [];
  };
  alice.env = {
    plan: (query) => {
      queries.push(query);
      if (queries.length > 1) return ok(over(query, erin, query.amountMsat));
      return ok([...over(query, bob, 150_000_000n), ...over(query, dora, 250_000_000n)]);
    },
  };
  const invoice = world.invoice(carol, { amountMsat: msat(400_000_000) });
  alice.command(world.payment(carol, invoice));
  world.settle();
  expect(queries).toHaveLength(2);
  const scid = dora.channelWith(carol).localAlias;
  expect(queries[1]).toMatchObject({ amountMsat: 250_000_000n, lessons: [{ scid, to: carol.nodeId, failsFromMsat: 250_000_000n }] });
  expect(queries[1]?.inFlight.map(({ to, amountMsat }) => [to, amountMsat]).at(-1)).toEqual([carol.nodeId, 150_000_000n]);
  expect(adds(alice)).toBe(3);
  expect([alice.paymentRow(invoice.paymentHash), paid(carol)]).toEqual(['settled', 400_000_000n]);
});

test('what the destination refuses is failed at once, and can be tried anew', () => {
  const { world, alice, bob } = scene();
  const invoice = world.invoice(bob);
  const command = world.payment(bob, invoice, { paymentSecret: new Uint8Array(32) });
  alice.command(command);
  world.settle();
  expect([alice.paymentRow(invoice.paymentHash), adds(alice)]).toEqual(['failed', 1]);
  alice.command(world.payment(bob, invoice));
  world.settle();
  expect([alice.paymentRow(invoice.paymentHash), paid(bob)]).toEqual(['settled', 100_000n]);
});

test('a payment that a disconnection met is neither failed nor sent again, and settles when the peer is back', () => {
  const { world, alice, bob } = scene();
  const invoice = world.invoice(bob);
  world.hold = (from) => from === bob;
  alice.command(world.payment(bob, invoice));
  world.settle();
  world.cut(alice.link(bob));
  world.tick(600);
  expect(alice.paymentRow(invoice.paymentHash)).toBe('pending');
  world.hold = null;
  alice.restart();
  expect(alice.command(world.payment(bob, invoice))).toMatchObject({ ok: true, value: { payment: { status: 'pending' } } });
  world.connect(alice, bob);
  expect([alice.paymentRow(invoice.paymentHash), paid(bob)]).toEqual(['settled', 100_000n]);
});

test('no new part is sent after the time given', () => {
  const { world, alice, bob } = scene();
  const invoice = world.invoice(bob, { amountMsat: msat(2_000) });
  world.hold = (from) => from === bob;
  alice.command(world.payment(bob, invoice, { retryUntil: unixTime(world.now + 30) }));
  world.settle();
  bob.command({ kind: 'cancel_invoice', paymentHash: invoice.paymentHash });
  world.now += 31;
  world.hold = null;
  world.settle();
  expect([alice.paymentRow(invoice.paymentHash), adds(alice)]).toEqual(['failed', 1]);
});

test('what does not fit the store is refused at the door, or cut to what is of use', () => {
  const { world, alice, bob } = scene();
  const invoice = world.invoice(bob);
  const code = (change: Partial<PayCommand['payment']>): string => {
    const answer = alice.command(world.payment(bob, invoice, change));
    return answer?.ok === false ? answer.failure.code : 'taken';
  };
  expect(code({ amountMsat: msat(0) })).toBe('USAGE');
  expect(code({ amountMsat: msat(2n ** 63n) })).toBe('USAGE');
  expect(code({ finalCltvDelta: blocks(2_017) })).toBe('POLICY');
  expect(code({ excludedChannels: Array.from({ length: 256 }, () => 1n as never) })).toBe('USAGE');
  expect(code({ destination: alice.nodeId })).toBe('POLICY');
  expect([adds(alice), alice.state.payments.size]).toEqual([0, 0]);
  const hop = { nodeId: bob.nodeId, scid: 1n as never, feeBaseMsat: 0, feeProportionalMillionths: 0, cltvExpiryDelta: 0 };
  const many = {
    maxParts: 100_000,
    maxFeeMsat: msat(2n ** 64n),
    retryUntil: unixTime(2 ** 33),
    hints: Array.from({ length: 300 }, () => [hop]),
  };
  expect(code(many)).toBe('taken');
  world.settle();
  expect(alice.paymentRow(invoice.paymentHash)).toBe('settled');
});

test('a plan without a route is a bug and not a loop', () => {
  const { world, alice, bob } = scene();
  const plan: Planner = () => ({ ok: true, value: [] });
  alice.env = { plan };
  expect(alice.command(world.payment(bob, world.invoice(bob)))).toMatchObject({ ok: false, failure: { code: 'INTERNAL' } });
});
