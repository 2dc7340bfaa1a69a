import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { acceptZeroConf } from './harness/acceptor.ts';
import { useLab } from './harness/lab.ts';
import { eventually } from './harness/poll.ts';

const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  const [alice, bob] = await Promise.all([lab.lnd('alice', { simpleClose: true }), lab.lnd('bob')]);
  await alice.fund(20_000_000);
  await alice.client.connectPeer(bob.address);
  return { alice, bob };
});

test('two real lnds open a public channel, pay both ways, and close it', async () => {
  const { lab: network, alice, bob } = lab();
  const channel = await alice.openActiveChannel({ peer: bob.nodeId, amountSat: 5_000_000, pushSat: 1_000_000 });
  await Promise.all([bob.waitForEdge(channel), alice.waitForEdge(channel)]);

  const there = await bob.client.addInvoice({ amountMsat: 250_000_000, memo: 'there' });
  expect(await alice.client.decodePayReq(there.bolt11)).toMatchObject({ destination: bob.nodeId, payment_hash: there.paymentHash });
  expect(await alice.client.queryRoutes(bob.nodeId, 250_000)).toHaveLength(1);
  const paid = await alice.client.sendPayment(there.bolt11);
  expect(paid).toMatchObject({ status: 'SUCCEEDED', payment_hash: there.paymentHash, value_msat: '250000000' });
  expect(createHash('sha256').update(Buffer.from(paid.payment_preimage, 'hex')).digest('hex')).toBe(there.paymentHash);
  expect(await bob.client.lookupInvoice(there.paymentHash)).toMatchObject({ state: 'SETTLED', amt_paid_msat: '250000000' });
  expect(await bob.client.keysend(alice.nodeId, 70_000_000)).toMatchObject({ status: 'SUCCEEDED' });
  const tooMuch = await bob.client.sendPayment((await alice.client.addInvoice({ amountMsat: 4_000_000_000 })).bolt11);
  expect(tooMuch).toMatchObject({ status: 'FAILED', failure_reason: 'FAILURE_REASON_INSUFFICIENT_BALANCE' });

  await network.confirm(await alice.client.closeChannel(channel, { feeRate: 3 }), 3);
  expect(await alice.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
  expect(await bob.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
  const balance = Number((await bob.client.walletBalance()).confirmed_balance);
  expect(balance).toBe(1_000_000 + 250_000 - 70_000);
});

test('a hold invoice keeps a payment half way over a restart of the receiver until it is settled', async () => {
  const { alice, bob } = lab();
  const channel = await alice.openActiveChannel({ peer: bob.nodeId, amountSat: 1_000_000, private: true, scidAlias: true });
  await bob.waitForEdge(channel);
  const preimage = randomBytes(32);
  const paymentHash = createHash('sha256').update(preimage).digest('hex');
  const { bolt11 } = await bob.client.addHoldInvoice(paymentHash, { amountMsat: 100_000_000, private: true });
  const payment = alice.client.sendPayment(bolt11);
  const accepted = async (): Promise<boolean> => (await bob.client.lookupInvoice(paymentHash)).state === 'ACCEPTED';
  await eventually('bob to hold the payment', accepted);
  await bob.restart();
  await alice.waitForChannel(channel);
  await eventually('bob to hold the payment again', accepted);
  await bob.client.settleInvoice(preimage.toString('hex'));
  expect(await payment).toMatchObject({ status: 'SUCCEEDED', payment_preimage: preimage.toString('hex') });
});

test('a zero-conf channel that the receiver accepts carries a payment before any block', async () => {
  const { lab: network, alice, bob } = lab();
  const acceptor = await bob.acceptChannels(acceptZeroConf);
  try {
    const options = {
      peer: bob.nodeId,
      amountSat: 700_000,
      private: true,
      scidAlias: true,
      zeroConf: true,
      commitmentType: 'ANCHORS',
    } as const;
    const channel = await alice.openActiveChannel(options, 0);
    await bob.waitForEdge(channel);
    expect(acceptor.asked.map((each) => [each.funding_amt, each.wants_zero_conf])).toContainEqual(['700000', true]);
    expect((await network.bitcoind.transaction(channel.txid)).confirmations ?? 0).toBe(0);
    const chanId = (await alice.channel(channel))?.chan_id ?? '';
    const { bolt11 } = await bob.client.addInvoice({ amountMsat: 1_000_000, private: true });
    expect(await alice.client.sendPayment(bolt11, { outgoingChannels: [chanId] })).toMatchObject({ status: 'SUCCEEDED' });
  } finally {
    acceptor.close();
  }
});

test('bitcoind estimates a fee from the history that the harness makes', async () => {
  const rate = await lab().lab.bitcoind.fundFeeHistory(5);
  expect(rate).toBeGreaterThan(3);
  expect(rate).toBeLessThan(8);
});
