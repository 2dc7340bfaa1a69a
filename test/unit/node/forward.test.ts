import { expect, test } from 'vitest';
import { equal } from '../../../src/base/bytes.ts';
import type { ChannelId } from '../../../src/base/ids.ts';
import { blocks, height, msat } from '../../../src/base/units.ts';
import type { Payment, Policy, Route } from '../../../src/node/types.ts';
import { type TestNode, World } from './kit.ts';

/** Alice pays Carol through Bob, whose channel to Carol asks one percent. */
function line() {
  const world = new World();
  const [alice, bob, carol] = [world.node('alice'), world.node('bob'), world.node('carol')];
  const into = world.open(alice, bob);
  const out = world.open(bob, carol);
  world.paths = [[alice, bob, carol]];
  world.tick(3);
  return { world, alice, bob, carol, into, out };
}
type Line = ReturnType<typeof line>;

const balance = (node: TestNode): bigint => node.channels().reduce((sum, seen) => sum + seen.localMsat, 0n);
const flying = (node: TestNode): number => node.channels().reduce((sum, seen) => sum + seen.htlcs.length, 0);

function last(alice: TestNode): Payment {
  const reply = [...alice.replies.values()].at(-1);
  if (reply?.ok !== true || reply.value.kind !== 'payment') throw new Error('no payment');
  return reply.value.payment;
}

/** Pays along a route that `change` has bent, once, and tells why it failed. */
function tryOnce(at: Line, change: (route: Route) => Route, amount = 100_000n): string | null {
  const { world, alice, carol } = at;
  const invoice = world.invoice(carol, { amountMsat: msat(amount) });
  let failure: string | null = null;
  const plan = world.planFor(alice);
  let planned = false;
  alice.env = {
    plan: (query) => {
      const found = plan(query);
      if (planned || !found.ok) return { ok: false, failure: { code: 'NO_ROUTE', message: 'once', hint: '' } };
      planned = true;
      return { ok: true, value: found.value.map(change) };
    },
  };
  const before = alice.batches.length;
  alice.command(world.payment(carol, invoice, { maxFeeMsat: msat(100_000_000n) }));
  world.settle();
  for (const batch of alice.batches.slice(before)) for (const row of batch.rows) if (row.table === 'payment') failure = row.status;
  const told = alice
    .logs()
    .split('\n')
    .findLast((text) => text.includes('failed'));
  return failure === 'failed' ? (/failed with (\w+)/.exec(told ?? '')?.[1] ?? '') : failure;
}

test('a forward earns its fee, and both channels are free again', () => {
  const at = line();
  const before = balance(at.bob);
  expect(tryOnce(at, (route) => route)).toBe('settled');
  // 1000 msat, and a ten-thousandth of 100,000.
  expect(balance(at.bob) - before).toBe(1_010n);
  expect([balance(at.carol), flying(at.alice), flying(at.bob), flying(at.carol)]).toEqual([100_000n, 0, 0, 0]);
  expect(at.bob.state.forwards.size).toBe(0);
  const history = at.bob.batches.flatMap((batch) => batch.history).filter(({ what }) => what.startsWith('forward'));
  expect(history.map(({ what }) => what)).toEqual(['forward_settled']);
});

test('each rule of a forwarding node refuses, and nothing goes on', () => {
  const at = line();
  const bend = (change: Partial<Route['hops'][number]>, hop: number) => (route: Route) =>
    ({ ...route, hops: route.hops.map((each, i) => (i === hop ? { ...each, ...change } : each)) }) as unknown as Route;
  const now = at.world.height;
  const set = (policy: Partial<Policy>): void => void at.bob.command({ kind: 'set_policy', channelId: at.out, policy });
  expect(tryOnce(at, bend({ amountMsat: msat(101_009n) }, 0))).toBe('fee_insufficient');
  expect(tryOnce(at, bend({ cltvExpiry: height(now + 43 + 79) }, 0))).toBe('incorrect_cltv_expiry');
  expect(tryOnce(at, bend({ scid: 12_345n as never }, 1))).toBe('unknown_next_peer');
  expect(tryOnce(at, bend({ cltvExpiry: height(now + 18) }, 1))).toBe('expiry_too_soon');
  const far = (route: Route): Route => bend({ cltvExpiry: height(now + 3_000) }, 0)(bend({ cltvExpiry: height(now + 2_017) }, 1)(route));
  expect(tryOnce(at, far)).toBe('expiry_too_far');
  set({ htlcMinimumMsat: msat(100_001n) });
  expect(tryOnce(at, (route) => route)).toBe('amount_below_minimum');
  set({ htlcMinimumMsat: msat(1n), htlcMaximumMsat: msat(99_999n) });
  expect(tryOnce(at, (route) => route)).toBe('temporary_channel_failure');
  expect([flying(at.alice), flying(at.bob), flying(at.carol), balance(at.carol)]).toEqual([0, 0, 0, 0n]);
  expect(at.bob.state.forwards.size).toBe(0);
});

test('a channel that cannot carry it, or whose peer is away, is a temporary failure', () => {
  const at = line();
  expect(tryOnce(at, (route) => route, 990_000_000n)).not.toBe('settled');
  at.world.cut(at.bob.link(at.carol));
  expect(tryOnce(at, (route) => route)).toBe('temporary_channel_failure');
  expect([flying(at.alice), flying(at.bob)]).toEqual([0, 0]);
});

test('another channel with the same peer carries what the named one cannot', () => {
  const at = line();
  const second = at.world.open(at.bob, at.carol);
  // The named one is full: most of its money is already at Carol’s side.
  const fill = at.world.invoice(at.carol, { amountMsat: msat(950_000_000n) });
  at.bob.command(
    at.world.payment(at.carol, fill, { outgoing: [at.bob.channels().find((seen) => equal(seen.channelId, at.out))?.localAlias as never] }),
  );
  at.world.settle();
  const scid = at.bob.channels().find((seen) => equal(seen.channelId, at.out))?.localAlias;
  const viaFull = (route: Route): Route =>
    ({ ...route, hops: route.hops.map((hop, i) => (i === 1 ? { ...hop, scid } : hop)) }) as unknown as Route;
  expect(tryOnce(at, viaFull, 100_000_000n)).toBe('settled');
  expect(at.bob.channels().find((seen) => equal(seen.channelId, second))?.remoteMsat).toBe(100_000_000n);
});

test('a preimage claims upstream in the commit in which it came from downstream, also while the payer is away', () => {
  const at = line();
  const invoice = at.world.invoice(at.carol);
  at.world.hold = (from, message) => from === at.carol && message.name === 'update_fulfill_htlc';
  at.alice.command(at.world.payment(at.carol, invoice));
  at.world.settle();
  expect(at.bob.state.forwards.size).toBe(1);
  at.world.cut(at.bob.link(at.alice));
  const before = at.bob.batches.length;
  at.world.hold = null;
  at.world.settle();
  const batch = at.bob.batches.slice(before).find(({ rows }) => rows.some((row) => row.table === 'forward'));
  const channels = batch?.rows.flatMap((row) => (row.table === 'channel' ? [row.key] : []));
  expect(channels).toHaveLength(2);
  expect(at.alice.paymentRow(invoice.paymentHash)).toBe('pending');
  at.world.connect(at.alice, at.bob);
  expect(at.alice.paymentRow(invoice.paymentHash)).toBe('settled');
  expect(flying(at.bob)).toBe(0);
});

test('a failure goes upstream only when downstream it is irrevocable', () => {
  const at = line();
  const invoice = at.world.invoice(at.carol);
  at.carol.command({ kind: 'cancel_invoice', paymentHash: invoice.paymentHash });
  // Carol takes it off, and Bob’s signature of that does not reach her.
  at.world.hold = (from, message) => from === at.carol && message.name === 'revoke_and_ack' && at.carol.sent('update_fail_htlc').length > 0;
  at.alice.command(at.world.payment(at.carol, invoice));
  at.world.settle();
  expect(at.carol.sent('update_fail_htlc')).toHaveLength(1);
  expect(at.bob.sent('update_fail_htlc')).toHaveLength(0);
  expect(at.alice.paymentRow(invoice.paymentHash)).toBe('pending');
  at.world.hold = null;
  at.world.settle();
  expect(at.alice.paymentRow(invoice.paymentHash)).toBe('failed');
});

/** Every node dies after every message of a payment, one at a time. */
for (const outcome of ['settled', 'failed'] as const)
  test(`wherever one of three processes dies, a payment that is to be ${outcome} is so for all, and nobody loses`, () => {
    const { world, alice, bob, carol } = line();
    const nodes: { readonly [name: string]: TestNode } = { alice, bob, carol };
    const sums = [balance(alice), balance(bob), balance(carol)];
    const begin = world.snapshot();
    for (const victim of ['alice', 'bob', 'carol'] as const)
      for (let at = 0; ; at += victim === 'bob' ? 1 : 3) {
        begin();
        const invoice = world.invoice(carol);
        if (outcome === 'failed') carol.command({ kind: 'cancel_invoice', paymentHash: invoice.paymentHash });
        alice.command(world.payment(carol, invoice));
        for (let i = 0; i < at; i++) world.deliver();
        const isOver = world.waiting === 0;
        (nodes[victim] as TestNode).restart();
        for (const [a, b] of [
          [alice, bob],
          [bob, carol],
        ] as const)
          if (a.session(b)?.kind !== 'up' || b.session(a)?.kind !== 'up') world.connect(a, b);
        world.settle();
        world.tick(1);
        const where = `${victim} after ${at} messages`;
        expect([where, flying(alice), flying(bob), flying(carol)]).toEqual([where, 0, 0, 0]);
        expect([where, bob.state.forwards.size, alice.paymentRow(invoice.paymentHash)]).toEqual([
          where,
          0,
          expectedOf(outcome, alice, invoice.paymentHash),
        ]);
        const paid = alice.paymentRow(invoice.paymentHash) === 'settled';
        const [a, b, c] = [balance(alice), balance(bob), balance(carol)].map((sum, i) => sum - (sums[i] as bigint));
        expect([where, a, b, c]).toEqual([where, paid ? -101_010n : 0n, paid ? 1_010n : 0n, paid ? 100_000n : 0n]);
        expect([where, carol.invoiceRow(invoice.paymentHash)]).toEqual([
          where,
          outcome === 'settled' ? (paid ? 'settled' : 'open') : 'cancelled',
        ]);
        if (isOver) break;
      }
  });

/** One that the crash kept from being sent on may fail as well: what counts is that all agree. */
function expectedOf(outcome: 'settled' | 'failed', alice: TestNode, hash: Payment['paymentHash']): string {
  if (outcome === 'failed') return 'failed';
  return alice.paymentRow(hash) === 'failed' ? 'failed' : 'settled';
}

test('a forward that was signed by nobody is not told again as another one after a restart', () => {
  const at = line();
  const ids: ChannelId[] = [at.into, at.out];
  const invoice = at.world.invoice(at.carol, { minFinalCltvExpiryDelta: blocks(40) });
  at.alice.command(at.world.payment(at.carol, invoice));
  for (let i = 0; i < 5; i++) at.world.deliver();
  at.bob.restart();
  at.world.connect(at.alice, at.bob);
  at.world.connect(at.bob, at.carol);
  at.world.settle();
  expect(ids.map((id) => at.bob.channels().find((seen) => equal(seen.channelId, id))?.htlcs.length)).toEqual([0, 0]);
  expect(at.carol.sent('update_fulfill_htlc').length).toBeLessThanOrEqual(2);
  expect(last(at.alice).paymentHash).toEqual(invoice.paymentHash);
});
