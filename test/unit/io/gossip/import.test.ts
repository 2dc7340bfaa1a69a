import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, it } from 'vitest';
import { openNamedGraph } from '../../../../src/app/graph/source.ts';
import { compare, concat, fromHex } from '../../../../src/base/bytes.ts';
import type { BlockHash } from '../../../../src/base/ids.ts';
import type { Result } from '../../../../src/base/result.ts';
import { unixTime } from '../../../../src/base/units.ts';
import { NETWORK_PARAMS } from '../../../../src/bitcoin/network.ts';
import { encodeScids } from '../../../../src/bolt/gossip/encoding.ts';
import type { RapidSnapshot } from '../../../../src/bolt/gossip/rapid.ts';
import { readGossip } from '../../../../src/bolt/gossip/raw.ts';
import { NODE_UNROUTABLE } from '../../../../src/bolt/route/graph.ts';
import { decodeAddresses } from '../../../../src/bolt/wire/address.ts';
import { encodeBits } from '../../../../src/bolt/wire/features.ts';
import { encodeMessage, type Message } from '../../../../src/bolt/wire/message.ts';
import { Writer } from '../../../../src/codec/writer.ts';
import { GraphDatabase } from '../../../../src/io/gossip/database.ts';
import { encodeRapid } from '../../../arbitrary/rapid.ts';
import vectors from '../../../vectors/rapid-gossip-sync-ldk.json' with { type: 'json' };
import { channel, NOW, nodeAnnouncement, open, party } from './world.ts';

const [self, a, b, c] = [party(1), party(2), party(3), party(4)];
const directory = mkdtempSync(join(tmpdir(), 'lnkit-import-'));
afterAll(() => rmSync(directory, { recursive: true }));
const scidAt = (block: number): bigint => (BigInt(block) << 40n) | (1n << 16n);
const messages: readonly Message[] = [...channel(a, b, scidAt(10)), nodeAnnouncement(a), ...channel(b, c, scidAt(11))];

let files = 0;
function file(...parts: readonly Uint8Array[]): string {
  const path = join(directory, `${files++}`);
  writeFileSync(path, concat(...parts));
  return path;
}
const flip = (bytes: Uint8Array | undefined, at: number): void => {
  if (bytes !== undefined) bytes[at] = (bytes[at] as number) ^ 1;
};
const prefixed = (message: Uint8Array): Uint8Array => new Writer().u16(message.length).bytes(message).done();
const record = (message: Uint8Array, flags = 0): Uint8Array =>
  new Writer().u16(flags).u16(message.length).u32(0).u32(NOW).bytes(message).done();
const amount = (sat: bigint): Uint8Array => new Writer().u16(4101).u64(sat).done();

describe('importing a file of gossip', () => {
  it('takes length-prefixed messages, with their signatures checked', async () => {
    const { service } = await open(self);
    const forged = encodeMessage(messages[1] as Message);
    forged[130] = (forged[130] as number) ^ 1;
    const path = file(...messages.map((message) => prefixed(encodeMessage(message))), prefixed(forged));
    expect(await service.importGossip(path)).toEqual({ ok: true, value: { format: 'messages', messages: 8 } });
    expect(service.status()).toMatchObject({ channels: 2, updates: 4, nodes: 3, accepted: 7 });
    await service.close();
  });

  it('verifies in worker threads what comes in bulk, and finds the forged ones there', async () => {
    const { service } = await open(self);
    const many = Array.from({ length: 60 }, (_, i) => channel(a, b, scidAt(100 + i)).map(encodeMessage));
    flip((many[7] as Uint8Array[])[0], 420);
    flip((many[31] as Uint8Array[])[2], 20);
    await service.importGossip(file(...many.flat().map(prefixed)));
    expect(service.status()).toMatchObject({ channels: 59, updates: 117, refused: { bad_signature: 2, unknown_channel: 2 } });
    await service.close();
  });

  it('takes Core Lightning’s gossip_store with its capacities, deleted records left out', async () => {
    const { service } = await open(self);
    const [announcement, one, two] = messages.map(encodeMessage) as [Uint8Array, Uint8Array, Uint8Array];
    const path = file(
      Uint8Array.of(0x0f),
      record(announcement),
      record(amount(123_456n)),
      record(one),
      record(two, 0x8000),
      record(Uint8Array.of(16, 11, 1)),
    );
    expect(await service.importGossip(path)).toEqual({ ok: true, value: { format: 'gossip_store', messages: 2 } });
    expect(service.status()).toMatchObject({ channels: 1, updates: 1 });
    expect(service.graph().capacityMsat[0]).toBe(123_456_000);
    await service.close();
  });

  it('leaves out what a gossip_store says is closing, and lets others run however much is deleted in it', async () => {
    const { service } = await open(self);
    const [announcement, one, two] = messages.map(encodeMessage) as [Uint8Array, Uint8Array, Uint8Array];
    const dying = Uint8Array.of(16, 10, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 1, 0);
    const gone = Array.from({ length: 5_000 }, () => record(one, 0x8000));
    const kept = channel(b, c, scidAt(12)).map((message) => record(encodeMessage(message)));
    const parts = [record(announcement, 0x0800), record(amount(1n)), record(one), record(two), record(dying), ...gone, ...kept];
    let turns = 0;
    const beats = (): void => {
      turns++;
      beat = setImmediate(beats);
    };
    let beat = setImmediate(beats);
    expect((await service.importGossip(file(Uint8Array.of(0x10), ...parts))).ok).toBe(true);
    clearImmediate(beat);
    expect(turns).toBeGreaterThan(15);
    expect(service.graph().findChannel(scidAt(10))).toBe(-1);
    expect(service.status()).toMatchObject({ channels: 1, updates: 2, refused: { unknown_channel: 2 } });
    await service.close();
  });

  it('takes a Rapid Gossip Sync snapshot, and gives way to signed announcements', async () => {
    const { service, directory: where, sent } = await open(self);
    const writer = new Writer()
      .bytes(Uint8Array.of(76, 68, 75, 1))
      .bytes(NETWORK_PARAMS.regtest.chainHash)
      .u32(NOW);
    writer.u32(2).bytes(a.id).bytes(b.id);
    writer.u32(1).u16(0).u8(0xff).u64(scidAt(10)).u8(0).u8(1);
    writer.u32(2).u16(40).u64(1n).u32(1000).u32(100).u64(5_000_000n);
    writer.u8(0xff).u64(scidAt(10)).u8(0b0100_0000).u16(77);
    writer.u8(0).u8(0b0001_0001).u32(9);
    expect(await service.importGossip(file(writer.done()))).toEqual({ ok: true, value: { format: 'rapid', messages: 3 } });
    const graph = service.graph();
    expect([graph.cltvExpiryDelta[0], graph.feeBaseMsat[0], graph.cltvExpiryDelta[1], graph.feeBaseMsat[1]]).toEqual([77, 1000, 40, 9]);
    service.handle({ kind: 'peer_ready', link: 1, peer: a.id, features: Uint8Array.of(128) });
    const { chainHash } = NETWORK_PARAMS.regtest;
    const ask = { name: 'query_channel_range', chainHash, firstBlocknum: 0, numberOfBlocks: 100, tlvs: {} } as const;
    service.handle({ kind: 'gossip', link: 1, peer: a.id, message: ask });
    // Of what nobody signed nothing is told.
    expect(sent.at(-1)?.message).toMatchObject({ name: 'reply_channel_range', encodedShortIds: Uint8Array.of(0) });
    for (const message of channel(a, b, scidAt(10))) service.handle({ kind: 'gossip', link: 1, peer: a.id, message });
    await service.sync(0);
    expect(service.status()).toMatchObject({ channels: 1, updates: 2, refused: {} });
    service.handle({ kind: 'gossip', link: 1, peer: a.id, message: ask });
    const told = sent.at(-1)?.message;
    expect(told?.name === 'reply_channel_range' && told.encodedShortIds.length).toBe(9);
    await service.close();
    const again = await open(self, { directory: where });
    expect(again.service.status()).toMatchObject({ channels: 1, updates: 2 });
    await again.service.close();
  });

  it('takes a Rapid Gossip Sync snapshot of version 2: capacities, and what nodes announce until they say it themselves', async () => {
    const { service, directory: where, sent } = await open(self);
    const { chainHash } = NETWORK_PARAMS.regtest;
    const [first, second] = [a, b].map(({ id }) => id).sort(compare) as [typeof a.id, typeof a.id];
    const snapshot: RapidSnapshot = {
      version: 2,
      chainHash,
      timestamp: NOW,
      nodes: [
        // Bit 100 is required, and nobody knows it.
        { nodeId: first, features: encodeBits([100]), addresses: null },
        { nodeId: second, features: null, addresses: [{ kind: 'dns', hostname: 'ln.example.com', port: 9735 }] },
      ],
      channels: [{ scid: scidAt(10), features: new Uint8Array(0), nodeId1: first, nodeId2: second, capacitySat: 70_000 }],
      updates: [],
    };
    const path = file(gzipSync(encodeRapid(snapshot)));
    expect(await service.importGossip(path)).toEqual({ ok: true, value: { format: 'rapid', messages: 3 } });
    const graph = service.graph();
    expect(graph.capacityMsat[0]).toBe(70_000_000);
    expect([first, second].map((id) => (graph.nodeFlags[graph.findNode(id)] as number) & NODE_UNROUTABLE)).toEqual([NODE_UNROUTABLE, 0]);
    await service.close();
    const again = await open(self, { directory: where });
    const loaded = again.service.graph();
    expect([first, second].map((id) => (loaded.nodeFlags[loaded.findNode(id)] as number) & NODE_UNROUTABLE)).toEqual([NODE_UNROUTABLE, 0]);
    const database = new GraphDatabase(join(where, 'graph.db'));
    const row = readGossip(database.node(second) as Uint8Array);
    expect(row?.kind === 'node_announcement' && decodeAddresses(row.addresses)).toMatchObject([{ hostname: 'ln.example.com' }]);
    expect([...database.everything()]).toEqual([{ kind: 'unsigned' }]);
    database.close();
    // What the nodes say themselves takes its place, and only that is told.
    again.service.handle({ kind: 'peer_ready', link: 1, peer: a.id, features: Uint8Array.of(128) });
    const ask = { name: 'query_short_channel_ids', chainHash, encodedShortIds: encodeScids([scidAt(10)]), tlvs: {} } as const;
    for (const message of [...channel(a, b, scidAt(10)), nodeAnnouncement(a)])
      again.service.handle({ kind: 'gossip', link: 1, peer: a.id, message });
    await again.service.sync(0);
    expect((again.service.graph().nodeFlags[again.service.graph().findNode(a.id)] as number) & NODE_UNROUTABLE).toBe(0);
    expect(again.service.status().refused).toEqual({});
    again.service.handle({ kind: 'gossip', link: 1, peer: a.id, message: ask });
    const told = again.sent.map(({ message }) => message).filter(({ name }) => name.endsWith('announcement'));
    expect(told.map(({ name }) => name)).toEqual(['channel_announcement', 'node_announcement']);
    expect(sent.filter(({ message }) => message.name.endsWith('announcement'))).toEqual([]);
    await again.service.close();
  });

  it('takes LDK’s own test snapshots: whole, then what changed, twice', async () => {
    const { service } = await open(self, { network: 'bitcoin', now: () => unixTime(1_642_400_000) });
    const ldk = async (name: string): Promise<Result<{ readonly messages: number }, unknown>> =>
      service.importGossip(file(fromHex(vectors.snapshots.find((one) => one.name.includes(name))?.hex ?? '')));
    expect((await ldk('duplicate_gossip_is_applied: single_direction')).ok).toBe(true);
    expect(service.status()).toMatchObject({ channels: 0, updates: 0 });
    expect((await ldk('prior_announcements_and_full_updates: initialization')).ok).toBe(true);
    expect(service.status()).toMatchObject({ nodes: 4, channels: 2, updates: 4 });
    const graph = service.graph();
    const edge = 2 * graph.findChannel(619737530008010752n);
    const policy = (): readonly unknown[] => [graph.cltvExpiryDelta[edge], graph.htlcMinimumMsat[edge], graph.feeBaseMsat[edge]];
    const before = policy();
    for (let i = 0; i < 2; i++) {
      expect((await ldk('prior_announcements_and_full_updates: single_direction')).ok).toBe(true);
      expect(service.status()).toMatchObject({ channels: 2, updates: 4 });
    }
    // Its one field is htlc_minimum_msat's neighbour: cltv 0x88 has the incremental bit and the fee rate.
    expect(policy()).toEqual(before);
    expect(graph.feeProportionalMillionths[edge]).toBe(221);
    await service.close();
  });

  it('refuses a Rapid Gossip Sync snapshot of another chain, of long ago, of the future, or that unpacks without end', async () => {
    const { service } = await open(self);
    const { chainHash } = NETWORK_PARAMS.regtest;
    const snapshot: RapidSnapshot = { version: 2, chainHash, timestamp: NOW, nodes: [], channels: [], updates: [] };
    const why = async (bytes: Uint8Array): Promise<string> => {
      const result = await service.importGossip(file(bytes));
      return result.ok ? 'taken' : result.failure.message;
    };
    expect(await why(encodeRapid(snapshot))).toBe('taken');
    expect(await why(encodeRapid({ ...snapshot, chainHash: new Uint8Array(32) as BlockHash }))).toContain('of another chain');
    expect(await why(encodeRapid({ ...snapshot, timestamp: NOW - 15 * 86_400 }))).toContain('more than two weeks');
    expect(await why(encodeRapid({ ...snapshot, timestamp: NOW + 2 * 86_400 }))).toContain('of the future');
    expect(await why(concat(encodeRapid(snapshot), new Uint8Array(64 << 20)))).toContain('too large');
    expect(await why(gzipSync(new Uint8Array(65 << 20), { level: 1 }))).toContain('larger than');
    await service.close();
  });

  it('refuses what is none of these, and what is cut off', async () => {
    const { service } = await open(self);
    const whole = prefixed(encodeMessage(messages[0] as Message));
    for (const path of [
      join(directory, 'missing'),
      file(Uint8Array.of(0, 4, 1, 2, 3, 4)),
      file(whole.subarray(0, 300)),
      file(),
      directory,
      file(Uint8Array.of(76, 68, 75, 9)),
    ]) {
      const result = await service.importGossip(path);
      expect(result.ok ? 'taken' : result.failure.code).toBe('INPUT');
    }
    await service.close();
  });
});

describe('the snapshot', () => {
  const filled = async (): Promise<string> => {
    const { service, directory: where } = await open(self);
    await service.importGossip(file(...messages.map((message) => prefixed(encodeMessage(message)))));
    await service.close();
    return where;
  };

  it('is rebuilt from the database when a byte of it is wrong, wherever', async () => {
    const where = await filled();
    const path = join(where, 'graph.snapshot');
    const whole = readFileSync(path);
    for (const at of [0, 9, 20, 200, 1000, whole.length - 1]) {
      const damaged = Uint8Array.from(whole);
      damaged[at] = (damaged[at] as number) ^ 0x40;
      writeFileSync(path, damaged);
      const { service } = await open(self, { directory: where });
      expect(service.status()).toMatchObject({ channels: 2, updates: 4, nodes: 3 });
      await service.close();
      expect(readFileSync(path)).toEqual(whole);
    }
    for (const length of [0, 10, whole.length - 40]) {
      writeFileSync(path, whole.subarray(0, length));
      const { service } = await open(self, { directory: where });
      expect(service.status()).toMatchObject({ channels: 2, updates: 4, nodes: 3 });
      await service.close();
    }
  });

  it('that a person names by itself is not served when a byte of it is wrong', async () => {
    const path = join(await filled(), 'graph.snapshot');
    const whole = readFileSync(path);
    expect(openNamedGraph(path).graph.liveChannels).toBe(2);
    for (const at of [0, 20, 200, 1000, whole.length - 1]) {
      const damaged = Uint8Array.from(whole);
      damaged[at] = (damaged[at] as number) ^ 0x40;
      expect(() => openNamedGraph(file(damaged))).toThrow('is not a graph of lnkit');
    }
    for (const length of [0, 31, 40, whole.length - 1])
      expect(() => openNamedGraph(file(whole.subarray(0, length)))).toThrow('is not a graph of lnkit');
  });

  it('is written by a daemon every ten minutes, not only at its end', async () => {
    const { service, directory: where, clock } = await open(self);
    await service.importGossip(file(...messages.map((message) => prefixed(encodeMessage(message)))));
    const path = join(where, 'graph.snapshot');
    clock.now = unixTime(NOW + 700);
    service.tick(clock.now);
    await expect.poll(() => existsSync(path)).toBe(true);
    await service.close();
    expect(openNamedGraph(path).graph.liveChannels).toBe(2);
  });

  it('is not served when the database has gone on without it', async () => {
    const where = await filled();
    const old = readFileSync(join(where, 'graph.snapshot'));
    const next = await open(self, { directory: where });
    await next.service.importGossip(file(...channel(a, c, scidAt(12)).map((message) => prefixed(encodeMessage(message)))));
    await next.service.close();
    writeFileSync(join(where, 'graph.snapshot'), old);
    const { service } = await open(self, { directory: where });
    expect(service.status().channels).toBe(3);
    await service.close();
  });

  it('and a damaged database cost nothing but the gossip', async () => {
    const where = await filled();
    writeFileSync(join(where, 'graph.db'), new Uint8Array(8192).fill(7));
    const { service } = await open(self, { directory: where });
    expect(service.status()).toMatchObject({ channels: 0, updates: 0 });
    await service.importGossip(file(...messages.map((message) => prefixed(encodeMessage(message)))));
    expect(service.status().channels).toBe(2);
    await service.close();
  });

  it('stays where another process has the database to itself', async () => {
    const where = await filled();
    const holder = new Database(join(where, 'graph.db'), { timeout: 0 });
    holder.pragma('locking_mode = EXCLUSIVE');
    holder.exec('BEGIN EXCLUSIVE');
    expect(() => new GraphDatabase(join(where, 'graph.db'), { timeoutMs: 0 })).toThrow('locked');
    holder.close();
    const { service } = await open(self, { directory: where });
    expect(service.status().channels).toBe(2);
    await service.close();
  });

  it('keeps what was learned of balances', async () => {
    const where = await filled();
    const { service } = await open(self, { directory: where });
    service.learn([{ scid: scidAt(10) as never, nodeId: a.id, amountMsat: 77_000n }], { kind: 'failed', hop: 0 });
    await service.close();
    const again = await open(self, { directory: where });
    expect([...again.service.knowledge().entries()]).toMatchObject([{ scid: scidAt(10), bounds: { lowMsat: 0, failsFromMsat: 77_000 } }]);
    await again.service.close();
  });
});
