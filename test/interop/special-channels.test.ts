import { expect, test } from 'vitest';
import { acceptZeroConf } from './harness/acceptor.ts';
import { useLab } from './harness/lab.ts';
import { eventually } from './harness/poll.ts';
import { channelAt, channels, confirmed, fund, invoice, openToLnd, openToLnkit, pay } from './moves.ts';

const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  const [lnd, lnkit] = await Promise.all([lab.lnd('alice', { fundSats: 100_000_000 }), lab.lnkit('carol')]);
  await lnkit.startDaemon();
  await fund(lab, lnkit, 100_000_000);
  return { lnd, lnkit };
});

/** lnd's form of a short channel id, an integer, from `BxTxO`. */
function integerOf(scid: string): string {
  const [block, index, output] = scid.split('x').map(BigInt) as [bigint, bigint, bigint];
  return `${(block << 40n) | (index << 16n) | output}`;
}

test('a peer that is not trusted gets no zero-conf channel, from either side', async () => {
  const { lnd, lnkit } = lab();
  const refused = await lnkit.run('channel', 'open', lnd.address, '500000sat', '--private', '--zero-conf');
  expect(refused).toMatchObject({ exitCode: 6, json: { error: { code: 'POLICY' } } });
  await lnd.client.connectPeer(lnkit.address);
  const asked = lnd.client.openChannel({
    ...{ peer: lnkit.nodeId, amountSat: 500_000, private: true, scidAlias: true },
    ...{ zeroConf: true, commitmentType: 'ANCHORS' },
  });
  await expect(asked).rejects.toThrow();
  expect(await channels(lnkit)).toEqual([]);
});

test('a zero-conf channel that lnd opens to lnkit carries payments both ways before any block, and after it', async () => {
  const { lab: network, lnd, lnkit } = lab();
  await lnkit.ok('peer', 'disconnect', lnd.nodeId);
  await lnkit.ok('peer', 'connect', lnd.address, '--trust-zero-conf');
  const channel = await openToLnkit(network, lnd, lnkit, {
    ...{ amountSat: 700_000, pushSat: 200_000, private: true, scidAlias: true },
    ...{ zeroConf: true, commitmentType: 'ANCHORS', confirmations: 0 },
  });
  expect((await network.bitcoind.transaction(channel.txid)).confirmations ?? 0).toBe(0);
  const seen = await channelAt(lnkit, channel);
  expect(seen).toMatchObject({ state: 'normal', zero_conf: true, short_channel_id: null });
  expect(await pay(lnkit, (await lnd.client.addInvoice({ amountMsat: 30_000_000 })).bolt11)).toMatchObject({ exitCode: 0 });
  await lnd.waitForEdge(channel);
  expect(await lnd.client.sendPayment((await invoice(lnkit, '20000sat')).bolt11)).toMatchObject({ status: 'SUCCEEDED' });
  await network.mine(6);
  const confirmed = await eventually('lnkit to know its place in the chain', async () => {
    const found = await channelAt(lnkit, channel);
    return found?.short_channel_id == null ? undefined : found;
  });
  await eventually('lnd to know it too', async () => {
    return (await lnd.channel(channel))?.zero_conf_confirmed_scid === integerOf(confirmed.short_channel_id ?? '');
  });
  expect(await pay(lnkit, (await lnd.client.addInvoice({ amountMsat: 10_000_000 })).bolt11)).toMatchObject({ exitCode: 0 });
  expect(await lnd.client.sendPayment((await invoice(lnkit, '5000sat')).bolt11)).toMatchObject({ status: 'SUCCEEDED' });
});

test('a zero-conf channel that lnkit opens to lnd carries a payment before any block', async () => {
  const { lab: network, lnd, lnkit } = lab();
  const acceptor = await lnd.acceptChannels(acceptZeroConf);
  try {
    const channel = await openToLnd(network, lnkit, lnd, 800_000, { flags: ['--private', '--zero-conf'], confirmations: 0 });
    expect(acceptor.asked.map((each) => [each.funding_amt, each.wants_zero_conf, each.wants_scid_alias])).toContainEqual([
      '800000',
      true,
      true,
    ]);
    expect((await network.bitcoind.transaction(channel.txid)).confirmations ?? 0).toBe(0);
    const paid = await pay(
      lnkit,
      (await lnd.client.addInvoice({ amountMsat: 40_000_000 })).bolt11,
      '--outgoing',
      `${channel.txid}:${channel.index}`,
    );
    expect(paid).toMatchObject({ exitCode: 0, status: 'settled' });
    await network.mine(6);
    await eventually('it to be confirmed', async () => (await channelAt(lnkit, channel))?.short_channel_id !== null);
  } finally {
    acceptor.close();
  }
});

test('a channel of more than 2^24 satoshi opens from either side and carries more than the old limit in one HTLC', async () => {
  const { lab: network, lnd, lnkit } = lab();
  const ours = await openToLnd(network, lnkit, lnd, 30_000_000);
  const theirs = await openToLnkit(network, lnd, lnkit, { amountSat: 30_000_000 });
  const amount = 20_000_000_000;
  const { bolt11 } = await lnd.client.addInvoice({ amountMsat: amount });
  const paid = await pay(lnkit, bolt11, '--max-parts', '1', '--outgoing', `${ours.txid}:${ours.index}`);
  expect(paid).toMatchObject({ exitCode: 0, status: 'settled', amount_msat: amount });
  expect(paid.parts).toHaveLength(1);
  const chanId = (await lnd.channel(theirs))?.chan_id ?? '';
  const back = await lnd.client.sendPayment((await invoice(lnkit, '20000000sat')).bolt11, { maxParts: 1, outgoingChannels: [chanId] });
  expect(back).toMatchObject({ status: 'SUCCEEDED' });
  expect(back.htlcs.filter((each) => each.status === 'SUCCEEDED')).toHaveLength(1);
});

test('invoices of both ends name a private channel by its alias, never by its place in the chain', async () => {
  const { lnd, lnkit } = lab();
  const all = (await channels(lnkit)).filter((each) => !each.public);
  const real = all.map((each) => integerOf(each.short_channel_id ?? '0x0x0'));
  const ours = await lnd.client.decodePayReq((await invoice(lnkit, '1000sat', '--private-hints')).bolt11);
  const hinted = ours.route_hints.flatMap((hint) => hint.hop_hints.map((hop) => hop.chan_id));
  expect(hinted.length).toBeGreaterThan(0);
  // BOLT 2: the alias that the other end chose, by which it knows where to forward.
  const aliases = (await lnd.client.listChannels()).flatMap((each) => each.alias_scids);
  expect(aliases).toEqual(expect.arrayContaining(hinted));
  // lnd names private channels with nodes only that have public ones as well: the channels of the test before this one.
  const theirs = await lnd.client.addInvoice({ amountMsat: 1_000_000, private: true });
  type Decoded = { readonly routes: readonly (readonly { readonly short_channel_id: string }[])[] };
  const decoded = await lnkit.ok<Decoded>('decode', theirs.bolt11);
  const named = decoded.routes.flatMap((route) => route.map((hop) => integerOf(hop.short_channel_id)));
  expect(named.length).toBeGreaterThan(0);
  expect(all.map((each) => integerOf(each.alias ?? '0x0x0'))).toEqual(expect.arrayContaining(named));
  for (const scid of [...hinted, ...named]) expect(real).not.toContain(scid);
});

test('a channel without anchors carries payments and is closed by force, with the money back', async () => {
  const { lab: network, lnd, lnkit } = lab();
  const channel = await openToLnkit(network, lnd, lnkit, {
    ...{ amountSat: 1_000_000, pushSat: 400_000, commitmentType: 'STATIC_REMOTE_KEY' as const },
  });
  expect((await channelAt(lnkit, channel))?.channel_type).toEqual(['option_static_remotekey']);
  const paid = await pay(
    lnkit,
    (await lnd.client.addInvoice({ amountMsat: 20_000_000 })).bolt11,
    '--outgoing',
    `${channel.txid}:${channel.index}`,
  );
  expect(paid).toMatchObject({ exitCode: 0, status: 'settled' });
  const chanId = (await lnd.channel(channel))?.chan_id ?? '';
  expect(await lnd.client.sendPayment((await invoice(lnkit, '5000sat')).bolt11, { outgoingChannels: [chanId] })).toMatchObject({
    status: 'SUCCEEDED',
  });
  const before = await confirmed(lnkit);
  await lnd.client.closeChannel(channel, { force: true });
  const commitment = await network.bitcoind.waitForSpend(channel);
  await network.mine(1);
  const { vout } = await network.bitcoind.transaction(commitment);
  const index = vout.findIndex((output) => Math.round(output.value * 1e8) === 385_000);
  expect(index).toBeGreaterThanOrEqual(0);
  await network.bitcoind.waitForSpend({ txid: commitment, index });
  await network.mine(1);
  const gained = (await confirmed(lnkit)) - before;
  expect(gained).toBeGreaterThan(380_000);
  expect(gained).toBeLessThan(385_000);
});

test('an address that lnd fixed when it opened the channel gets its money from a close that lnkit begins', async () => {
  const { lab: network, lnd, lnkit } = lab();
  const address = await network.bitcoind.newAddress();
  const channel = await openToLnkit(network, lnd, lnkit, { amountSat: 500_000, closeAddress: address });
  await lnkit.ok('channel', 'close', `${channel.txid}:${channel.index}`);
  const closing = await network.bitcoind.transaction(await network.bitcoind.waitForSpend(channel));
  expect(closing.vout.map((each) => each.scriptPubKey.address)).toEqual([address]);
});
