import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { acceptZeroConf } from './harness/acceptor.ts';
import { useLab } from './harness/lab.ts';
import { eventually } from './harness/poll.ts';

const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  const [alice, bob, carol] = await Promise.all([
    lab.lnd('alice', { simpleClose: true }),
    lab.lnd('bob'),
    lab.lnd('carol', { simpleClose: true }),
  ]);
  await alice.fund(20_000_000);
  await alice.client.connectPeer(bob.address);
  await alice.client.connectPeer(carol.address);
  return { alice, bob, carol };
});

test('two real lnds open a public channel, pay both ways, and close it', async () => {
  const { lab: network, alice, bob } = lab();
  const channel = await alice.openActiveChannel({ peer: bob.nodeId, amountSat: 5_000_000, pushSat: 1_000_000 });
  await network.shareEdge(channel, [alice, bob]);

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
  await bob.waitForChannel(channel);
  const preimage = randomBytes(32);
  const paymentHash = createHash('sha256').update(preimage).digest('hex');
  const { bolt11 } = await bob.client.addHoldInvoice(paymentHash, { amountMsat: 100_000_000 });
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
    await bob.waitForChannel(channel);
    expect(acceptor.asked.map((each) => [each.funding_amt, each.wants_zero_conf])).toContainEqual(['700000', true]);
    expect((await network.bitcoind.transaction(channel.txid)).confirmations ?? 0).toBe(0);
    const chanId = (await alice.channel(channel))?.chan_id ?? '';
    const { bolt11 } = await bob.client.addInvoice({ amountMsat: 1_000_000 });
    expect(await alice.client.sendPayment(bolt11, { outgoingChannels: [chanId] })).toMatchObject({ status: 'SUCCEEDED' });
  } finally {
    acceptor.close();
  }
});

test('of the closing transactions of a simple close the replacement with the highest fee confirms', async () => {
  const { lab: network, alice, carol } = lab();
  // A restart in an earlier test ends connections that no channel calls for.
  await alice.client.connectPeer(carol.address);
  const channel = await alice.openActiveChannel({ peer: carol.nodeId, amountSat: 1_000_000, pushSat: 400_000 });
  const first = await alice.client.closeChannel(channel, { feeRate: 3, own: true });
  const second = await alice.client.closeChannel(channel, { feeRate: 60, own: true, replaces: first });
  await eventually('the replacement in the mempool', async () => (await network.bitcoind.waitForSpend(channel)) === second);
  await network.mine(6);
  expect(await alice.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
  expect(await carol.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
});

test('after a kill and a force close both ends have their money back', async () => {
  const { lab: network, alice, carol } = lab();
  // A restart in an earlier test ends connections that no channel calls for.
  await alice.client.connectPeer(carol.address);
  const channel = await alice.openActiveChannel({ peer: carol.nodeId, amountSat: 1_000_000, pushSat: 400_000 });
  await carol.kill();
  expect(carol.running).toBe(false);
  await carol.run();
  await alice.waitForChannel(channel);
  const txid = await alice.client.closeChannel(channel, { force: true });
  expect(await network.bitcoind.waitForSpend(channel)).toBe(txid);
  expect(await network.mineUntil('carol to have swept', () => carol.closeType(channel))).toBe('REMOTE_FORCE_CLOSE');
  // The delay of alice's own output is 144 blocks. Mined at once before, they would outrun the sweeper of carol.
  await network.mine(135);
  expect(await network.mineUntil('alice to have swept', () => alice.closeType(channel))).toBe('LOCAL_FORCE_CLOSE');
});

test('bitcoind estimates a fee from the history that the harness makes', async () => {
  const rate = await lab().lab.bitcoind.fundFeeHistory(5);
  expect(rate).toBeGreaterThan(3);
  expect(rate).toBeLessThan(8);
});

test('bitcoind comes back from a restart with its chain and its wallet', async () => {
  const { bitcoind } = lab().lab;
  const [height, balance] = [await bitcoind.height(), await bitcoind.balanceSats()];
  await bitcoind.restart();
  expect(await bitcoind.height()).toBe(height);
  expect(await bitcoind.balanceSats()).toBe(balance);
});
