import { expect, test } from 'vitest';
import { formatScid, type ShortChannelId } from '../../src/base/ids.ts';
import { useLab } from './harness/lab.ts';
import { type Outpoint, parseOutpoint } from './harness/lnd-client.ts';
import { eventually } from './harness/poll.ts';
import { call, fund, type LnkitPayment, pay, waitUntilUsable } from './moves.ts';

/** kit (lnkit) has a channel with alice and one with bob, and each of them one with dora; alice and bob have 18 between them. */
const lab = useLab(['bitcoind', 'lnd'], async (lab) => {
  const [alice, bob, dora, kit] = await Promise.all([lab.lnd('alice'), lab.lnd('bob'), lab.lnd('dora'), lab.lnkit('kit')]);
  await kit.startDaemon();
  await alice.fund(20_000_000);
  await bob.fund(20_000_000);
  await fund(lab, kit, 10_000_000);
  await alice.client.connectPeer(bob.address);
  for (const lnd of [alice, bob]) await lnd.client.connectPeer(dora.address);
  const lnds: Outpoint[] = [];
  const open = async (from: typeof alice, to: typeof alice, amountSat: number, pushSat: number): Promise<void> => {
    lnds.push(await from.client.openChannel({ peer: to.nodeId, amountSat, pushSat, minConfs: 0 }));
  };
  await open(alice, dora, 1_000_000, 200_000);
  await open(bob, dora, 1_000_000, 200_000);
  for (const [from, to] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    const channels = Array.from({ length: 9 }, (_, i) => ({ peer: to.nodeId, amountSat: 200_000 + 50_000 * i, pushSat: 100_000 }));
    lnds.push(...(await from.client.openChannels(channels)));
  }
  const own: Outpoint[] = [];
  for (const lnd of [alice, bob]) {
    const opened = await kit.ok<{ funding_outpoint: string }>('channel', 'open', lnd.address, '900000sat', '--push', '100000sat');
    own.push(parseOutpoint(opened.funding_outpoint));
  }
  for (const { txid } of [...lnds, ...own]) await lab.bitcoind.waitForTransaction(txid);
  await lab.mine(7);
  await Promise.all(own.map((channel) => waitUntilUsable(kit, channel)));
  return { alice, bob, dora, kit, lnds, own };
});

const LND_CHANNELS = 20;
const ALL_CHANNELS = LND_CHANNELS + 2;

interface Stats {
  readonly nodes: number;
  readonly channels: number;
  readonly updates: number;
}

test('the 20 channels of lnds are learned from them, each with both policies', async () => {
  const { kit, alice, lnds } = lab();
  const stats = await eventually('lnkit to know every channel', async () => {
    await kit.ok('gossip', 'sync', alice.address, '--timeout', '5s').catch(() => undefined);
    const found = await call<Stats>(kit, 'graph.stats');
    return found.channels === ALL_CHANNELS && found.updates === 2 * ALL_CHANNELS ? found : undefined;
  });
  expect(stats.nodes).toBe(4);
  expect(lnds).toHaveLength(LND_CHANNELS);
  const known = await alice.client.describeGraph();
  for (const { txid, index } of lnds) {
    const edge = known.edges.find(({ chan_point }) => chan_point === `${txid}:${index}`);
    const scid = formatScid(BigInt(edge?.channel_id ?? 0) as ShortChannelId);
    expect(await call<object>(kit, 'graph.channel', { short_channel_id: scid })).toMatchObject({
      node1: edge?.node1_pub,
      node2: edge?.node2_pub,
      capacity_sat: Number(edge?.capacity),
    });
  }
});

test('lnd sees the channels of lnkit with its policies, also one that is not their peer', async () => {
  const { kit, dora, own } = lab();
  await eventually('dora to know what lnkit asks', async () => {
    const { edges } = await dora.client.describeGraph();
    return own.every(({ txid, index }) => {
      const edge = edges.find(({ chan_point }) => chan_point === `${txid}:${index}`);
      const policy = edge?.node1_pub === kit.nodeId ? edge.node1_policy : edge?.node2_policy;
      return policy?.fee_base_msat === '1000' && policy.fee_rate_milli_msat === '100' && !policy.disabled;
    });
  });
});

test('lnd’s queryroutes and lnkit route agree on the way and on the fee', async () => {
  const { alice, bob, dora, kit, own } = lab();
  // Bob becomes dear, so that there is one best way.
  await bob.client.updateChannelPolicy({ baseFeeMsat: 50_000, feeRatePpm: 5_000, timeLockDelta: 80 });
  await eventually('both to know that bob is dear', async () => {
    const edge = (await dora.client.describeGraph()).edges.find(({ chan_point }) => chan_point === `${own[1]?.txid}:${own[1]?.index}`);
    const policy = edge?.node1_pub === bob.nodeId ? edge.node1_policy : edge?.node2_policy;
    if (policy?.fee_base_msat !== '50000') return false;
    const scid = formatScid(BigInt(edge?.channel_id ?? 0) as ShortChannelId);
    const seen = await call<{ policies: readonly { node_id: string; fee_base_msat: number }[] }>(kit, 'graph.channel', {
      short_channel_id: scid,
    });
    return seen.policies.some(({ node_id, fee_base_msat }) => node_id === bob.nodeId && fee_base_msat === 50_000);
  });
  const theirs = (await dora.client.queryRoutes(kit.nodeId, 50_000))[0];
  const ours = await kit.ok<{ fee_msat: number; routes: readonly { hops: readonly { node_id: string; short_channel_id: string }[] }[] }>(
    ...['route', kit.nodeId, '50000sat', '--from', dora.nodeId],
  );
  expect(theirs?.hops.map(({ pub_key }) => pub_key)).toEqual([alice.nodeId, kit.nodeId]);
  const names = theirs?.hops.map(({ chan_id }) => formatScid(BigInt(chan_id) as ShortChannelId));
  expect(ours.routes[0]?.hops.map(({ short_channel_id }) => short_channel_id)).toEqual(names);
  expect(`${ours.fee_msat}`).toBe(theirs?.total_fees_msat);
});

test('lnd answers probes, and is paid over two paths neither of which is enough, by what they taught', async () => {
  const { dora, kit } = lab();
  const probe = await kit.ok<{
    reachable: boolean;
    latency_ms: number;
    routes: readonly { hops: readonly { latency_ms: number | null }[] }[];
  }>(...['probe', dora.nodeId, '1000sat', '--max-fee', '1000sat']);
  expect(probe.reachable).toBe(true);
  expect(probe.routes[0]?.hops.every(({ latency_ms }) => latency_ms !== null)).toBe(true);
  const { bolt11 } = await dora.client.addInvoice({ amountMsat: 1_200_000_000 });
  const single = await kit.run('probe', bolt11, '--max-parts', '1', '--max-fee', '20000sat');
  expect(single.exitCode).not.toBe(0);
  const paid: LnkitPayment = await pay(kit, bolt11, '--max-fee', '20000sat', '--from-probe');
  expect(paid).toMatchObject({ status: 'settled', amount_msat: 1_200_000_000 });
  // The first preimage is the verdict: the other part's may still be on its way.
  expect(paid.parts.filter(({ status }) => status !== 'failed').length).toBeGreaterThan(1);
});
