import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compare, fromHex } from '../../../../src/base/bytes.ts';
import type { BlockHash, TxId } from '../../../../src/base/ids.ts';
import { fail, ok } from '../../../../src/base/result.ts';
import { height, sat, unixTime } from '../../../../src/base/units.ts';
import { NETWORK_PARAMS } from '../../../../src/bitcoin/network.ts';
import { type Tx, txId } from '../../../../src/bitcoin/tx.ts';
import { fundingScript } from '../../../../src/bolt/channel/scripts.ts';
import { encodeScids } from '../../../../src/bolt/gossip/encoding.ts';
import { Graph } from '../../../../src/bolt/route/graph.ts';
import { decodeMessage, encodeMessage, type Message } from '../../../../src/bolt/wire/message.ts';
import { type ChainSource, unreachable } from '../../../../src/io/chain/source.ts';
import { Answers } from '../../../../src/io/gossip/answers.ts';
import { GraphDatabase } from '../../../../src/io/gossip/database.ts';
import vectors from '../../../vectors/gossip-version-2-lnd.json' with { type: 'json' };
import { announcement, channel, GOSSIP_FEATURES, type Harness, NOW, nodeAnnouncement, open, party, update } from './world.ts';

const [self, a, b] = [party(1), party(2), party(3)];
const scidAt = (block: number, index = 1): bigint => (BigInt(block) << 40n) | (BigInt(index) << 16n);
const { chainHash } = NETWORK_PARAMS.regtest;
const ready = (harness: Harness, link = 1, peer = a): void =>
  harness.service.handle({ kind: 'peer_ready', link, peer: peer.id, features: GOSSIP_FEATURES });
const say = (harness: Harness, messages: readonly Message[], link = 1): void => {
  for (const message of messages) harness.service.handle({ kind: 'gossip', link, peer: a.id, message });
};
const spendOf = (txid: Uint8Array, vout: number): Tx => ({
  version: 2,
  inputs: [{ prevout: { txid: txid as TxId, vout }, scriptSig: new Uint8Array(0), sequence: 0, witness: [] }],
  outputs: [],
  locktime: 0,
});
const connect = ({ service }: Harness, at: number, txs: readonly Tx[]): void =>
  service.block({ kind: 'block', height: height(at), hash: new Uint8Array(32) as BlockHash, time: unixTime(NOW), txs });
const disconnect = ({ service }: Harness, at: number): void =>
  service.block({ kind: 'block_disconnected', height: height(at), hash: new Uint8Array(32) as BlockHash });
const range = { name: 'reply_channel_range', chainHash, firstBlocknum: 0, numberOfBlocks: 0xffffffff, syncComplete: 1, tlvs: {} } as const;

describe('a peer that misbehaves is let go', () => {
  const punishedFor = async (messages: readonly Message[]): Promise<readonly string[]> => {
    const harness = await open(self);
    ready(harness);
    say(harness, messages);
    await harness.service.sync(0);
    await harness.service.close();
    return harness.punished;
  };
  const ask = (encodedShortIds: Uint8Array): Message => ({ name: 'query_short_channel_ids', chainHash, encodedShortIds, tlvs: {} });

  it('for zlib, unsorted or halved arrays in its queries', async () => {
    for (const encoded of [Uint8Array.of(1, 2), encodeScids([2n, 1n]), encodeScids([1n]).subarray(0, 5)])
      expect(await punishedFor([ask(encoded)])).toHaveLength(1);
  });
  it('for a second query before the first was answered', async () => {
    const harness = await open(self);
    ready(harness);
    say(harness, [...channel(a, b, scidAt(10))]);
    await harness.service.sync(0);
    // The answer leaves in the same turn where there is room; a peer that does not read makes it wait.
    const busy = await open(self, { directory: harness.directory, backlog: () => 1e9 });
    ready(busy);
    say(busy, [ask(encodeScids([scidAt(10)])), ask(encodeScids([scidAt(10)]))]);
    expect(busy.punished).toEqual(['a second query_short_channel_ids before the first was answered']);
    await harness.service.close();
    await busy.service.close();
  });
  it('for a second range query before the first was answered, or for more questions than anybody needs', async () => {
    const ask = { name: 'query_channel_range', chainHash, firstBlocknum: 0, numberOfBlocks: 100, tlvs: {} } as const;
    const busy = await open(self, { backlog: () => 1e9 });
    ready(busy);
    say(busy, [ask, ask]);
    expect(busy.punished).toEqual(['a second query_channel_range before the first was answered']);
    const harness = await open(self);
    ready(harness);
    for (let i = 0; i < 1000; i++) say(harness, [ask]);
    expect(harness.punished).toEqual([]);
    expect(harness.sent.filter(({ message }) => message.name === 'reply_channel_range')).toHaveLength(1000);
    say(harness, [ask]);
    expect(harness.punished).toEqual(['more questions about the graph than anybody needs']);
    await busy.service.close();
    await harness.service.close();
  });
  it('for replies to a sync that cannot be decoded', async () => {
    const harness = await open(self);
    ready(harness);
    harness.clock.now = unixTime(NOW + 5);
    harness.service.tick(harness.clock.now);
    expect(harness.sent.at(-1)?.message.name).toBe('query_channel_range');
    say(harness, [{ ...range, encodedShortIds: Uint8Array.of(1, 0x78) }]);
    expect(harness.punished).toHaveLength(1);
    await harness.service.close();
  });
  it('for many messages of another chain, of the future, unsorted, oversized or contradicting', async () => {
    const many = (count: number, make: (n: number) => Message): readonly Message[] => Array.from({ length: count }, (_, i) => make(i));
    const [low, high] = compare(a.id, b.id) < 0 ? [a, b] : [b, a];
    const large = { unknown: [{ type: 9n, value: new Uint8Array(3000) }] };
    const kinds: readonly (readonly [string, number, (n: number) => Message])[] = [
      ['wrong chain', 20, (n) => announcement(a, b, scidAt(n), { chainHash: new Uint8Array(32) as BlockHash })],
      ['bad order', 5, (n) => announcement(a, b, scidAt(n), { nodeId1: high.id, nodeId2: low.id })],
      ['oversized', 20, (n) => announcement(a, b, scidAt(n), { tlvs: large })],
      ['future', 50, (n) => update(a, b, scidAt(10), { timestamp: NOW + 100_000 + n })],
      ['contradicting', 200, (n) => update(a, b, scidAt(10), { feeBaseMsat: n })],
    ];
    for (const [why, count, make] of kinds) {
      const harness = await open(self);
      ready(harness);
      say(harness, channel(a, b, scidAt(10)));
      await harness.service.sync(0);
      say(harness, many(count - 1, make));
      expect(harness.punished, why).toEqual([]);
      say(harness, [make(count)]);
      expect(harness.punished).toEqual([`gossip refused: ${why}`]);
      expect(harness.service.status()).toMatchObject({ channels: 1, updates: 2, refused: { [why.replace(' ', '_')]: count } });
      await harness.service.close();
    }
  });
  it('for one that cannot be read, or one forged signature', async () => {
    for (const [why, bytes] of [
      ['malformed', encodeMessage(announcement(a, b, scidAt(10))).subarray(0, 300)],
      ['malformed', Uint8Array.of(1, 2)],
      ['bad signature', encodeMessage({ ...announcement(a, b, scidAt(10)), features: Uint8Array.of(1) })],
      ['bad signature', encodeMessage({ ...announcement(a, b, scidAt(10)), bitcoinSignature2: new Uint8Array(64) })],
    ] as const) {
      const harness = await open(self);
      ready(harness);
      harness.service.receive(1, bytes);
      await harness.service.sync(0);
      expect(harness.punished).toEqual([`gossip refused: ${why}`]);
      expect(harness.service.status().channels).toBe(0);
      await harness.service.close();
    }
  });
  it('but not for what honest peers send now and then: duplicates, what is stale, of unknown channels and nodes, one bad address, one of tomorrow', async () => {
    const harness = await open(self);
    ready(harness);
    const known = channel(a, b, scidAt(10));
    say(harness, known);
    await harness.service.sync(0);
    for (let i = 0; i < 500; i++)
      say(harness, [...known, update(a, b, scidAt(10), { timestamp: NOW - 500 }), update(a, b, scidAt(11)), nodeAnnouncement(party(50))]);
    // A descriptor of IPv4 that is cut off; one of a type that nobody knows is none of our business.
    say(harness, [nodeAnnouncement(a, NOW - 50, Uint8Array.of(1, 127, 0)), nodeAnnouncement(b, NOW - 50, Uint8Array.of(99, 1))]);
    say(harness, [nodeAnnouncement(b, NOW + 100_000)]);
    await harness.service.sync(0);
    expect(harness.service.status().refused).toEqual({
      ...{ duplicate: 1500, stale: 500, unknown_channel: 500, unknown_node: 500, bad_address: 1, future: 1 },
    });
    expect(harness.punished).toEqual([]);
    await harness.service.close();
  });
  it('and hears no more of our graph, and tells us no more', async () => {
    const harness = await open(self);
    ready(harness);
    say(harness, [ask(Uint8Array.of(1)), ...channel(a, b, scidAt(10))]);
    await harness.service.sync(0);
    expect(harness.service.status()).toMatchObject({ channels: 0, peers: 0 });
    await harness.service.close();
  });
});

it('a filter that comes before the last one was answered takes its place', async () => {
  let unsent = 1e9;
  const harness = await open(self, { backlog: () => unsent });
  ready(harness, 1, a);
  ready(harness, 2, b);
  say(harness, channel(a, b, scidAt(10)), 2);
  await harness.service.sync(0);
  const filter = (firstTimestamp: number): Message =>
    ({ name: 'gossip_timestamp_filter', chainHash, firstTimestamp, timestampRange: 0xffffffff, tlvs: {} }) as const;
  for (let i = 0; i < 20; i++) say(harness, [filter(0)]);
  unsent = 0;
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(harness.sent.filter(({ message }) => message.name === 'channel_announcement')).toHaveLength(1);
  say(harness, [filter(NOW)]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(harness.sent.filter(({ message }) => message.name === 'channel_announcement')).toHaveLength(1);
  await harness.service.close();
});

describe('gossip of version 2', () => {
  const messages = vectors.messages.map(({ hex }) => fromHex(hex));
  it('is counted, and neither taken into the graph nor passed on, from a peer and from a file', async () => {
    const harness = await open(self);
    ready(harness, 1, a);
    ready(harness, 2, b);
    const filter = { name: 'gossip_timestamp_filter', chainHash, firstTimestamp: 0, timestampRange: 0xffffffff, tlvs: {} } as const;
    harness.service.handle({ kind: 'gossip', link: 2, peer: b.id, message: filter });
    const before = harness.sent.length;
    for (const bytes of messages) {
      const decoded = decodeMessage(bytes);
      if (decoded.ok) say(harness, [decoded.value as Message]);
      expect(harness.service.receive(1, bytes)).toBe(true);
    }
    await harness.service.sync(0);
    harness.clock.now = unixTime(NOW + 120);
    harness.service.tick(harness.clock.now);
    expect(harness.service.status()).toMatchObject({ nodes: 0, channels: 0, updates: 0, accepted: 0, peers: 2 });
    expect(harness.service.status().refused).toEqual({ version_2: 2 * messages.length });
    expect(harness.sent.slice(before).filter(({ message }) => message.name.endsWith('_2'))).toEqual([]);
    await harness.service.close();
  });

  it('that is malformed is counted as refused; a hundred of them and the peer is let go', async () => {
    const harness = await open(self);
    ready(harness);
    const broken = Uint8Array.of(1, 15, 2, 8, 0);
    harness.service.receive(1, broken);
    say(harness, [{ name: 'channel_update_2', tlvs: {} }]);
    harness.service.handle({ kind: 'gossip_malformed', link: 1, peer: a.id, type: 267 });
    expect(harness.service.status().refused).toEqual({ version_2_malformed: 3 });
    expect(harness.punished).toEqual([]);
    for (let i = 0; i < 97; i++) harness.service.receive(1, broken);
    expect(harness.punished).toEqual(['gossip refused: version 2 malformed']);
    await harness.service.close();
  });
});

describe('a flood', () => {
  it('of channels that nobody asked for is cut off, and the peer let go', async () => {
    const harness = await open(self, { maxUnasked: 500 });
    ready(harness);
    // Signatures do not matter: only what would be verified is counted.
    const bytes = encodeMessage(announcement(a, b, 1n));
    const view = new DataView(bytes.buffer);
    const scidOffset = 258 + 2 + 32;
    let taken = 0;
    for (let i = 1; i <= 3_000 && harness.punished.length === 0; i++) {
      view.setBigUint64(scidOffset, BigInt(i));
      harness.service.receive(1, bytes.slice());
      taken = harness.service.waiting;
    }
    expect(harness.punished).toEqual(['gossip refused: rate limited']);
    expect(taken).toBeLessThanOrEqual(500);
    expect(harness.service.status().refused.rate_limited).toBe(1000);
    await harness.service.close();
  });

  it('of a million channels with forged signatures ends after what may wait, and little memory is held', async () => {
    const harness = await open(self);
    ready(harness);
    const bytes = encodeMessage(announcement(a, b, 1n));
    const view = new DataView(bytes.buffer);
    const before = process.memoryUsage().rss;
    const started = performance.now();
    for (let i = 1; i <= 1_000_000; i++) {
      view.setBigUint64(258 + 2 + 32, BigInt(i));
      harness.service.receive(1, harness.punished.length === 0 ? bytes.slice() : bytes);
    }
    expect(harness.punished).toEqual(['gossip refused: overflow']);
    expect(harness.service.waiting).toBe(50_000);
    expect(harness.service.status().refused).toEqual({ overflow: 1000 });
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 2 ** 20);
    // What waits of a peer that was let go is not verified any more: that would be minutes of work.
    await harness.service.sync(0);
    expect(harness.service.status()).toMatchObject({ waiting: 0, channels: 0, refused: { overflow: 1000 } });
    expect(performance.now() - started).toBeLessThan(20_000);
    await harness.service.close();
  });

  it('of updates of one channel is thinned out', async () => {
    const harness = await open(self);
    ready(harness);
    say(harness, channel(a, b, scidAt(10)));
    await harness.service.sync(0);
    say(
      harness,
      Array.from({ length: 30 }, (_, i) => update(a, b, scidAt(10), { timestamp: NOW + i })),
    );
    await harness.service.sync(0);
    expect(harness.service.status().refused.rate_limited).toBe(20);
    expect(harness.punished).toEqual([]);
    await harness.service.close();
  });

  it('of announcements of one node is thinned out', async () => {
    const harness = await open(self);
    ready(harness);
    say(harness, channel(a, b, scidAt(10)));
    await harness.service.sync(0);
    say(
      harness,
      Array.from({ length: 30 }, (_, i) => nodeAnnouncement(a, NOW + i)),
    );
    await harness.service.sync(0);
    expect(harness.service.status().refused.rate_limited).toBe(19);
    await harness.service.close();
  });

  it('of forged updates does not use up the room of the true ones', async () => {
    const harness = await open(self);
    ready(harness);
    ready(harness, 2, b);
    say(harness, channel(a, b, scidAt(10)));
    await harness.service.sync(0);
    const forged = Array.from({ length: 30 }, (_, i) => ({
      ...update(a, b, scidAt(10), { timestamp: NOW + i }),
      signature: new Uint8Array(64).fill(1),
    }));
    say(harness, forged);
    await harness.service.sync(0);
    expect(harness.punished).toHaveLength(1);
    say(harness, [update(a, b, scidAt(10), { timestamp: NOW + 5 })], 2);
    await harness.service.sync(0);
    expect(harness.service.status()).toMatchObject({ accepted: 4 });
    expect(harness.service.status().refused.rate_limited).toBeUndefined();
    await harness.service.close();
  });
});

describe('funding outputs', () => {
  const key = (id: Uint8Array): TxId => new Uint8Array(32).fill(id[5] as number) as TxId;
  let tip = 16;
  /** A chain on which blocks 10 and 14 fund a-b, block 11 pays to a stranger, and block 13 cannot be read. */
  const chain = {
    txidAt: async ({ height: at }: { height: number }) =>
      at === 13 ? fail(unreachable('down')) : ok(at === 12 ? null : key(new Uint8Array(6).fill(at))),
    output: async ({ txid }: { txid: TxId }) => {
      const script = txid[0] === 10 || txid[0] === 14 ? fundingScript(a.id, b.id).script : new Uint8Array(34);
      return ok({ amount: sat(70_000), script, height: height(10), coinbase: false });
    },
    tip: async () => ok({ height: tip }),
  } as unknown as ChainSource;

  it('are looked for on the chain: what is not there is not believed', async () => {
    const harness = await open(self, { chain });
    ready(harness);
    say(
      harness,
      [10, 11, 12, 13].flatMap((block) => channel(a, b, scidAt(block))),
    );
    await harness.service.sync(0);
    const graph = harness.service.graph();
    expect(harness.service.status()).toMatchObject({ channels: 1, updates: 2, refused: { bad_funding: 2, unchecked: 1 } });
    expect(graph.capacityMsat[graph.findChannel(scidAt(10))]).toBe(70_000_000);
    await harness.service.close();
  });

  it('with less than four confirmations wait until they have more', async () => {
    const harness = await open(self, { chain });
    ready(harness);
    say(harness, channel(a, b, scidAt(14)));
    await harness.service.sync(0);
    expect(harness.service.status()).toMatchObject({ channels: 0, refused: { unconfirmed: 1, unknown_channel: 2 } });
    tip = 17;
    say(harness, channel(a, b, scidAt(14)));
    await harness.service.sync(0);
    expect(harness.service.status()).toMatchObject({ channels: 1, updates: 2 });
    await harness.service.close();
  });

  it('that are spent close their channel at once, and it is forgotten 72 blocks later', async () => {
    const harness = await open(self, { chain });
    ready(harness);
    say(harness, channel(a, b, scidAt(10)));
    await harness.service.sync(0);
    connect(harness, 100, [spendOf(key(new Uint8Array(6).fill(10)), 1)]);
    const graph = harness.service.graph();
    expect(graph.adjacency().inEdges).toHaveLength(2);
    connect(harness, 101, [spendOf(key(new Uint8Array(6).fill(10)), 0)]);
    expect(graph.adjacency().inEdges).toHaveLength(0);
    // BOLT 7: updates of a spent channel are ignored, unless they disable it.
    say(harness, [update(a, b, scidAt(10), { timestamp: NOW - 50 }), update(b, a, scidAt(10), { timestamp: NOW - 50, channelFlags: 2 })]);
    await harness.service.sync(0);
    expect(harness.service.status().refused).toEqual({ spent: 1 });
    connect(harness, 172, []);
    expect(harness.service.status().channels).toBe(1);
    connect(harness, 173, []);
    expect(harness.service.status().channels).toBe(0);
    await harness.service.close();
  });
});

describe('a reorganisation', () => {
  const funding = { version: 2, inputs: [], outputs: [{ amount: sat(70_000), script: new Uint8Array(34) }], locktime: 0 } as unknown as Tx;
  const other = { ...funding, locktime: 7 };
  const chain = {
    txidAt: async () => ok(txId(funding)),
    output: async () => ok({ amount: sat(70_000), script: fundingScript(a.id, b.id).script, height: height(10), coinbase: false }),
    tip: async () => ok({ height: 100 }),
  } as unknown as ChainSource;
  const scid = scidAt(10);
  const learned = async (): Promise<Harness> => {
    const harness = await open(self, { chain });
    ready(harness);
    say(harness, channel(a, b, scid));
    await harness.service.sync(0);
    return harness;
  };
  const usable = (harness: Harness): number => harness.service.graph().adjacency().inEdges.length;
  const spend = spendOf(txId(funding), 0);

  it('revives a channel whose funding was spent in the disconnected block, and closes it again with the next spend', async () => {
    const harness = await learned();
    connect(harness, 101, [spend]);
    connect(harness, 102, []);
    expect(usable(harness)).toBe(0);
    disconnect(harness, 102);
    expect(usable(harness)).toBe(0);
    disconnect(harness, 101);
    expect(usable(harness)).toBe(2);
    connect(harness, 101, []);
    connect(harness, 102, [spend]);
    expect(usable(harness)).toBe(0);
    // It is forgotten 72 blocks after the second spend, not after the first.
    connect(harness, 173, []);
    expect(harness.service.status().channels).toBe(1);
    connect(harness, 174, []);
    expect(harness.service.status().channels).toBe(0);
    await harness.service.close();
  });

  it('holds over a restart, whichever of snapshot and database is read', async () => {
    for (const drop of [false, true]) {
      const harness = await learned();
      connect(harness, 101, [spend]);
      await harness.service.close();
      const again = await open(self, { directory: harness.directory, chain });
      disconnect(again, 101);
      await again.service.close();
      if (drop) rmSync(join(harness.directory, 'graph.snapshot'));
      const last = await open(self, { directory: harness.directory, chain });
      expect(usable(last)).toBe(2);
      await last.service.close();
    }
  });

  it('that takes the funding itself back closes the channel, until it stands at the same place again', async () => {
    const harness = await learned();
    disconnect(harness, 10);
    expect(usable(harness)).toBe(0);
    connect(harness, 10, [other, other]);
    expect(usable(harness)).toBe(0);
    disconnect(harness, 10);
    connect(harness, 10, [other, funding]);
    expect(usable(harness)).toBe(2);
    // Funded and spent in one block.
    disconnect(harness, 10);
    connect(harness, 10, [other, funding, spend]);
    expect(usable(harness)).toBe(0);
    await harness.service.close();
  });

  it('that loses the funding for good forgets the channel 72 blocks later', async () => {
    const harness = await learned();
    disconnect(harness, 10);
    connect(harness, 10, [other, other]);
    connect(harness, 81, []);
    expect(harness.service.status().channels).toBe(1);
    connect(harness, 82, []);
    expect(harness.service.status().channels).toBe(0);
    await harness.service.close();
  });
});

describe('pruning', () => {
  it('forgets channels without news for two weeks, but not our own, and revives them by fresh updates', async () => {
    const harness = await open(self);
    ready(harness);
    say(harness, [...channel(a, b, scidAt(10)), ...channel(self, b, scidAt(11))]);
    await harness.service.sync(0);
    harness.clock.now = unixTime(NOW + 15 * 86_400);
    harness.service.tick(harness.clock.now);
    expect(harness.service.graph().findChannel(scidAt(10))).toBe(-1);
    expect(harness.service.graph().findChannel(scidAt(11))).not.toBe(-1);
    // A peer that lists it without dates is not asked for it again; one that has fresh updates is.
    const offer = (timestamp: number | null): Message => {
      const timestamps = new Uint8Array(8);
      new DataView(timestamps.buffer).setUint32(0, timestamp ?? 0);
      const tlvs = timestamp === null ? {} : { timestampsTlv: { encodingType: 0, encodedTimestamps: timestamps } };
      return { ...range, encodedShortIds: encodeScids([scidAt(10)]), tlvs };
    };
    const queries = (): number => harness.sent.filter(({ message }) => message.name === 'query_short_channel_ids').length;
    say(harness, [offer(null)]);
    expect(queries()).toBe(0);
    ready(harness, 2, b);
    harness.clock.now = unixTime(harness.clock.now + 5);
    harness.service.tick(harness.clock.now);
    harness.service.handle({ kind: 'gossip', link: 2, peer: b.id, message: offer(harness.clock.now - 60) as never });
    expect(queries()).toBe(1);
    const fresh = { timestamp: harness.clock.now - 60 };
    for (const message of [announcement(a, b, scidAt(10)), update(a, b, scidAt(10), fresh)])
      harness.service.handle({ kind: 'gossip', link: 2, peer: b.id, message });
    await harness.service.sync(0);
    expect(harness.service.graph().findChannel(scidAt(10))).not.toBe(-1);
    await harness.service.close();
  });

  it('forgets many thousand channels over several ticks, so that nothing else waits for it', async () => {
    const harness = await open(self);
    const many = Array.from({ length: 2_500 }, (_, i) => scidAt(1_000 + i));
    const graph = harness.service.graph();
    for (const scid of many) {
      const at = graph.addChannel({ scid, a: a.id, b: b.id, capacityMsat: 1e6, flags: 0 });
      graph.setPolicy(2 * at, { ...POLICY, timestamp: NOW - 15 * 86_400 });
    }
    const left: number[] = [];
    for (let i = 0; i < 6; i++) {
      harness.service.tick(unixTime(NOW + i));
      left.push(graph.liveChannels);
    }
    expect(left).toEqual([2_000, 1_500, 1_000, 500, 0, 0]);
    await harness.service.close();
  });
});

it('a look through a large graph for a peer is made in turns', async () => {
  const graph = new Graph();
  for (let i = 0; i < 10_000; i++) graph.addChannel({ scid: scidAt(10_000 - i), a: a.id, b: b.id, capacityMsat: 1e6, flags: 0 });
  const harness = await open(self);
  const answers = new Answers(graph, new GraphDatabase(join(harness.directory, 'other.db')));
  expect([...answers.since({ first: 0, range: 1 })]).toEqual([null, null]);
  const looked = answers.inRange({ ...range, name: 'query_channel_range', firstBlocknum: 3, numberOfBlocks: 9_000, tlvs: {} } as never);
  const turns: unknown[] = [];
  let step = looked.next();
  for (; step.done !== true; step = looked.next()) turns.push(step.value);
  expect(turns).toEqual([null, null]);
  expect(step.value.map(({ scid }) => scid)).toEqual(Array.from({ length: 9_000 }, (_, i) => scidAt(3 + i)));
  await harness.service.close();
});

const POLICY = {
  disabled: false,
  cltvExpiryDelta: 40,
  htlcMinimumMsat: 1,
  htlcMaximumMsat: 1e6,
  feeBaseMsat: 0,
  feeProportionalMillionths: 0,
  checksum: 0,
};
