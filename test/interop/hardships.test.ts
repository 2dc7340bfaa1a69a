import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useLab } from './harness/lab.ts';
import { parseOutpoint } from './harness/lnd-client.ts';
import type { CliResult } from './harness/lnkit.ts';
import { eventually } from './harness/poll.ts';
import { call, channelAt, channels, confirmed, fund, pay, waitForState, waitUntilUsable } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  const [lnd, lnkit] = await Promise.all([lab.lnd('alice', { fundSats: 20_000_000 }), lab.lnkit('carol')]);
  await lnkit.startDaemon();
  await fund(lab, lnkit, 20_000_000);
  return { lnd, lnkit };
});

test('why lnd refuses a channel is told, and the coins are free again', async () => {
  const { lnd, lnkit } = lab();
  const acceptor = await lnd.acceptChannels(() => ({ accept: false, error: 'not today' }));
  try {
    const refused = await lnkit.run('channel', 'open', lnd.address, '1000000sat');
    expect(refused.exitCode).toBe(7);
    expect(refused.json).toMatchObject({ error: { code: 'PEER_ERROR', message: expect.stringContaining('not today') } });
  } finally {
    acceptor.close();
  }
  expect(await lnkit.ok('wallet', 'balance')).toMatchObject({ confirmed_sat: 20_000_000, reserved_sat: 0 });
  expect(await channels(lnkit)).toEqual([]);
});

test('a funding transaction that a reorganisation moves to another block opens the channel under its new place', async () => {
  const { lab: network, lnd, lnkit } = lab();
  const { bitcoind } = network;
  // lnkit asks for 3 confirmations; an lnd that has seen as many as it wants holds on to the first place.
  await lnd.client.connectPeer(lnkit.address);
  const channel = await lnd.client.openChannel({ peer: lnkit.nodeId, amountSat: 2_000_000, pushSat: 1_000_000 });
  await bitcoind.waitForTransaction(channel.txid);
  await network.mine(1);
  const first = await waitForState(lnkit, channel, 'in a block', (found) => found.short_channel_id !== null);
  await bitcoind.rpc('invalidateblock', [await bitcoind.rpc('getbestblockhash')]);
  // The branch that wins holds the transaction one block later.
  await bitcoind.rpc('generateblock', [await bitcoind.newAddress(), []]);
  await network.mine(6);
  await Promise.all([waitUntilUsable(lnkit, channel), lnd.waitForChannel(channel)]);
  const found = await channelAt(lnkit, channel);
  expect(found?.short_channel_id).not.toBe(first.short_channel_id);
  const [block, index, output] = (found?.short_channel_id ?? '').split('x').map(BigInt) as [bigint, bigint, bigint];
  expect((await lnd.channel(channel))?.chan_id).toBe(`${(block << 40n) | (index << 16n) | output}`);
  expect(await pay(lnkit, (await lnd.client.addInvoice({ amountMsat: 1_000_000 })).bolt11)).toMatchObject({ exitCode: 0 });
});

test('an invoice that only AMP can pay is refused before anything is sent', async () => {
  const { lnd, lnkit } = lab();
  const { bolt11 } = await lnd.client.addInvoice({ amountMsat: 1_000_000, amp: true });
  expect(await lnkit.run('pay', bolt11)).toMatchObject({ exitCode: 2, json: { error: { code: 'UNKNOWN_FEATURE' } } });
});

test('connections that break under traffic both ways, and an lnd that is killed, lose and make nothing', async () => {
  const { lnd, lnkit } = lab();
  const [channel] = await channels(lnkit);
  const outpoint = parseOutpoint(channel?.funding_outpoint ?? '');
  const amount = 1_000_000;
  const there = await Promise.all(Array.from({ length: 60 }, () => lnd.client.addInvoice({ amountMsat: amount })));
  const back: { bolt11: string; payment_hash: string }[] = [];
  for (let i = 0; i < 60; i++) back.push(await call(lnkit, 'invoice.create', { amount_msat: amount }));
  const sending = Promise.all(there.map(({ bolt11 }) => call<{ status: string }>(lnkit, 'pay', { destination: bolt11, dry_run: false })));
  const receiving = back.map(({ bolt11 }) => lnd.client.sendPayment(bolt11, { timeoutSeconds: 30 }).catch(() => undefined));
  for (let cut = 0; cut < 4; cut++) {
    await lnd.client.disconnectPeer(lnkit.nodeId).catch(() => {});
    await waitUntilUsable(lnkit, outpoint);
  }
  await lnd.kill();
  await lnd.run();
  await waitUntilUsable(lnkit, outpoint);
  await Promise.all(receiving);
  const verdicts = await eventually('lnd to have no HTLC in flight', async () => {
    const payments = new Map((await lnd.client.listPayments()).map((each) => [each.payment_hash, each]));
    const mine = back.map(({ payment_hash }) => payments.get(payment_hash));
    return mine.every((each) => each?.htlcs.every((htlc) => htlc.status !== 'IN_FLIGHT') ?? true) && mine;
  });
  await sending;
  const again = await Promise.all(
    there.map(({ bolt11 }) => call<{ status: string }>(lnkit, 'pay', { destination: bolt11, dry_run: false })),
  );
  expect(again.map((each) => each.status)).toEqual(there.map(() => 'settled'));
  await eventually('every HTLC to be gone', async () => (await channels(lnkit)).every((each) => each.htlcs.length === 0));
  let received = 0;
  for (const [i, verdict] of verdicts.entries()) {
    const { invoice } = await call<{ invoice: { state: string } }>(lnkit, 'invoice.show', { payment_hash: back[i]?.payment_hash ?? '' });
    expect(invoice.state === 'settled').toBe(verdict?.status === 'SUCCEEDED');
    if (invoice.state === 'settled') received++;
  }
  expect((await channelAt(lnkit, outpoint))?.local_msat).toBe((channel?.local_msat ?? 0) + (received - there.length) * amount);
});

test('an lnkit on an old copy of its store publishes nothing, says that it lost data, and gets its balance from lnd', async () => {
  const { lab: network, lnd, lnkit } = lab();
  const [channel] = await channels(lnkit);
  const outpoint = parseOutpoint(channel?.funding_outpoint ?? '');
  const store = join(lnkit.directory, 'regtest');
  const copy = mkdtempSync(join(network.directory, 'old-store-'));
  await lnkit.stopDaemon();
  cpSync(store, copy, { recursive: true });
  await lnkit.startDaemon();
  await Promise.all([waitUntilUsable(lnkit, outpoint), lnd.waitForChannel(outpoint)]);
  for (let i = 0; i < 3; i++)
    expect(await pay(lnkit, (await lnd.client.addInvoice({ amountMsat: 100_000_000 })).bolt11)).toMatchObject({ exitCode: 0 });
  const due = Math.floor(((await channelAt(lnkit, outpoint))?.local_msat ?? 0) / 1000);
  await lnkit.stopDaemon();
  rmSync(store, { recursive: true });
  cpSync(copy, store, { recursive: true });
  await lnkit.startDaemon();
  await waitForState(lnkit, outpoint, 'known as outdated', (found) => found.state === 'data_loss');
  const commitment = await network.bitcoind.waitForSpend(outpoint);
  const before = await confirmed(lnkit);
  await network.mine(1);
  const { vout } = await network.bitcoind.transaction(commitment);
  const own = vout.findIndex((output) => Math.abs(Math.round(output.value * 1e8) - due) < 5_000);
  expect(own).toBeGreaterThanOrEqual(0);
  await network.bitcoind.waitForSpend({ txid: commitment, index: own });
  await network.mine(1);
  const gained = (await confirmed(lnkit)) - before;
  expect(gained).toBeGreaterThan(due - 10_000);
  expect(gained).toBeLessThanOrEqual(due);
});

test('a wallet restored from its words finds its coins on a real chain', async () => {
  const { lab: network, lnkit } = lab();
  const run = async (args: readonly string[], stdin?: string): Promise<CliResult> => {
    const running = await lnkit.spawn([...args, '--chain', network.bitcoind.chainUrl], stdin === undefined ? {} : { stdin });
    const result = await running.result;
    expect(result.exitCode, `${args.join(' ')}: ${result.stdout}${result.stderr}`).toBe(0);
    return result;
  };
  const [old, fresh] = [join(network.directory, 'old-wallet'), join(network.directory, 'restored')];
  const { mnemonic, node_id } = (await run(['init', '--datadir', old])).json as { mnemonic: string; node_id: string };
  for (const [type, sats] of [
    ['p2tr', 300_000],
    ['p2wpkh', 200_000],
    ['p2tr', 50_000],
  ] as const) {
    const { address } = (await run(['wallet', 'address', '--type', type, '--datadir', old])).json as { address: string };
    await network.bitcoind.sendToAddress(address, sats);
  }
  await network.mine(1);
  expect((await run(['wallet', 'balance', '--datadir', old])).json).toMatchObject({ confirmed_sat: 550_000 });
  const restored = await run(['init', '--mnemonic', '-', '--datadir', fresh], mnemonic);
  expect(restored.json).toMatchObject({ node_id });
  expect((await run(['wallet', 'balance', '--datadir', fresh])).json).toMatchObject({ confirmed_sat: 550_000 });
});

test('no bug was met on the way', () => {
  expect(readFileSync(lab().lnkit.logFile, 'utf8')).not.toMatch(/bug while|lnkit stops/);
});
