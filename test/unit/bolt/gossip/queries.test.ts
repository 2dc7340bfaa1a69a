import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../../src/base/bytes.ts';
import type { BlockHash } from '../../../../src/base/ids.ts';
import { unixTime } from '../../../../src/base/units.ts';
import { passes, rangeReplies, type Told } from '../../../../src/bolt/gossip/answer.ts';
import { crc32c } from '../../../../src/bolt/gossip/checksum.ts';
import { decodeFlags, decodeScids, encodeFlags, encodeScids } from '../../../../src/bolt/gossip/encoding.ts';
import { type Offered, offeredOf, PeerSync, STALL_SECONDS, WANT_ALL } from '../../../../src/bolt/gossip/sync.ts';
import { encodeMessage, type MessageNamed } from '../../../../src/bolt/wire/message.ts';

const chainHash = new Uint8Array(32).fill(6) as BlockHash;
const scids = fc
  .uniqueArray(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { maxLength: 50 })
  .map((all) => all.sort((a, b) => (a < b ? -1 : 1)));

describe('encoded arrays', () => {
  it('survive the way there and back', () => {
    fc.assert(fc.property(scids, (all) => void expect(decodeScids(encodeScids(all))).toEqual({ ok: true, value: all })));
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 31 })),
        (flags) =>
          void expect(decodeFlags({ encodingType: 0, encodedQueryFlags: encodeFlags(flags) }, flags.length)).toEqual({
            ok: true,
            value: flags,
          }),
      ),
    );
  });
  it('are refused compressed, unsorted, repeated, cut off, unknown or empty', () => {
    const good = encodeScids([1n, 2n]);
    const wrong: readonly (readonly [Uint8Array, string])[] = [
      [Uint8Array.of(1, ...good.subarray(1)), 'zlib'],
      [Uint8Array.of(7, ...good.subarray(1)), 'unknown encoding 7'],
      [encodeScids([2n, 1n]), 'ascending'],
      [encodeScids([1n, 1n]), 'ascending'],
      [good.subarray(0, 16), 'whole number'],
      [new Uint8Array(0), 'without encoding'],
    ];
    for (const [bytes, why] of wrong) {
      const decoded = decodeScids(bytes);
      expect(decoded.ok ? '' : decoded.failure.message).toContain(why);
    }
    expect(decodeFlags({ encodingType: 0, encodedQueryFlags: Uint8Array.of(1, 2) }, 3).ok).toBe(false);
    expect(decodeFlags({ encodingType: 0, encodedQueryFlags: Uint8Array.of(0xfd, 0, 1) }, 1).ok).toBe(false);
  });
});

it('CRC32C is that of RFC 3720, in one piece or two', () => {
  expect(crc32c(utf8('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(utf8('56789'), crc32c(utf8('1234')))).toBe(0xe3069283);
});

it('a timestamp filter takes its first second and not the one behind its range', () => {
  const filter = { first: 100, range: 50 };
  expect([99, 100, 149, 150].map((t) => passes(filter, t))).toEqual([false, true, true, false]);
});

const query = (part: Partial<MessageNamed<'query_channel_range'>> = {}): MessageNamed<'query_channel_range'> => ({
  name: 'query_channel_range',
  chainHash,
  firstBlocknum: 0,
  numberOfBlocks: 0xffffffff,
  tlvs: {},
  ...part,
});
const told = (count: number): readonly Told[] =>
  Array.from({ length: count }, (_, i) => ({
    scid: (BigInt(Math.floor(i / 3)) << 40n) | BigInt(i),
    timestamps: { node1: i, node2: 2 * i },
    checksums: { node1: 3 * i, node2: 4 * i },
  }));

describe('replies to a range query', () => {
  it('fit messages, go up, cover the range, and end with the last', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 3 }), (count, option) => {
        const asked = query(option === 0 ? {} : { tlvs: { queryOption: BigInt(option) } });
        const replies = rangeReplies(asked, told(count));
        for (const reply of replies) expect(encodeMessage(reply).length).toBeLessThanOrEqual(65535);
        expect(replies.map((reply) => reply.syncComplete)).toEqual(replies.map((_, i) => (i === replies.length - 1 ? 1 : 0)));
        const last = replies.at(-1);
        expect((last?.firstBlocknum ?? 0) + (last?.numberOfBlocks ?? 0)).toBe(0xffffffff);
        expect(replies.every((reply, i) => i === 0 || reply.firstBlocknum >= (replies[i - 1]?.firstBlocknum ?? 0))).toBe(true);
        const offered = replies.flatMap((reply) => {
          const read = offeredOf(reply);
          if (!read.ok) throw new Error(read.failure);
          return read.value;
        });
        expect(offered.map(({ scid }) => scid)).toEqual(told(count).map(({ scid }) => scid));
        const tenth = offered[10];
        if (tenth !== undefined) expect([tenth.timestamp2, tenth.checksum1]).toEqual([option & 1 ? 20 : 0, option & 2 ? 30 : 0]);
      }),
      { numRuns: 30 },
    );
  });
  it('answer an empty range with one reply', () => {
    const replies = rangeReplies(query({ firstBlocknum: 500, numberOfBlocks: 10 }), []);
    expect(replies).toHaveLength(1);
    expect(replies[0]).toMatchObject({ firstBlocknum: 500, numberOfBlocks: 10, syncComplete: 1 });
  });
});

describe('learning a graph from a peer', () => {
  const now = unixTime(1000);
  const sync = (choose: (offered: Offered) => number = () => WANT_ALL, extended = true) => new PeerSync({ chainHash, extended, choose });
  const replyOf = (
    all: readonly bigint[],
    part: Partial<MessageNamed<'reply_channel_range'>> = {},
  ): MessageNamed<'reply_channel_range'> => ({
    name: 'reply_channel_range',
    chainHash,
    firstBlocknum: 0,
    numberOfBlocks: 0xffffffff,
    syncComplete: 1,
    encodedShortIds: encodeScids(all),
    tlvs: {},
    ...part,
  });
  const end = { name: 'reply_short_channel_ids_end', chainHash, fullInformation: 1, tlvs: {} } as const;

  it('asks for everything it lacks, one query at a time, each as large as a message', () => {
    const machine = sync();
    expect(machine.start(now)).toMatchObject({ firstBlocknum: 0, numberOfBlocks: 0xffffffff, tlvs: { queryOption: 3n } });
    const all = Array.from({ length: 20_000 }, (_, i) => BigInt(i + 1));
    expect(machine.onRangeReply(replyOf(all.slice(0, 8000), { numberOfBlocks: 5, syncComplete: 0 }), now)).toEqual({
      ok: true,
      value: null,
    });
    machine.onRangeReply(replyOf(all.slice(8000, 16_000), { firstBlocknum: 5, numberOfBlocks: 5, syncComplete: 0 }), now);
    let step = machine.onRangeReply(replyOf(all.slice(16_000), { firstBlocknum: 10 }), now);
    const asked: bigint[] = [];
    let queries = 0;
    while (step.ok && step.value !== null) {
      queries++;
      const message = step.value as MessageNamed<'query_short_channel_ids'>;
      expect(encodeMessage(message).length).toBeLessThanOrEqual(65535);
      const decoded = decodeScids(message.encodedShortIds);
      if (decoded.ok) asked.push(...decoded.value);
      expect(machine.isAskedFor(asked.at(-1) as bigint)).toBe(true);
      machine.hear(asked.at(-1) as bigint, now);
      step = machine.onScidsEnd(end, now);
    }
    expect(asked).toEqual(all);
    expect(queries).toBe(3);
    expect(machine.phase.kind).toBe('done');
  });

  it('asks for parts of known channels by flags, and for nothing of those it has', () => {
    const machine = sync(({ scid }) => (scid === 1n ? 0 : scid === 2n ? 2 : WANT_ALL));
    machine.start(now);
    const step = machine.onRangeReply(replyOf([1n, 2n, 3n]), now);
    const message = (step.ok ? step.value : null) as MessageNamed<'query_short_channel_ids'>;
    expect(decodeScids(message.encodedShortIds)).toEqual({ ok: true, value: [2n, 3n] });
    expect(message.tlvs.queryFlags?.encodedQueryFlags).toEqual(Uint8Array.of(2, 31));
  });

  it('is over at once when the peer has nothing new', () => {
    const machine = sync(() => 0);
    machine.start(now);
    expect(machine.onRangeReply(replyOf([1n]), now)).toEqual({ ok: true, value: null });
    expect(machine.phase.kind).toBe('done');
  });

  /** A machine with an open query for `count` channels. */
  const asking = (count: number) => {
    const machine = sync();
    machine.start(now);
    machine.onRangeReply(replyOf(Array.from({ length: count }, (_, i) => BigInt(i + 1))), now);
    return machine;
  };
  const later = (seconds: number) => unixTime(now + seconds);

  it('calls a peer stalled that is silent or says next to nothing, in either phase, and a slow one not', () => {
    const range = sync();
    range.start(now);
    expect([STALL_SECONDS - 1, STALL_SECONDS].map((t) => range.stalled(later(t)))).toEqual([false, true]);
    const [slow, dripping] = [asking(500), asking(500)];
    // 10 messages a minute are few; lnd sends 150 a second.
    for (let t = 1; t < STALL_SECONDS; t += 6) slow.hear(null, later(t));
    for (let t = 1; t < STALL_SECONDS; t += 7) dripping.hear(null, later(t));
    expect([slow.stalled(later(STALL_SECONDS)), dripping.stalled(later(STALL_SECONDS))]).toEqual([false, true]);
  });

  it('waits for no query longer than half an hour, however busy the peer seems', () => {
    const machine = asking(500);
    for (let t = 1; t < 1800; t++) machine.hear(null, later(t));
    expect([1799, 1800].map((t) => machine.stalled(later(t)))).toEqual([false, true]);
  });

  it('hears no more of a query that was given up, and asks again only when its answer is over', () => {
    const machine = asking(500);
    machine.abandon();
    expect([machine.isRunning, machine.isFree, machine.stalled(later(9999))]).toEqual([false, false, false]);
    expect(machine.onScidsEnd(end, now)).toEqual({ ok: true, value: null });
    expect(machine.isFree).toBe(true);
    const range = sync();
    range.start(now);
    range.abandon();
    expect(range.onRangeReply(replyOf([5n], { numberOfBlocks: 5, syncComplete: 0 }), now)).toEqual({ ok: true, value: null });
    expect(range.isFree).toBe(false);
    expect(range.onRangeReply(replyOf([6n], { firstBlocknum: 5 }), now)).toEqual({ ok: true, value: null });
    expect(range.isFree).toBe(true);
  });

  it('finds a peer out that lists channels which it does not know, or replies on and on with nothing', () => {
    const liar = asking(500);
    liar.hear(9999n, now);
    expect(liar.onScidsEnd(end, now)).toEqual({ ok: false, failure: 'lists 500 channels and knows none of them' });
    const honest = asking(500);
    honest.hear(77n, now);
    expect(honest.progress).toEqual({ done: 1, total: 500 });
    expect(honest.onScidsEnd(end, now).ok).toBe(true);
    // A few channels may have been closed since they were listed.
    expect(asking(50).onScidsEnd(end, now).ok).toBe(true);
    const endless = sync();
    endless.start(now);
    const nothing = replyOf([], { numberOfBlocks: 1, syncComplete: 0 });
    expect(endless.onRangeReply(nothing, now).ok).toBe(true);
    expect(endless.onRangeReply(nothing, now)).toEqual({ ok: false, failure: 'reply_channel_range that says nothing' });
  });

  it('refuses replies that nobody asked for, that go back, or that are not decodable', () => {
    expect(sync().onRangeReply(replyOf([]), now).ok).toBe(false);
    expect(sync().onScidsEnd(end, now).ok).toBe(false);
    const back = sync();
    back.start(now);
    back.onRangeReply(replyOf([], { firstBlocknum: 50, numberOfBlocks: 5, syncComplete: 0 }), now);
    expect(back.onRangeReply(replyOf([], { firstBlocknum: 49, numberOfBlocks: 5, syncComplete: 0 }), now).ok).toBe(false);
    for (const encodedShortIds of [Uint8Array.of(1, 2, 3), encodeScids([2n, 1n]), new Uint8Array(0)]) {
      const machine = sync();
      machine.start(now);
      expect(machine.onRangeReply(replyOf([], { encodedShortIds }), now).ok).toBe(false);
    }
    const short = sync();
    short.start(now);
    expect(
      short.onRangeReply(replyOf([1n, 2n], { tlvs: { timestampsTlv: { encodingType: 0, encodedTimestamps: new Uint8Array(8) } } }), now).ok,
    ).toBe(false);
  });
});
