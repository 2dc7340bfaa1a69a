import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { useLab } from './harness/lab.ts';
import { eventually } from './harness/poll.ts';
import { call, channelAt, channels, fund, invoice, openToLnd, openToLnkit, pay, waitForState } from './moves.ts';

const FEE = { base: 2_000, ppm: 500 };
const feeOf = (amountMsat: number): number => FEE.base + Math.floor((amountMsat * FEE.ppm) / 1_000_000);
const hashOf = (preimage: Uint8Array): string => createHash('sha256').update(preimage).digest('hex');

/** A line: alice (lnd) - carol (lnkit) - bob (lnd), both channels public. */
const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  const [alice, bob, carol] = await Promise.all([lab.lnd('alice'), lab.lnd('bob', { simpleClose: true }), lab.lnkit('carol')]);
  await carol.startDaemon();
  await alice.fund(10_000_000);
  await fund(lab, carol, 10_000_000);
  const left = await openToLnkit(lab, alice, carol, { amountSat: 6_000_000, pushSat: 1_000_000 });
  const right = await openToLnd(lab, carol, bob, 3_000_000, { flags: ['--push', '1000000sat'] });
  for (const channel of [left, right])
    await carol.ok(
      'channel',
      'policy',
      `${channel.txid}:${channel.index}`,
      '--base-fee',
      `${FEE.base}msat`,
      '--fee-rate',
      `${FEE.ppm}`,
      '--cltv-delta',
      '40',
    );
  // Each lnd must know both channels and what carol asks, which travels by gossip.
  for (const [lnd, far] of [
    [alice, right],
    [bob, left],
  ] as const) {
    await lnd.waitForEdge(far);
    await eventually(`${lnd.alias} to know what carol asks`, async () => {
      const edge = await lnd.edge(far);
      const policy = edge?.node1_pub === carol.nodeId ? edge?.node1_policy : edge?.node2_policy;
      return policy?.fee_base_msat === `${FEE.base}` && policy.fee_rate_milli_msat === `${FEE.ppm}` && policy.time_lock_delta === 40;
    });
  }
  return { alice, bob, carol, left, right };
});

test('lnd pays lnd through lnkit, which earns exactly the fee that it asks', async () => {
  const { alice, bob, carol, left, right } = lab();
  const before = await channels(carol);
  const sum = (list: typeof before): number => list.reduce((total, each) => total + each.local_msat, 0);
  const amount = 123_456_789;
  const { bolt11 } = await bob.client.addInvoice({ amountMsat: amount });
  const paid = await alice.client.sendPayment(bolt11);
  expect(paid).toMatchObject({ status: 'SUCCEEDED', value_msat: `${amount}`, fee_msat: `${feeOf(amount)}` });
  const back = await alice.client.addInvoice({ amountMsat: 20_000_000 });
  expect(await bob.client.sendPayment(back.bolt11)).toMatchObject({ status: 'SUCCEEDED', fee_msat: `${feeOf(20_000_000)}` });
  await eventually('the HTLCs to be gone', async () => (await channels(carol)).every((each) => each.htlcs.length === 0));
  expect(sum(await channels(carol)) - sum(before)).toBe(feeOf(amount) + feeOf(20_000_000));
  const moved = amount + feeOf(amount) - 20_000_000;
  const old = before.find((each) => each.funding_outpoint === `${left.txid}:${left.index}`);
  expect((await channelAt(carol, left))?.local_msat).toBe((old?.local_msat ?? 0) + moved);
  expect((await channelAt(carol, right))?.htlcs).toEqual([]);
});

test('100 payments go through lnkit at once, half of them each way', async () => {
  const { alice, bob } = lab();
  const [there, back] = await Promise.all([
    Promise.all(Array.from({ length: 50 }, () => bob.client.addInvoice({ amountMsat: 3_000_000 }))),
    Promise.all(Array.from({ length: 50 }, () => alice.client.addInvoice({ amountMsat: 3_000_000 }))),
  ]);
  const verdicts = await Promise.all([
    ...there.map(({ bolt11 }) => alice.client.sendPayment(bolt11, { timeoutSeconds: 120 })),
    ...back.map(({ bolt11 }) => bob.client.sendPayment(bolt11, { timeoutSeconds: 120 })),
  ]);
  expect(verdicts.map((each) => each.status)).toEqual(Array.from({ length: 100 }, () => 'SUCCEEDED'));
});

test('what the payee refuses comes back to the payer through lnkit, attributed to the payee', async () => {
  const { alice, bob, carol } = lab();
  const cancelled = await bob.client.addHoldInvoice(hashOf(randomBytes(32)), { amountMsat: 5_000_000 });
  await bob.client.cancelInvoice(cancelled.paymentHash);
  const failed = await alice.client.sendPayment(cancelled.bolt11);
  expect(failed).toMatchObject({ status: 'FAILED', failure_reason: 'FAILURE_REASON_INCORRECT_PAYMENT_DETAILS' });
  expect(failed.htlcs[0]?.failure).toMatchObject({ code: 'INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS', failure_source_index: 2 });
  expect((await channels(carol)).every((each) => each.htlcs.length === 0)).toBe(true);
});

interface Attempt {
  readonly status: string;
  readonly failure: {
    readonly code: string;
    readonly failure_source_index: number;
    readonly channel_update: { readonly base_fee: number; readonly fee_rate: number; readonly time_lock_delta: number } | null;
  } | null;
}

test('lnkit refuses to forward for too little fee or time, and its failure says what it asks', async () => {
  const { alice, bob } = lab();
  const [found] = await alice.client.queryRoutes(bob.nodeId, 10_000);
  if (found === undefined) throw new Error('lnd finds no route');
  const attempt = (route: object): Promise<Attempt> => {
    const payment_hash = randomBytes(32).toString('base64');
    return alice.client.rest.call('POST', '/v2/router/route/send', { payment_hash, route });
  };
  const [first, last] = found.hops;
  const cheap = { ...found, total_fees_msat: '0', total_amt_msat: last?.amt_to_forward_msat, hops: [{ ...first, fee_msat: '0' }, last] };
  const asked = { base_fee: FEE.base, fee_rate: FEE.ppm, time_lock_delta: 40 };
  expect((await attempt(cheap)).failure).toMatchObject({ code: 'FEE_INSUFFICIENT', failure_source_index: 1, channel_update: asked });
  const hasty = { ...found, total_time_lock: found.total_time_lock - 1 };
  expect((await attempt(hasty)).failure).toMatchObject({ code: 'INCORRECT_CLTV_EXPIRY', failure_source_index: 1, channel_update: asked });
  const nowhere = { ...found, hops: [first, { ...last, chan_id: '16000000000000000' }] };
  expect((await attempt(nowhere)).failure).toMatchObject({ code: 'UNKNOWN_NEXT_PEER', failure_source_index: 1 });
  await alice.client.resetMissionControl();
});

test('lnkit is killed with a payment half way through it, and passes the preimage on when it is back', async () => {
  const { alice, bob, carol, left, right } = lab();
  for (const outcome of ['settled', 'cancelled'] as const) {
    const preimage = randomBytes(32);
    const { bolt11, paymentHash } = await bob.client.addHoldInvoice(hashOf(preimage), { amountMsat: 15_000_000 });
    const paying = alice.client.sendPayment(bolt11, { timeoutSeconds: 120 });
    await eventually('bob to hold it', async () => (await bob.client.lookupInvoice(paymentHash)).state === 'ACCEPTED');
    await carol.killDaemon();
    // While lnkit is down bob decides; lnkit learns of it from the channel's reestablishment alone.
    if (outcome === 'settled') await bob.client.settleInvoice(preimage.toString('hex'));
    else await bob.client.cancelInvoice(paymentHash);
    await carol.startDaemon();
    const expected = outcome === 'settled' ? { status: 'SUCCEEDED', payment_preimage: preimage.toString('hex') } : { status: 'FAILED' };
    expect(await paying).toMatchObject(expected);
    for (const channel of [left, right]) await waitForState(carol, channel, 'at rest', (found) => found.usable && found.htlcs.length === 0);
    await Promise.all([alice.waitForChannel(left), bob.waitForChannel(right)]);
  }
});

test('more than lnkit has on the way out fails at lnkit with temporary_channel_failure', async () => {
  const { alice, bob, carol, right } = lab();
  await alice.client.resetMissionControl();
  const spare = (await channelAt(carol, right))?.sendable_msat ?? 0;
  const left = Number((await alice.client.listChannels())[0]?.local_balance) * 1000;
  const amount = Math.min(spare + 1_000_000, left - 100_000_000);
  expect(amount).toBeGreaterThan(spare);
  const { bolt11 } = await bob.client.addInvoice({ amountMsat: amount });
  const failed = await alice.client.sendPayment(bolt11, { maxParts: 1, feeLimitMsat: 10_000_000 });
  expect(failed.status).toBe('FAILED');
  expect(failed.htlcs[0]?.failure).toMatchObject({ code: 'TEMPORARY_CHANNEL_FAILURE', failure_source_index: 1 });
  await alice.client.resetMissionControl();
});

test('lnkit pays over an lnd to another lnkit whose channel only its invoice names, and says why when it cannot', async () => {
  const { lab: network, alice, carol } = lab();
  const dave = await network.lnkit('dave');
  await dave.startDaemon();
  const hidden = await openToLnkit(network, alice, dave, {
    amountSat: 1_000_000,
    pushSat: 300_000,
    private: true,
    scidAlias: true,
    commitmentType: 'ANCHORS',
  });
  await alice.waitForEdge(hidden);
  await eventually('dave to know what alice asks', async () => {
    const { bolt11 } = await invoice(dave, '1000sat', '--private-hints');
    return (await alice.client.decodePayReq(bolt11)).route_hints.length === 1;
  });
  const asked = await invoice(dave, '40000sat');
  const paid = await pay(carol, asked.bolt11);
  expect(paid).toMatchObject({ exitCode: 0, status: 'settled', amount_msat: 40_000_000 });
  // lnd asks 1 sat and one millionth by default.
  expect(paid.fee_msat).toBe(1_000 + 40);
  expect(paid.parts[0]?.hops.map((hop) => hop.fee_msat)).toEqual([1_040, 0]);
  expect(await pay(dave, (await invoice(carol, '10000sat')).bolt11)).toMatchObject({ exitCode: 0, status: 'settled' });

  const dear = await pay(carol, (await invoice(dave, '40000sat')).bolt11, '--max-fee', '1sat');
  expect(dear).toMatchObject({ exitCode: 4, status: 'failed', error: { code: 'NO_ROUTE' } });
  const beyond = await pay(carol, (await invoice(dave, '750000sat')).bolt11, '--max-parts', '1');
  expect(beyond).toMatchObject({ exitCode: 4, status: 'failed' });
  const unheard = await invoice(dave, '40000sat');
  await dave.killDaemon();
  await eventually('alice to miss dave', async () => (await alice.channel(hidden))?.active === false);
  const lost = await pay(carol, unheard.bolt11);
  expect(lost).toMatchObject({ exitCode: 4, status: 'failed', error: { code: 'NO_ROUTE' } });
  expect(lost.failures[0]).toMatchObject({
    hop: 0,
    node_id: alice.nodeId,
    reason: expect.stringMatching(/unknown_next_peer|temporary_channel_failure/),
  });
});

test('lnkit pays over a channel between two lnds that gossip taught it, and pays the fee that lnd tells it in a failure', async () => {
  const { lab: network, alice, bob, carol, right } = lab();
  await alice.client.connectPeer(bob.address);
  const far = await alice.openActiveChannel({ peer: bob.nodeId, amountSat: 2_000_000 });
  await network.shareEdge(far, [alice, bob]);
  await eventually(
    'lnkit to hear of the channel',
    async () => (await call<{ graph: { channels: number } }>(carol, 'status')).graph.channels === 3,
  );
  await carol.ok('channel', 'list');
  const direct = `${right.txid}:${right.index}`;
  const over = async (amountMsat: number): Promise<Awaited<ReturnType<typeof pay>>> => {
    return pay(carol, (await bob.client.addInvoice({ amountMsat })).bolt11, '--exclude', direct);
  };
  const first = await eventually('a route by gossip', async () => {
    const paid = await over(50_000_000);
    return paid.status === 'settled' ? paid : undefined;
  });
  expect(first).toMatchObject({ fee_msat: 1_000 + 50 });
  expect(first.parts.at(-1)?.hops).toHaveLength(2);
  await alice.client.updateChannelPolicy({ baseFeeMsat: 7_000, feeRatePpm: 1, timeLockDelta: 100, channel: far });
  const dearer = await over(50_000_000);
  expect(dearer).toMatchObject({ exitCode: 0, status: 'settled', fee_msat: 7_000 + 50 });
  const split = await pay(carol, (await bob.client.addInvoice({ amountMsat: 2_600_000_000 })).bolt11);
  expect(split).toMatchObject({ exitCode: 0, status: 'settled' });
  expect(new Set(split.parts.filter((part) => part.status !== 'failed').map((part) => part.hops.length))).toEqual(new Set([1, 2]));
});
