// The other role of the query messages: what we answer to a peer (BOLT 7, "Query Messages").
import type { Bytes } from '../../base/bytes.ts';
import { MAX_MESSAGE_LENGTH, type MessageNamed } from '../wire/message.ts';
import { encodeScids, encodeTimestamps, type TwoSides } from './encoding.ts';

/** A channel that we tell a peer of. */
export interface Told {
  readonly scid: bigint;
  readonly timestamps: TwoSides;
  readonly checksums: TwoSides;
}

const WANTS_TIMESTAMPS = 1n;
const WANTS_CHECKSUMS = 2n;
/** Type, chain hash, range, flag, length, encoding, and the heads of two records. */
const OVERHEAD = 2 + 32 + 8 + 1 + 2 + 1 + 16;

/** The replies to a range query. `channels`: those in the range, ascending. Covers the range as asked, in pieces that fit a message. */
export function rangeReplies(
  query: MessageNamed<'query_channel_range'>,
  channels: readonly Told[],
): readonly MessageNamed<'reply_channel_range'>[] {
  const option = query.tlvs.queryOption ?? 0n;
  const [timestamps, checksums] = [(option & WANTS_TIMESTAMPS) !== 0n, (option & WANTS_CHECKSUMS) !== 0n];
  const each = 8 + (timestamps ? 8 : 0) + (checksums ? 8 : 0);
  const fits = Math.floor((MAX_MESSAGE_LENGTH - OVERHEAD) / each);
  const end = Math.min(query.firstBlocknum + query.numberOfBlocks, 0xffffffff);
  const replies: MessageNamed<'reply_channel_range'>[] = [];
  let first = query.firstBlocknum;
  for (let at = 0; at === 0 || at < channels.length; at += fits) {
    const chunk = channels.slice(at, at + fits);
    const isLast = at + fits >= channels.length;
    const lastBlock = isLast ? end - 1 : Number((chunk.at(-1) as Told).scid >> 40n);
    replies.push({
      name: 'reply_channel_range',
      chainHash: query.chainHash,
      firstBlocknum: first,
      numberOfBlocks: Math.max(1, lastBlock - first + 1),
      syncComplete: isLast ? 1 : 0,
      encodedShortIds: encodeScids(chunk.map(({ scid }) => scid)),
      tlvs: {
        ...(timestamps && chunk.length > 0
          ? { timestampsTlv: { encodingType: 0, encodedTimestamps: encodeTimestamps(chunk.map((channel) => channel.timestamps)) } }
          : {}),
        ...(checksums && chunk.length > 0
          ? {
              checksumsTlv: chunk.map((channel) => ({
                checksumNodeId1: channel.checksums.node1,
                checksumNodeId2: channel.checksums.node2,
              })),
            }
          : {}),
      },
    });
    // A block may stand in two replies, when its channels do.
    first = lastBlock;
  }
  return replies;
}

export interface TimestampFilter {
  readonly first: number;
  readonly range: number;
}

/** BOLT 7, gossip_timestamp_filter: "greater or equal to first_timestamp, and less than first_timestamp plus timestamp_range". */
export const passes = (filter: TimestampFilter, timestamp: number): boolean =>
  timestamp >= filter.first && timestamp < filter.first + filter.range;

export const sameChain = (a: Bytes, b: Bytes): boolean => a.every((byte, i) => byte === b[i]);
