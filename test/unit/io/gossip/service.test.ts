import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ChannelId } from '../../../../src/base/ids.ts';
import { height, msat } from '../../../../src/base/units.ts';
import type { RouteQuery } from '../../../../src/node/types.ts';
import { announcement, channel, connect, GOSSIP_FEATURES, NOW, nodeAnnouncement, open, party, update } from './world.ts';

const [self, b, c, d] = [party(1), party(2), party(3), party(4)];
const peerOf = (link: number, who = b) => ({ kind: 'peer_ready' as const, link, peer: who.id, features: GOSSIP_FEATURES });
const scidAt = (block: number): bigint => (BigInt(block) << 40n) | (1n << 16n);

const query = (part: Partial<RouteQuery> = {}): RouteQuery => ({
  destination: d.id,
  amountMsat: msat(1_000_000),
  maxFeeMsat: msat(50_000),
  maxParts: 4,
  finalCltvExpiry: height(500),
  maxCltvExpiry: height(2500),
  kind: 'invoice',
  hints: [],
  tails: [],
  finalBytes: 100,
  firstHops: [
    {
      channelId: new Uint8Array(32).fill(7) as ChannelId,
      scid: scidAt(9) as never,
      peer: b.id,
      sendableMsat: msat(5_000_000),
      htlcMinimumMsat: msat(1),
    },
  ],
  lessons: [],
  inFlight: [],
  excludedNodes: [],
  excludedChannels: [],
  ...part,
});

async function withGraph() {
  const harness = await open(self);
  harness.service.handle(peerOf(1));
  for (const message of [...channel(b, c, scidAt(10)), ...channel(c, d, scidAt(11)), nodeAnnouncement(d)])
    harness.service.handle({ kind: 'gossip', link: 1, peer: b.id, message });
  await harness.service.sync(0);
  return harness;
}

describe('the owner of the graph', () => {
  it('takes signed gossip of a peer into the graph and plans over it', async () => {
    const { service } = await withGraph();
    expect(service.status()).toMatchObject({ nodes: 3, channels: 2, updates: 4, accepted: 7, refused: {} });
    const planned = service.plan(query());
    if (!planned.ok) throw new Error(planned.failure.message);
    const [route] = planned.value;
    expect(planned.value).toHaveLength(1);
    expect(route?.hops.map((hop) => [hop.amountMsat, hop.cltvExpiry])).toEqual([
      [1_002_200n, 580],
      [1_001_100n, 540],
      [1_000_000n, 500],
    ]);
    await service.close();
  });

  it('does not touch the file for a direct channel', async () => {
    const { service, directory } = await open(self, {});
    service.handle(peerOf(1));
    expect(service.plan(query({ destination: b.id })).ok).toBe(true);
    await service.close();
    expect(existsSync(join(directory, 'graph.db'))).toBe(false);
  });

  it('reads its graph back from the file', async () => {
    const before = await withGraph();
    await before.service.close();
    const after = await open(self, { directory: before.directory });
    expect(after.service.status()).toMatchObject({ nodes: 3, channels: 2, updates: 4 });
    expect(after.service.plan(query()).ok).toBe(true);
    await after.service.close();
  });

  it('plans in parts when no channel can send the whole', async () => {
    const { service } = await withGraph();
    const [hop] = query().firstHops;
    if (hop === undefined) throw new Error();
    const firstHops = [msat(700_000), msat(700_000)].map((sendableMsat, i) => ({ ...hop, scid: scidAt(20 + i) as never, sendableMsat }));
    const planned = service.plan(query({ firstHops }));
    if (!planned.ok) throw new Error(planned.failure.message);
    expect(planned.value.length).toBeGreaterThan(1);
    expect(planned.value.reduce((sum, route) => sum + (route.hops.at(-1)?.amountMsat ?? 0n), 0n)).toBe(1_000_000n);
    await service.close();
  });

  it('says why there is no route', async () => {
    const { service } = await withGraph();
    const poor = service.plan(query({ amountMsat: msat(6_000_000) }));
    expect(poor.ok ? '' : poor.failure.message).toContain('5000000 msat');
    const stranger = service.plan(query({ destination: party(99).id }));
    expect(stranger.ok ? '' : stranger.failure.message).toContain('not among the 3 nodes');
    await service.close();
  });

  it('lets go of a peer that forges a signature, and keeps nothing of it', async () => {
    const { service, punished } = await open(self);
    service.handle(peerOf(1));
    const message = { ...announcement(b, c, scidAt(10)), features: Uint8Array.of(1) };
    service.handle({ kind: 'gossip', link: 1, peer: b.id, message });
    await service.sync(0);
    expect(punished).toEqual(['gossip refused: bad signature']);
    expect(service.status()).toMatchObject({ channels: 0, refused: { bad_signature: 1 } });
    await service.close();
  });

  it('counts and ignores what is of another chain, of the future, stale, repeated or of unknown channels', async () => {
    const { service, punished } = await withGraph();
    const before = service.status();
    const say = (message: Parameters<typeof service.handle>[0] & { kind: 'gossip' }) => service.handle(message);
    for (const message of [
      announcement(b, d, scidAt(12), { chainHash: new Uint8Array(32) as never }),
      update(b, c, scidAt(10), { timestamp: NOW + 200_000 }),
      update(b, c, scidAt(10), { timestamp: NOW - 3_000_000 }),
      update(b, c, scidAt(10)),
      update(b, c, scidAt(10), { feeBaseMsat: 5 }),
      update(b, c, scidAt(13), { messageFlags: 3 }),
      nodeAnnouncement(party(50)),
      announcement(c, d, scidAt(11)),
    ])
      say({ kind: 'gossip', link: 1, peer: b.id, message });
    await service.sync(0);
    expect(service.status().refused).toEqual({
      wrong_chain: 1,
      future: 1,
      stale: 1,
      duplicate: 2,
      contradicting: 1,
      unknown_channel: 1,
      unknown_node: 1,
    });
    expect(service.status()).toMatchObject({ channels: before.channels, updates: before.updates });
    expect(punished).toEqual([]);
    await service.close();
  });

  it('learns a graph from a peer by queries, and answers the same queries', async () => {
    const knowing = await withGraph();
    await knowing.service.close();
    const [from, to] = await connect({ self: b, part: { directory: knowing.directory } }, { self: party(7) });
    expect(await to.service.sync(5000)).toBe(true);
    expect(to.service.status()).toMatchObject({ nodes: 3, channels: 2, updates: 4, synced: true, refused: {} });
    await from.service.close();
    await to.service.close();
  });

  it('passes its own announcements on to peers that ask for gossip', async () => {
    const [from, to] = await connect({ self }, { self: c });
    expect(await to.service.sync(5000)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 10));
    for (const message of channel(self, b, scidAt(30))) from.service.handle({ kind: 'announce', message });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await to.service.sync(0);
    expect(to.service.status()).toMatchObject({ nodes: 2, channels: 1, updates: 2 });
    await from.service.close();
    await to.service.close();
  });

  it('does not announce a channel before its first update', async () => {
    const { service, sent, clock } = await open(self);
    service.handle(peerOf(1));
    service.handle({
      kind: 'gossip',
      link: 1,
      peer: b.id,
      message: {
        name: 'gossip_timestamp_filter',
        chainHash: announcement(b, c, 1n).chainHash,
        firstTimestamp: 0,
        timestampRange: 0xffffffff,
        tlvs: {},
      },
    });
    const [first, second] = channel(self, b, scidAt(30));
    if (first === undefined || second === undefined) throw new Error();
    service.handle({ kind: 'announce', message: first });
    service.tick(clock.now);
    expect(sent.filter(({ message }) => message.name === 'channel_announcement')).toHaveLength(0);
    service.handle({ kind: 'announce', message: second });
    expect(sent.slice(-2).map(({ message }) => message.name)).toEqual(['channel_announcement', 'channel_update']);
    await service.close();
  });
});
