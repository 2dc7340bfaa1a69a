import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { useLab } from './harness/lab.ts';
import { parseOutpoint } from './harness/lnd-client.ts';
import { eventually } from './harness/poll.ts';
import { confirmed, fund, invoice, type LnkitPayment } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd'], async (lab) => ({
  lnd: await lab.lnd('alice', { simpleClose: true }),
  lnkit: await lab.lnkit('carol'),
}));

test('one-shot commands make a wallet, fund it, open a channel with lnd, pay it, are paid, close, and have their money', async () => {
  const { lab: network, lnd, lnkit } = lab();
  const { bitcoind } = network;
  await fund(network, lnkit, 2_000_000);
  expect(await confirmed(lnkit)).toBe(2_000_000);

  const opening = await lnkit.spawn(['channel', 'open', lnd.address, '1000000sat', '--wait']);
  const funding = await eventually('the funding transaction', async () => (await bitcoind.mempool())[0]);
  await network.mine(6);
  const opened = await opening.result;
  expect(opened.exitCode, opened.stdout + opened.stderr).toBe(0);
  expect(opened.json).toMatchObject({ state: 'normal', capacity_sat: 1_000_000 });
  const channel = parseOutpoint(opened.json['funding_outpoint'] as string);
  expect(channel.txid).toBe(funding);

  const theirs = await lnd.client.addInvoice({ amountMsat: 250_000_000, memo: 'the first payment' });
  const paid = await lnkit.ok<LnkitPayment>('pay', theirs.bolt11);
  expect(paid).toMatchObject({ status: 'settled', payment_hash: theirs.paymentHash, amount_msat: 250_000_000, fee_msat: 0 });
  expect(
    createHash('sha256')
      .update(Buffer.from(paid.preimage ?? '', 'hex'))
      .digest('hex'),
  ).toBe(theirs.paymentHash);
  expect(await lnd.client.lookupInvoice(theirs.paymentHash)).toMatchObject({ state: 'SETTLED', amt_paid_msat: '250000000' });
  // The channel's state says until when it is safe to be away.
  expect(paid).toHaveProperty('safe_offline_until_height');

  const ours = await invoice(lnkit, '50000sat', '--description', 'back again');
  const waiting = await lnkit.spawn(['invoice', 'wait', ours.payment_hash]);
  await lnd.waitForChannel(channel);
  expect(await lnd.client.sendPayment(ours.bolt11)).toMatchObject({ status: 'SUCCEEDED', value_msat: '50000000' });
  expect((await waiting.result).json).toMatchObject({ state: 'settled', amount_received_msat: 50_000_000 });

  const closed = await lnkit.ok('channel', 'close', `${channel.txid}:${channel.index}`, '--fee-rate', '5');
  expect(closed).toMatchObject({ how: 'cooperative', to_us_msat: 800_000_000 });
  const closing = await bitcoind.waitForSpend(channel);
  expect(closed['txids']).toContain(closing);
  await network.mine(6);
  expect(await lnd.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
  const balance = await confirmed(lnkit);
  const fundingFee = opened.json['funding_fee_sat'] as number;
  expect(balance).toBeLessThanOrEqual(1_800_000 - fundingFee);
  expect(balance).toBeGreaterThan(1_800_000 - fundingFee - 5_000);
});
