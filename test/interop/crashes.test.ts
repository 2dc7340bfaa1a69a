import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { useLab } from './harness/lab.ts';
import { eventually } from './harness/poll.ts';
import { call, channelAt, channels, fund, invoice, openToLnd, openToLnkit, pay, waitUntilUsable } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  const [lnd, lnkit] = await Promise.all([lab.lnd('alice', { fundSats: 20_000_000 }), lab.lnkit('carol')]);
  await lnkit.startDaemon();
  await fund(lab, lnkit, 20_000_000);
  const ours = await openToLnd(lab, lnkit, lnd, 5_000_000, { flags: ['--push', '2000000sat'] });
  const theirs = await openToLnkit(lab, lnd, lnkit, {
    amountSat: 5_000_000,
    pushSat: 2_000_000,
    private: true,
    scidAlias: true,
    commitmentType: 'ANCHORS',
  });
  return { lnd, lnkit, ours, theirs };
});

const hashOf = (preimage: string): string => createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex');
const secret = (): string => randomBytes(32).toString('hex');

async function bothUp(): Promise<void> {
  const { lnd, lnkit, ours, theirs } = lab();
  for (const channel of [ours, theirs]) await Promise.all([waitUntilUsable(lnkit, channel), lnd.waitForChannel(channel)]);
}

const lnkitInvoiceIs = (hash: string, state: string): Promise<unknown> =>
  eventually(`lnkit's invoice to be ${state}`, async () => {
    const { invoice: seen } = await call<{ invoice: { state: string } }>(lab().lnkit, 'invoice.show', { payment_hash: hash });
    return seen.state === state;
  });

const lndHolds = (hash: string): Promise<unknown> =>
  eventually('lnd to hold the payment', async () => (await lab().lnd.client.lookupInvoice(hash)).state === 'ACCEPTED');

test('lnd is restarted while a payment of lnkit is with it, and the payment then settles', async () => {
  const { lnd, lnkit } = lab();
  const preimage = secret();
  const { bolt11 } = await lnd.client.addHoldInvoice(hashOf(preimage), { amountMsat: 70_000_000 });
  const paying = await lnkit.spawn(['pay', bolt11]);
  await lndHolds(hashOf(preimage));
  await lnd.restart();
  await bothUp();
  await lndHolds(hashOf(preimage));
  await lnd.client.settleInvoice(preimage);
  expect((await paying.result).json).toMatchObject({ status: 'settled', preimage });
});

test('lnkit is killed while its payment is with lnd; the same command then settles it, and nothing is paid twice', async () => {
  const { lnd, lnkit } = lab();
  const preimage = secret();
  const { bolt11 } = await lnd.client.addHoldInvoice(hashOf(preimage), { amountMsat: 80_000_000 });
  const paying = await lnkit.spawn(['pay', bolt11]);
  await lndHolds(hashOf(preimage));
  await lnkit.killDaemon();
  expect((await paying.result).exitCode).not.toBe(0);
  // Settled while lnkit is down: the preimage reaches it when it is back.
  await lnd.client.settleInvoice(preimage);
  await lnkit.startDaemon();
  await bothUp();
  expect(await pay(lnkit, bolt11)).toMatchObject({ exitCode: 0, status: 'settled', preimage });
  expect(await lnd.client.lookupInvoice(hashOf(preimage))).toMatchObject({ state: 'SETTLED', amt_paid_msat: '80000000' });
});

test('lnkit is killed while it holds a payment of lnd, and settles it afterwards', async () => {
  const { lnd, lnkit } = lab();
  const preimage = secret();
  const held = await invoice(lnkit, '90000sat', '--hold', hashOf(preimage));
  const paying = lnd.client.sendPayment(held.bolt11, { timeoutSeconds: 120 });
  await lnkitInvoiceIs(held.payment_hash, 'accepted');
  await lnkit.killDaemon();
  await lnkit.startDaemon();
  await bothUp();
  await lnkitInvoiceIs(held.payment_hash, 'accepted');
  await lnkit.ok('invoice', 'settle', preimage);
  expect(await paying).toMatchObject({ status: 'SUCCEEDED', payment_preimage: preimage });
});

test('lnd is restarted while lnkit holds its payment, and sees it cancelled', async () => {
  const { lnd, lnkit } = lab();
  const held = await invoice(lnkit, '60000sat', '--hold', hashOf(secret()));
  lnd.client.sendPayment(held.bolt11, { timeoutSeconds: 120 }).catch(() => {});
  await lnkitInvoiceIs(held.payment_hash, 'accepted');
  await lnd.restart();
  await bothUp();
  await lnkit.ok('invoice', 'cancel', held.payment_hash);
  expect(await lnd.client.trackPayment(held.payment_hash)).toMatchObject({ status: 'FAILED' });
});

test('a one-shot pay is killed after it sent, and a second run of it brings the preimage', async () => {
  const { lnd, lnkit, ours } = lab();
  await lnkit.stopDaemon();
  const preimage = secret();
  const { bolt11 } = await lnd.client.addHoldInvoice(hashOf(preimage), { amountMsat: 30_000_000 });
  const paying = await lnkit.spawn(['pay', bolt11]);
  await lndHolds(hashOf(preimage));
  await paying.kill();
  await lnd.client.settleInvoice(preimage);
  expect(await pay(lnkit, bolt11)).toMatchObject({ exitCode: 0, status: 'settled', preimage });
  await lnkit.startDaemon();
  await bothUp();
  expect((await channelAt(lnkit, ours))?.htlcs).toEqual([]);
});

test('lnkit is killed again and again under traffic both ways, and no msat is lost or made', async () => {
  const { lnd, lnkit } = lab();
  const total = async (): Promise<number> => (await channels(lnkit)).reduce((sum, each) => sum + each.local_msat, 0);
  const before = await total();
  const amount = 2_000_000;
  const there = await Promise.all(Array.from({ length: 60 }, () => lnd.client.addInvoice({ amountMsat: amount })));
  const back: { bolt11: string; payment_hash: string }[] = [];
  for (let i = 0; i < 60; i++) back.push(await call(lnkit, 'invoice.create', { amount_msat: amount }));
  const incoming = back.map(({ bolt11 }) => lnd.client.sendPayment(bolt11, { timeoutSeconds: 60 }));
  for (let round = 0; round < 3; round++) {
    const some = there.slice(round * 20, round * 20 + 20);
    const going = some.map(({ bolt11 }) => call(lnkit, 'pay', { destination: bolt11, dry_run: false }).catch(() => undefined));
    await Promise.race(going);
    await lnkit.killDaemon();
    await Promise.all(going);
    await lnkit.startDaemon();
    await bothUp();
  }
  const verdicts = await Promise.all(incoming);
  const sent = await Promise.all(
    there.map(({ bolt11 }) => call<{ status: string }>(lnkit, 'pay', { destination: bolt11, dry_run: false })),
  );
  expect(sent.map((each) => each.status)).toEqual(there.map(() => 'settled'));
  await eventually('every HTLC to be gone', async () => (await channels(lnkit)).every((each) => each.htlcs.length === 0));
  const received = verdicts.filter((each) => each.status === 'SUCCEEDED').length;
  for (const [i, verdict] of verdicts.entries()) {
    const { invoice: seen } = await call<{ invoice: { state: string } }>(lnkit, 'invoice.show', {
      payment_hash: back[i]?.payment_hash ?? '',
    });
    expect(seen.state === 'settled').toBe(verdict.status === 'SUCCEEDED');
  }
  expect(received).toBeGreaterThan(0);
  expect(await total()).toBe(before + (received - there.length) * amount);
  expect((await channels(lnkit)).map((each) => each.state)).toEqual(['normal', 'normal']);
});
