import { describe, expect, it } from 'vitest';
import { unixTime } from '../../../../src/base/units.ts';
import { NETWORK_PARAMS } from '../../../../src/bitcoin/network.ts';
import { encodeScids } from '../../../../src/bolt/gossip/encoding.ts';
import { readGossip } from '../../../../src/bolt/gossip/raw.ts';
import { STALL_SECONDS, WANT_UPDATE_1 } from '../../../../src/bolt/gossip/sync.ts';
import { Graph } from '../../../../src/bolt/route/graph.ts';
import type { Message } from '../../../../src/bolt/wire/message.ts';
import { encodeMessage } from '../../../../src/bolt/wire/message.ts';
import { GossipPeer } from '../../../../src/io/gossip/peer.ts';
import { Relay } from '../../../../src/io/gossip/relay.ts';
import { SyncKeeper } from '../../../../src/io/gossip/sync-keeper.ts';
import { inlineVerifier, pooledVerifier } from '../../../../src/io/gossip/verifier.ts';
import {
  announcement,
  channel,
  connect,
  GOSSIP_FEATURES,
  type Harness,
  NOW,
  nodeAnnouncement,
  open,
  type Party,
  party,
  update,
} from './world.ts';

const [self, a, b, c] = [party(1), party(2), party(3), party(4)];
const { chainHash } = NETWORK_PARAMS.regtest;
const scidAt = (block: number): bigint => (BigInt(block) << 40n) | (1n << 16n);
const range = { name: 'reply_channel_range', chainHash, firstBlocknum: 0, numberOfBlocks: 0xffffffff, syncComplete: 1, tlvs: {} } as const;
const scidsEnd = { name: 'reply_short_channel_ids_end', chainHash, fullInformation: 1, tlvs: {} } as const;
const listing = (count: number): Message => ({
  ...range,
  encodedShortIds: encodeScids(Array.from({ length: count }, (_, i) => scidAt(i + 1))),
});

const ready = (harness: Harness, link: number, peer: Party, features = GOSSIP_FEATURES): void =>
  harness.service.handle({ kind: 'peer_ready', link, peer: peer.id, features });
const say = (harness: Harness, message: Message, link = 1): void => harness.service.handle({ kind: 'gossip', link, peer: a.id, message });
/** Passes time, a second at a time as the clock of a node does. */
function pass(harness: Harness, seconds: number): void {
  for (let i = 0; i < seconds; i++) {
    harness.clock.now = unixTime(harness.clock.now + 1);
    harness.service.tick(harness.clock.now);
  }
}
const asked = (harness: Harness): number[] =>
  harness.sent.filter(({ message }) => message.name === 'query_channel_range').map(({ link }) => link);

describe('a sync', () => {
  it('leaves a stalled peer for another, a slow one not', async () => {
    const harness = await open(self);
    ready(harness, 1, a);
    ready(harness, 2, b);
    pass(harness, 5);
    expect(asked(harness)).toEqual([1]);
    say(harness, listing(1000));
    // Slow, not stalled: some messages come in every minute.
    for (let i = 0; i < 300; i++) {
      pass(harness, 5);
      say(harness, nodeAnnouncement(c));
    }
    expect(asked(harness)).toEqual([1]);
    pass(harness, STALL_SECONDS);
    expect(asked(harness)).toEqual([1, 2]);
    // What the first says at last does no harm, to it or to the sync with the second.
    say(harness, scidsEnd);
    say(harness, { ...range, encodedShortIds: encodeScids([]) }, 2);
    expect(harness.punished).toEqual([]);
    expect(harness.service.status()).toMatchObject({ synced: true, peers: 2 });
    await harness.service.close();
  });

  it('somebody waits for goes on with the next peer at once when one stalls or leaves, and ends when nobody is left', async () => {
    const harness = await open(self);
    for (const [link, peer] of [a, b, c].entries()) ready(harness, link + 1, peer);
    let result: boolean | null = null;
    const waiting = harness.service.sync(600_000).then((done) => {
      result = done;
    });
    // All were asked before, within the hour: without somebody who waits nobody would be asked now.
    expect(asked(harness)).toEqual([1]);
    pass(harness, STALL_SECONDS);
    expect(asked(harness)).toEqual([1, 2]);
    harness.service.handle({ kind: 'peer_gone', link: 2, peer: b.id });
    expect(asked(harness)).toEqual([1, 2, 3]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(result).toBe(null);
    pass(harness, STALL_SECONDS);
    await waiting;
    expect(result).toBe(false);
    expect(asked(harness)).toEqual([1, 2, 3]);
    await harness.service.close();
  });

  it('ends at once where no peer keeps a graph', async () => {
    const harness = await open(self);
    ready(harness, 1, a, new Uint8Array(0));
    expect(await harness.service.sync(600_000)).toBe(false);
    await harness.service.close();
  });

  it('is not taken for stalled after we slept ourselves', async () => {
    const harness = await open(self);
    ready(harness, 1, a);
    ready(harness, 2, b);
    pass(harness, 5);
    harness.clock.now = unixTime(harness.clock.now + 3000);
    harness.service.tick(harness.clock.now);
    expect(asked(harness)).toEqual([1]);
    pass(harness, STALL_SECONDS - 1);
    expect(asked(harness)).toEqual([1]);
    pass(harness, 1);
    expect(asked(harness)).toEqual([1, 2]);
    await harness.service.close();
  });

  it('with a peer that lists channels and knows none of them ends with that peer let go', async () => {
    const harness = await open(self);
    ready(harness, 1, a);
    pass(harness, 5);
    say(harness, listing(1000));
    say(harness, scidsEnd);
    expect(harness.punished).toEqual(['lists 1000 channels and knows none of them']);
    await harness.service.close();
  });

  it('ends although other peers go on and on with news', async () => {
    const [from, to] = await connect({ self: b }, { self });
    for (const message of channel(a, c, scidAt(10))) from.service.handle({ kind: 'announce', message });
    ready(to, 7, c);
    const bytes = encodeMessage(announcement(a, b, scidAt(500)));
    let told = 0;
    // Verified one by one and refused: the queue is never empty while this goes on.
    const flood = setInterval(() => {
      for (let i = 0; i < 40; i++) {
        const forged = bytes.slice();
        new DataView(forged.buffer).setBigUint64(258 + 2 + 32, scidAt(1000 + told++));
        to.service.receive(7, forged);
      }
      ready(to, 7, c);
    }, 1);
    try {
      expect(await to.service.sync(5000)).toBe(true);
    } finally {
      clearInterval(flood);
    }
    expect(to.service.status().channels).toBe(1);
    await from.service.close();
    await to.service.close();
  });

  it('holds the next query back while too much waits to be verified, and does not call the peer stalled for that', async () => {
    const sent: Message[] = [];
    let [now, busy] = [unixTime(NOW), true];
    let makeRoom: () => void = () => {};
    const room = new Promise<void>((resolve) => {
      makeRoom = resolve;
    });
    const peers = new Map<number, GossipPeer>();
    const keeper = new SyncKeeper({ chainHash, peers, log() {}, now: () => now, room: () => (busy ? room : null) });
    const peer = new GossipPeer({
      ...{ link: 1, peer: a.id, features: GOSSIP_FEATURES, chainHash, readyAt: 0, choose: () => 31 },
      send: (message) => void sent.push(message),
      backlog: () => 0,
    });
    peers.set(1, peer);
    keeper.tick(now);
    expect(keeper.reply(peer, listing(10) as never, now)).toBe(null);
    expect(sent.map(({ name }) => name)).toEqual(['query_channel_range']);
    for (let i = 0; i < 5 * STALL_SECONDS; i++) {
      now = unixTime(now + 1);
      keeper.tick(now);
    }
    expect(keeper.isQuiet).toBe(false);
    busy = false;
    makeRoom();
    await room;
    expect(sent.map(({ name }) => name)).toEqual(['query_channel_range', 'query_short_channel_ids']);
    expect(keeper.reply(peer, scidsEnd, now)).toBe(null);
    expect(keeper.isQuiet).toBe(true);
    keeper.close();
  });
});

describe('the pool of verifiers', () => {
  it('answers every batch although its workers die as soon as they start', async () => {
    const job = (n: number) => ({ message: readGossip(encodeMessage(announcement(a, b, scidAt(n)))) as never, updateKey: null });
    const jobs = Array.from({ length: 40 }, (_, i) => job(i));
    const pool = pooledVerifier(1, '/nowhere/addon.node');
    const batches = await Promise.all(Array.from({ length: 6 }, () => pool.verify(jobs)));
    expect(batches).toEqual(Array.from({ length: 6 }, () => jobs.map(() => true)));
    await pool.close();
    expect(await inlineVerifier().verify(jobs.slice(0, 2))).toEqual([true, true]);
  });
});

describe('the relay', () => {
  it('tells of a new channel with its first update, however many without one came before it', () => {
    const sent: Message[] = [];
    const peer = new GossipPeer({
      ...{ link: 1, peer: a.id, features: GOSSIP_FEATURES, chainHash, readyAt: 0, choose: () => 0 },
      send: (message) => void sent.push(message),
      backlog: () => 0,
    });
    peer.filter = { first: 0, range: 0xffffffff };
    const relay = new Relay();
    const bare = encodeMessage(announcement(a, b, scidAt(1)));
    for (let i = 1; i <= 6_000; i++) {
      const bytes = bare.slice();
      new DataView(bytes.buffer).setBigUint64(258 + 2 + 32, scidAt(i));
      relay.add(readGossip(bytes) as never, 2);
    }
    for (const n of [6_000, 1]) relay.add(readGossip(encodeMessage(update(a, b, scidAt(n)))) as never, 2);
    relay.flush([peer]);
    expect(sent.map(({ name }) => name)).toEqual(['channel_announcement', 'channel_update', 'channel_update']);
  });
});

it('asks for an update that says the same with a newer timestamp only before the one it has grows too old to stay', () => {
  const now = unixTime(NOW);
  const keeper = new SyncKeeper({ chainHash: new Uint8Array(32), peers: new Map(), log: () => {}, room: () => null, now: () => now });
  const graph = new Graph();
  keeper.graph = graph;
  const [scid, day] = [5n << 40n, 86_400];
  const channel = graph.addChannel({ scid, a: party(2).id, b: party(3).id, capacityMsat: 1e6, flags: 0 });
  const policy = { disabled: false, cltvExpiryDelta: 40, htlcMinimumMsat: 1, htlcMaximumMsat: 1e6, feeBaseMsat: 0, checksum: 77 };
  const wanted = (age: number, checksum: number): number => {
    graph.setPolicy(2 * channel, { ...policy, feeProportionalMillionths: 0, timestamp: NOW - age });
    return keeper.choose({ scid, timestamp1: NOW - 60, timestamp2: 0, checksum1: checksum, checksum2: 0, dated: true }, now);
  };
  expect([wanted(day, 77), wanted(day, 78), wanted(8 * day, 77)]).toEqual([0, WANT_UPDATE_1, WANT_UPDATE_1]);
});
