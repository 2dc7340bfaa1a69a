import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Lab } from './harness/lab.ts';
import { useLab } from './harness/lab.ts';
import type { Lnd } from './harness/lnd.ts';
import type { Outpoint } from './harness/lnd-client.ts';
import type { Lnkit } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import { call, channelAt, channels, fund, invoice, type LnkitPayment, openToLnd, openToLnkit, pay, waitForState } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  const [lnd, lnkit] = await Promise.all([lab.lnd('alice', { fundSats: 40_000_000 }), lab.lnkit('carol')]);
  await lnkit.startDaemon();
  await fund(lab, lnkit, 30_000_000);
  return { lnd, lnkit, ...(await openFour(lab, lnd, lnkit)) };
});

/** From either side, public and private. */
async function openFour(
  lab: Lab,
  lnd: Lnd,
  lnkit: Lnkit,
): Promise<Readonly<Record<'ours' | 'oursPrivate' | 'theirs' | 'theirsPrivate', Outpoint>>> {
  const ours = await openToLnd(lab, lnkit, lnd, 2_000_000, { flags: ['--push', '500000sat'] });
  const oursPrivate = await openToLnd(lab, lnkit, lnd, 2_000_000, { flags: ['--push', '500000sat', '--private'] });
  const theirs = await openToLnkit(lab, lnd, lnkit, { amountSat: 2_000_000, pushSat: 500_000 });
  const theirsPrivate = await openToLnkit(lab, lnd, lnkit, {
    amountSat: 2_000_000,
    pushSat: 500_000,
    private: true,
    scidAlias: true,
    commitmentType: 'ANCHORS',
  });
  return { ours, oursPrivate, theirs, theirsPrivate };
}

const hashOf = (preimage: string): string => createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex');

test('channels open from either side, public and private, and both ends describe them alike', async () => {
  const { lnd, lnkit, ours, oursPrivate, theirs, theirsPrivate } = lab();
  for (const [channel, isOurs, isPrivate] of [
    [ours, true, false],
    [oursPrivate, true, true],
    [theirs, false, false],
    [theirsPrivate, false, true],
  ] as const) {
    const here = await channelAt(lnkit, channel);
    const there = await lnd.channel(channel);
    expect(here).toMatchObject({ state: 'normal', funder: isOurs ? 'local' : 'remote', public: !isPrivate, capacity_sat: 2_000_000 });
    expect(here?.channel_type).toEqual(expect.arrayContaining(['option_static_remotekey', 'option_anchors']));
    expect(here?.channel_type.includes('option_scid_alias')).toBe(isPrivate);
    expect(there).toMatchObject({ private: isPrivate, initiator: !isOurs, commitment_type: 'ANCHORS' });
    const anchors = 660;
    const local = Number(there?.local_balance) + (isOurs ? 0 : Number(there?.commit_fee) + anchors);
    expect(local).toBe(Math.floor((here?.remote_msat ?? 0) / 1000));
  }
  const { edges } = await lnd.client.describeGraph();
  expect(edges.map((edge) => edge.chan_point)).toEqual(expect.arrayContaining([ours, theirs].map(({ txid, index }) => `${txid}:${index}`)));
  expect(edges).toHaveLength(2);
});

test('payments go both ways over each channel', async () => {
  const { lnd, lnkit, ours, oursPrivate, theirs, theirsPrivate } = lab();
  for (const channel of [ours, oursPrivate, theirs, theirsPrivate]) {
    const { bolt11, paymentHash } = await lnd.client.addInvoice({ amountMsat: 10_000_001 });
    const name = `${channel.txid}:${channel.index}`;
    const paid = await pay(lnkit, bolt11, '--outgoing', name);
    expect(paid).toMatchObject({ exitCode: 0, status: 'settled', amount_msat: 10_000_001, fee_msat: 0 });
    expect(hashOf(paid.preimage ?? '')).toBe(paymentHash);
    const back = await invoice(lnkit, '5000001msat');
    const chanId = (await lnd.channel(channel))?.chan_id ?? '';
    expect(await lnd.client.sendPayment(back.bolt11, { outgoingChannels: [chanId] })).toMatchObject({ status: 'SUCCEEDED' });
    expect(await lnkit.ok('invoice', 'show', back.payment_hash)).toMatchObject({ state: 'settled', amount_received_msat: 5_000_001 });
  }
});

test('an invoice without an amount is paid with the amount of the payer, both ways', async () => {
  const { lnd, lnkit } = lab();
  const open = await lnd.client.addInvoice();
  expect(await pay(lnkit, open.bolt11)).toMatchObject({ exitCode: 2 });
  expect(await pay(lnkit, open.bolt11, '7sat')).toMatchObject({ exitCode: 0, amount_msat: 7_000 });
  const any = await invoice(lnkit, 'any');
  expect(await lnd.client.sendPayment(any.bolt11, { amountMsat: 8_000 })).toMatchObject({ status: 'SUCCEEDED' });
  expect(await lnkit.ok('invoice', 'show', any.payment_hash)).toMatchObject({ state: 'settled', amount_received_msat: 8_000 });
});

test('what no single channel carries goes in parts, both ways', async () => {
  const { lnd, lnkit } = lab();
  const amount = 2_500_000;
  const { bolt11 } = await lnd.client.addInvoice({ amountMsat: amount * 1000 });
  const paid = await pay(lnkit, bolt11);
  expect(paid).toMatchObject({ exitCode: 0, status: 'settled', amount_msat: amount * 1000 });
  expect(paid.parts.filter((part) => part.status !== 'failed').length).toBeGreaterThan(1);
  const back = await invoice(lnkit, `${amount}sat`);
  const returned = await lnd.client.sendPayment(back.bolt11);
  expect(returned).toMatchObject({ status: 'SUCCEEDED' });
  expect(returned.htlcs.filter((each) => each.status === 'SUCCEEDED').length).toBeGreaterThan(1);
  expect(await lnkit.ok('invoice', 'show', back.payment_hash)).toMatchObject({ state: 'settled', amount_received_msat: amount * 1000 });
});

test('a spontaneous payment goes both ways', async () => {
  const { lnd, lnkit } = lab();
  const sent = await pay(lnkit, lnd.nodeId, '12345sat', '--key', 'tip-1');
  expect(sent).toMatchObject({ exitCode: 0, status: 'settled', amount_msat: 12_345_000 });
  expect(await lnd.client.lookupInvoice(sent.payment_hash ?? '')).toMatchObject({ state: 'SETTLED', amt_paid_msat: '12345000' });
  expect(await pay(lnkit, lnd.nodeId, '12345sat', '--key', 'tip-1')).toMatchObject({ exitCode: 0, payment_hash: sent.payment_hash });
  const got = await lnd.client.keysend(lnkit.nodeId, 54_321_000);
  expect(got).toMatchObject({ status: 'SUCCEEDED' });
  expect(await lnkit.ok('invoice', 'show', got.payment_hash)).toMatchObject({ state: 'settled', amount_received_msat: 54_321_000 });
});

test('a payment to a hold invoice of lnd is pending (exit 5) until the same command sees it settled', async () => {
  const { lnd, lnkit } = lab();
  const preimage = randomBytes(32).toString('hex');
  const { bolt11 } = await lnd.client.addHoldInvoice(hashOf(preimage), { amountMsat: 20_000_000 });
  const pending = await pay(lnkit, bolt11, '--timeout', '2s');
  expect(pending).toMatchObject({ exitCode: 5, status: 'pending', error: { code: 'PAYMENT_PENDING' } });
  const again = await lnkit.spawn(['pay', bolt11]);
  await eventually('lnd to hold it', async () => (await lnd.client.lookupInvoice(hashOf(preimage))).state === 'ACCEPTED');
  await lnd.client.settleInvoice(preimage);
  const done = await again.result;
  expect(done.exitCode).toBe(0);
  expect(done.json).toMatchObject({ status: 'settled', preimage, amount_msat: 20_000_000 });
  expect((await lnd.client.lookupInvoice(hashOf(preimage))).amt_paid_msat).toBe('20000000');
});

test('a hold invoice of lnkit is settled, and another one cancelled', async () => {
  const { lnd, lnkit } = lab();
  const preimage = randomBytes(32).toString('hex');
  const held = await invoice(lnkit, '30000sat', '--hold', hashOf(preimage));
  const paying = lnd.client.sendPayment(held.bolt11);
  const state = (hash: string, wanted: string): Promise<unknown> =>
    eventually(`the invoice to be ${wanted}`, async () => {
      const { invoice: seen } = await call<{ invoice: { state: string } }>(lnkit, 'invoice.show', { payment_hash: hash });
      return seen.state === wanted;
    });
  await state(held.payment_hash, 'accepted');
  await lnkit.ok('invoice', 'settle', preimage);
  expect(await paying).toMatchObject({ status: 'SUCCEEDED', payment_preimage: preimage });

  const refused = await invoice(lnkit, '30000sat', '--hold', hashOf(randomBytes(32).toString('hex')));
  const failing = lnd.client.sendPayment(refused.bolt11);
  await state(refused.payment_hash, 'accepted');
  await lnkit.ok('invoice', 'cancel', refused.payment_hash);
  const failed = await failing;
  expect(failed).toMatchObject({ status: 'FAILED', failure_reason: 'FAILURE_REASON_INCORRECT_PAYMENT_DETAILS' });
  expect(failed.htlcs.at(-1)?.failure?.code).toBe('INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS');
});

test('a settled invoice is not paid twice: the stored result is told again', async () => {
  const { lnd, lnkit } = lab();
  const { bolt11, paymentHash } = await lnd.client.addInvoice({ amountMsat: 1_000_000 });
  const runs = await Promise.all([pay(lnkit, bolt11), pay(lnkit, bolt11), pay(lnkit, bolt11)]);
  const later = await pay(lnkit, bolt11);
  for (const run of [...runs, later]) expect(run).toMatchObject({ exitCode: 0, status: 'settled', preimage: later.preimage });
  expect((await lnd.client.lookupInvoice(paymentHash)).amt_paid_msat).toBe('1000000');
  expect(await lnkit.ok('payment', 'show', paymentHash)).toMatchObject({ status: 'settled' });
});

test('why a payment failed is told with its exit code', async () => {
  const { lnd, lnkit } = lab();
  const before = (await channels(lnkit)).map((each) => each.local_msat);
  const cancelled = await lnd.client.addHoldInvoice(hashOf(randomBytes(32).toString('hex')), { amountMsat: 1_000_000 });
  await lnd.client.cancelInvoice(cancelled.paymentHash);
  const refused = await pay(lnkit, cancelled.bolt11);
  expect(refused).toMatchObject({ exitCode: 4, status: 'failed', error: { code: 'REJECTED_BY_DESTINATION' } });
  expect(refused.failures).toContainEqual(
    expect.objectContaining({ reason: 'incorrect_or_unknown_payment_details', hop: 0, final: true, node_id: lnd.nodeId }),
  );
  const explained = await lnkit.ok<{ attempts: readonly { what: string }[] }>('payment', 'explain', cancelled.paymentHash);
  expect(explained.attempts).toHaveLength(1);

  const tooMuch = await lnd.client.addInvoice({ amountMsat: 9_000_000_000 });
  expect(await pay(lnkit, tooMuch.bolt11)).toMatchObject({ exitCode: 6, status: 'refused', error: { code: 'INSUFFICIENT_FUNDS' } });
  const short = await lnd.client.addInvoice({ amountMsat: 1_000, expirySeconds: 1 });
  await eventually('the invoice to expire', async () => (await pay(lnkit, short.bolt11, '--dry-run')).exitCode === 6);
  expect(await pay(lnkit, short.bolt11)).toMatchObject({ exitCode: 6, status: 'refused', error: { code: 'EXPIRED' } });
  expect((await lnkit.run('pay', `${short.bolt11}x`)).json).toMatchObject({ error: { code: expect.stringMatching(/CHECKSUM|MALFORMED/) } });
  expect(await pay(lnkit, `${short.bolt11}x`)).toMatchObject({ exitCode: 2 });
  expect((await channels(lnkit)).map((each) => each.local_msat)).toEqual(before);
});

test('200 payments cross at once and every satoshi is accounted for', async () => {
  const { lnd, lnkit } = lab();
  const total = async (): Promise<number> => (await channels(lnkit)).reduce((sum, each) => sum + each.local_msat, 0);
  const before = await total();
  const amount = 1_000_000;
  const there = await Promise.all(Array.from({ length: 100 }, () => lnd.client.addInvoice({ amountMsat: amount })));
  const back = [];
  for (let i = 0; i < 100; i++)
    back.push(await call<{ bolt11: string; payment_hash: string }>(lnkit, 'invoice.create', { amount_msat: amount }));
  const [sent, received] = await Promise.all([
    Promise.all(there.map(({ bolt11 }) => call<LnkitPayment>(lnkit, 'pay', { destination: bolt11, dry_run: false }))),
    Promise.all(back.map(({ bolt11 }) => lnd.client.sendPayment(bolt11, { timeoutSeconds: 120 }))),
  ]);
  expect(sent.map((each) => each.status)).toEqual(Array.from({ length: 100 }, () => 'settled'));
  expect(received.map((each) => each.status)).toEqual(Array.from({ length: 100 }, () => 'SUCCEEDED'));
  await eventually('every HTLC to be gone', async () => (await channels(lnkit)).every((each) => each.htlcs.length === 0));
  expect(await total()).toBe(before);
  expect((await channels(lnkit)).map((each) => each.state)).toEqual(['normal', 'normal', 'normal', 'normal']);
});

test('the feerate of channels that lnkit funds follows the estimate while payments go on', async () => {
  const { lab: network, lnd, lnkit, ours } = lab();
  const old = (await channelAt(lnkit, ours))?.feerate_per_kw ?? 0;
  let done = false;
  const traffic = (async () => {
    let settled = 0;
    while (!done) {
      const { bolt11 } = await lnd.client.addInvoice({ amountMsat: 2_000_000 });
      const back = await call<{ bolt11: string }>(lnkit, 'invoice.create', { amount_msat: 1_000_000 });
      const [sent, got] = await Promise.all([
        call<LnkitPayment>(lnkit, 'pay', { destination: bolt11, dry_run: false }),
        lnd.client.sendPayment(back.bolt11),
      ]);
      expect([sent.status, got.status]).toEqual(['settled', 'SUCCEEDED']);
      settled += 2;
    }
    return settled;
  })();
  try {
    await network.bitcoind.fundFeeHistory(2);
    await waitForState(lnkit, ours, 'cheaper', (found) => found.feerate_per_kw < old);
  } finally {
    done = true;
  }
  expect(await traffic).toBeGreaterThan(2);
  const now = (await channelAt(lnkit, ours))?.feerate_per_kw ?? 0;
  expect(now).toBeLessThanOrEqual(old / 2);
  await eventually('lnd to have the same feerate', async () => Number((await lnd.channel(ours))?.fee_per_kw) === now);
  expect(await pay(lnkit, (await lnd.client.addInvoice({ amountMsat: 1_000_000 })).bolt11)).toMatchObject({ exitCode: 0 });
});
