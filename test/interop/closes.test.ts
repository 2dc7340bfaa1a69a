import { afterAll, expect, test } from 'vitest';
import { useLab } from './harness/lab.ts';
import type { Lnd } from './harness/lnd.ts';
import type { Outpoint } from './harness/lnd-client.ts';
import { eventually } from './harness/poll.ts';
import { Judge } from './judge.ts';
import { channelAt, confirmed, fund, openToLnd, openToLnkit, pay, waitForState } from './moves.ts';

let judge: Judge | undefined;

/** alice closes with closing_signed, bob with option_simple_close. Every transaction of lnkit passes `testmempoolaccept` on its way. */
const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  judge = await Judge.start(lab.bitcoind);
  const [legacy, simple, lnkit] = await Promise.all([
    lab.lnd('alice'),
    lab.lnd('bob', { simpleClose: true }),
    lab.lnkit('carol', { chainUrl: judge.chainUrl }),
  ]);
  await lnkit.startDaemon();
  await Promise.all([legacy.client.newAddress(), simple.client.newAddress()]);
  await fund(lab, lnkit, 20_000_000);
  await legacy.fund(10_000_000);
  await simple.fund(10_000_000);
  return { legacy, simple, lnkit, judge };
});

afterAll(() => judge?.close());

const CAPACITY = 1_000_000;
const PUSHED = 400_000;
const nameOf = ({ txid, index }: Outpoint): string => `${txid}:${index}`;

const openOurs = (lnd: Lnd, ...flags: string[]): Promise<Outpoint> =>
  openToLnd(lab().lab, lab().lnkit, lnd, CAPACITY, { flags: ['--push', `${PUSHED}sat`, ...flags] });

async function use(lnd: Lnd): Promise<void> {
  expect(await pay(lab().lnkit, (await lnd.client.addInvoice({ amountMsat: 50_000_000 })).bolt11)).toMatchObject({ exitCode: 0 });
}

/** What a transaction pays to the wallet of lnkit: the outputs that are not lnd's. */
async function confirmClose(lnd: Lnd, channel: Outpoint, ours: number): Promise<number> {
  const { lab: network, lnkit } = lab();
  const before = await confirmed(lnkit);
  const txid = await network.bitcoind.waitForSpend(channel);
  await network.mine(6);
  expect(await lnd.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
  const gained = (await confirmed(lnkit)) - before;
  expect(gained).toBeLessThanOrEqual(ours);
  expect(gained).toBeGreaterThan(ours - 8_000);
  const found = await channelAt(lnkit, channel);
  expect(found).toMatchObject({ state: 'closing', closing: { how: 'cooperative' } });
  expect(found?.closing?.txids).toContain(txid);
  expectTaken(txid);
  return gained;
}

/** sat/vB of a transaction in the mempool. */
async function feerateOf(txid: string): Promise<number> {
  type Entry = { readonly fees: { readonly base: number }; readonly vsize: number };
  const { fees, vsize } = await lab().lab.bitcoind.rpc<Entry>('getmempoolentry', [txid]);
  return (fees.base * 1e8) / vsize;
}

/** Of a closing transaction, which both ends publish, the other end's may have come first. */
function expectTaken(txid: string): void {
  const verdict = lab().judge.verdict(txid);
  expect(verdict === undefined || verdict.allowed || verdict.reason === 'txn-already-in-mempool', JSON.stringify(verdict)).toBe(true);
}

test('lnkit closes with an lnd without simple close, at the feerate that it names or that lnd insists on', async () => {
  const { lab: network, legacy, lnkit } = lab();
  const channel = await openOurs(legacy);
  await use(legacy);
  const closed = await lnkit.ok('channel', 'close', nameOf(channel), '--fee-rate', '7');
  expect(closed).toMatchObject({ state: 'closing', how: 'cooperative', to_us_msat: (CAPACITY - PUSHED - 50_000) * 1000 });
  const txid = await network.bitcoind.waitForSpend(channel);
  const rate = await feerateOf(txid);
  expect(rate).toBeGreaterThan(6.5);
  // lnd begins with its own 25 sat/vB where bitcoind has no estimate, and lnkit gives in up to 28 rather than force-close.
  expect(rate).toBeLessThanOrEqual(28);
  await confirmClose(legacy, channel, CAPACITY - PUSHED - 50_000);
});

test('an lnd without simple close closes a channel that lnkit funded', async () => {
  const { legacy } = lab();
  const channel = await openOurs(legacy, '--private');
  await use(legacy);
  await legacy.client.closeChannel(channel, { feeRate: 4 });
  await confirmClose(legacy, channel, CAPACITY - PUSHED - 50_000);
});

test('a channel that an lnd without simple close funded is closed by lnkit, and another one by lnd', async () => {
  const { lab: network, legacy, lnkit } = lab();
  const [one, other] = [
    await openToLnkit(network, legacy, lnkit, { amountSat: CAPACITY, pushSat: PUSHED }),
    await openToLnkit(network, legacy, lnkit, { amountSat: CAPACITY, pushSat: PUSHED, private: true }),
  ];
  await lnkit.ok('channel', 'close', nameOf(one));
  expect(await confirmClose(legacy, one, PUSHED)).toBe(PUSHED);
  await legacy.client.closeChannel(other, { feeRate: 3 });
  expect(await confirmClose(legacy, other, PUSHED)).toBe(PUSHED);
});

test('simple close: lnkit closes and replaces its own closing transaction by a dearer one', async () => {
  const { lab: network, simple, lnkit } = lab();
  const channel = await openOurs(simple);
  await use(simple);
  const first = await lnkit.ok<{ txids: readonly string[] }>('channel', 'close', nameOf(channel), '--fee-rate', '3');
  expect(first).toMatchObject({ how: 'cooperative' });
  // lnd answers the first request by one of its own as well: only then is lnkit's next one due.
  await eventually('the second request', async () => {
    return (await lnkit.run('channel', 'close', nameOf(channel), '--fee-rate', '60')).exitCode === 0;
  });
  const late = await eventually('the replacement', async () => {
    const txid = await network.bitcoind.waitForSpend(channel);
    return (await feerateOf(txid)) > 55 ? txid : undefined;
  });
  expectTaken(late);
  const ours = CAPACITY - PUSHED - 50_000;
  const before = await confirmed(lnkit);
  await network.mine(6);
  expect(await simple.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
  const gained = (await confirmed(lnkit)) - before;
  // At 60 sat/vB a closing transaction costs some 9,000 sat, which lnkit as the closer bears.
  expect(gained).toBeLessThan(ours - 7_000);
  expect(gained).toBeGreaterThan(ours - 14_000);
});

test('simple close: lnd closes, and replaces its closing transaction', async () => {
  const { lab: network, simple, lnkit } = lab();
  const channel = await openOurs(simple, '--private');
  const first = await simple.client.closeChannel(channel, { feeRate: 3 });
  await simple.client.closeChannel(channel, { feeRate: 40, replaces: first });
  await eventually('the dearer one in the mempool', async () => (await feerateOf(await network.bitcoind.waitForSpend(channel))) > 38);
  const before = await confirmed(lnkit);
  await network.mine(6);
  expect(await simple.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
  // lnd as the closer pays the whole fee.
  expect((await confirmed(lnkit)) - before).toBe(CAPACITY - PUSHED);
});

test('simple close: channels that lnd funded are closed from either side', async () => {
  const { lab: network, simple, lnkit } = lab();
  const one = await openToLnkit(network, simple, lnkit, { amountSat: CAPACITY, pushSat: PUSHED });
  await lnkit.ok('channel', 'close', nameOf(one), '--fee-rate', '30');
  await confirmClose(simple, one, PUSHED);
  const other = await openToLnkit(network, simple, lnkit, { amountSat: CAPACITY, pushSat: PUSHED, private: true });
  await simple.client.closeChannel(other, { feeRate: 30 });
  await confirmClose(simple, other, PUSHED);
});

test('a close pays to the address that was fixed when the channel was opened, and to no other', async () => {
  const { lab: network, legacy, lnkit } = lab();
  const address = await network.bitcoind.newAddress();
  const channel = await openOurs(legacy, '--close-to', address);
  const other = await lnkit.run('channel', 'close', nameOf(channel), '--to', await network.bitcoind.newAddress());
  expect(other.exitCode).toBe(6);
  await lnkit.ok('channel', 'close', nameOf(channel));
  const closing = await network.bitcoind.transaction(await network.bitcoind.waitForSpend(channel));
  expect(closing.vout.map((each) => each.scriptPubKey.address)).toContain(address);
  await network.mine(6);
  expect(await legacy.waitForClosed(channel)).toBe('COOPERATIVE_CLOSE');
});

test('lnkit force-closes, and both ends have their money in the end', async () => {
  const { lab: network, legacy, lnkit, judge } = lab();
  const channel = await openOurs(legacy);
  await use(legacy);
  const before = await confirmed(lnkit);
  const forced = await lnkit.ok<{ channel_id: string; txids: readonly string[] }>('channel', 'close', nameOf(channel), '--force');
  expect(forced).toMatchObject({ state: 'force_closing', how: 'local_force' });
  const commitment = await network.bitcoind.waitForSpend(channel);
  expect(forced.txids).toEqual([commitment]);
  expect(judge.verdict(commitment)).toMatchObject({ allowed: true });
  await network.mine(1);
  const { vout } = await network.bitcoind.transaction(commitment);
  const own = vout.findIndex((output) => Math.round(output.value * 1e8) > 530_000 && Math.round(output.value * 1e8) < 560_000);
  const published = await network.bitcoind.height();
  expect(await network.mineUntil('lnd to have its money', () => legacy.closeType(channel))).toBe('REMOTE_FORCE_CLOSE');
  // lnd asks for a delay of 144 blocks on a channel of this size: the sweep may stand in the block 144 after the commitment's.
  await network.mine(published + 142 - (await network.bitcoind.height()));
  expect(await confirmed(lnkit)).toBe(before);
  expect(await network.bitcoind.mempool()).toEqual([]);
  await network.mine(1);
  const sweep = await network.bitcoind.waitForSpend({ txid: commitment, index: own });
  expect(judge.verdict(sweep)).toMatchObject({ allowed: true });
  await network.mine(1);
  const gained = (await confirmed(lnkit)) - before;
  expect(gained).toBeGreaterThan(CAPACITY - PUSHED - 50_000 - 12_000);
  expect(gained).toBeLessThan(CAPACITY - PUSHED - 50_000);
  await network.mine(100);
  await eventually('the channel to be archived', async () => (await channelAt(lnkit, channel)) === undefined);
  expect(await lnkit.ok('channel', 'why', forced.channel_id)).toMatchObject({ how: 'local_force' });
});

test('lnd force-closes, and lnkit sweeps its balance after one block', async () => {
  const { lab: network, simple, lnkit, judge } = lab();
  const channel = await openToLnkit(network, simple, lnkit, { amountSat: CAPACITY, pushSat: PUSHED });
  const before = await confirmed(lnkit);
  const commitment = await simple.client.closeChannel(channel, { force: true });
  expect(await network.bitcoind.waitForSpend(channel)).toBe(commitment);
  await network.mine(1);
  await waitForState(lnkit, channel, 'force-closing', (found) => found.state === 'force_closing' && found.closing?.how === 'remote_force');
  const { vout } = await network.bitcoind.transaction(commitment);
  const own = vout.findIndex((output) => Math.round(output.value * 1e8) === PUSHED);
  const sweep = await network.bitcoind.waitForSpend({ txid: commitment, index: own });
  expect(judge.verdict(sweep)).toMatchObject({ allowed: true });
  await network.mine(1);
  const gained = (await confirmed(lnkit)) - before;
  expect(gained).toBeGreaterThan(PUSHED - 5_000);
  expect(gained).toBeLessThan(PUSHED);
});

test('a commitment that pays too little for the next blocks is lifted by a child over its anchor', async () => {
  const { lab: network, legacy, lnkit, judge } = lab();
  const { bitcoind } = network;
  const channel = await openOurs(legacy);
  // Without its peer lnkit can no longer agree on a higher feerate.
  await legacy.kill();
  const estimate = await bitcoind.fundFeeHistory(40);
  expect(estimate).toBeGreaterThan(25);
  await lnkit.ok('channel', 'close', nameOf(channel), '--force');
  const commitment = await bitcoind.waitForSpend(channel);
  const alone = await feerateOf(commitment);
  expect(alone).toBeLessThan(15);
  // A block that leaves it where it is.
  await bitcoind.rpc('generateblock', [await bitcoind.newAddress(), []]);
  type Entry = { readonly descendantcount: number; readonly descendantsize: number; readonly fees: { readonly descendant: number } };
  const lifted = await eventually('a child of the commitment', async () => {
    const entry = await bitcoind.rpc<Entry>('getmempoolentry', [commitment]);
    return entry.descendantcount === 2 ? entry : undefined;
  });
  expect((lifted.fees.descendant * 1e8) / lifted.descendantsize).toBeGreaterThan(20);
  const [child] = await bitcoind.rpc<string[]>('getmempooldescendants', [commitment]);
  expect(judge.verdict(child ?? '')).toMatchObject({ allowed: true });
  await network.mine(1);
  expect((await bitcoind.transaction(child ?? '')).confirmations).toBe(1);
  await legacy.run();
  expect(await network.mineUntil('lnd to have its money', () => legacy.closeType(channel))).toBe('REMOTE_FORCE_CLOSE');
});

test('wallet: both kinds of address are spent, bumped by replacement and by a child, and everything is swept out', async () => {
  const { lab: network, lnkit, judge } = lab();
  const { bitcoind } = network;
  const legacyKind = await lnkit.ok<{ address: string }>('wallet', 'address', '--type', 'p2wpkh');
  await bitcoind.sendToAddress(legacyKind.address, 3_000_000);
  await network.mine(1);
  type Sent = { readonly txid: string; readonly fee_sat: number };
  const target = await bitcoind.newAddress();
  const dry = await lnkit.ok<Sent>('wallet', 'send', target, '5000000sat', '--fee-rate', '2', '--dry-run');
  expect(await bitcoind.mempool()).not.toContain(dry.txid);
  const sent = await lnkit.ok<Sent>('wallet', 'send', target, '5000000sat', '--fee-rate', '2');
  await bitcoind.waitForTransaction(sent.txid);
  const replaced = await lnkit.ok<Sent>('wallet', 'bump', sent.txid, '--fee-rate', '9', '--method', 'rbf');
  await eventually('the replacement', async () => {
    const pool = await bitcoind.mempool();
    return pool.includes(replaced.txid) && !pool.includes(sent.txid);
  });
  const child = await lnkit.ok<Sent>('wallet', 'bump', replaced.txid, '--fee-rate', '25', '--method', 'cpfp');
  await bitcoind.waitForTransaction(child.txid);
  await network.mine(1);
  const all = await lnkit.ok<Sent>('wallet', 'send', target, 'all', '--fee-rate', '3');
  await bitcoind.waitForTransaction(all.txid);
  await network.mine(1);
  expect(await confirmed(lnkit)).toBe(0);
  for (const { txid } of [sent, replaced, child, all]) expect(judge.verdict(txid)).toMatchObject({ allowed: true });
});

test('bitcoind would take each transaction that lnkit sent, but for the ones that it had already or that came too late', () => {
  const { judge } = lab();
  expect(judge.judged.length).toBeGreaterThan(20);
  const harmless = /^(txn-already-in-mempool|txn-already-known|insufficient fee|bad-txns-inputs-missingorspent|missing-inputs)/;
  expect(judge.judged.filter(({ allowed, reason }) => !allowed && !harmless.test(reason ?? ''))).toEqual([]);
});
