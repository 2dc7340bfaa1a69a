import { describe, expect, it } from 'vitest';
import { fromHex, reversed, toHex } from '../../src/base/bytes.ts';
import { formatScid, type NodeId, type ShortChannelId } from '../../src/base/ids.ts';
import { height, msat } from '../../src/base/units.ts';
import { decodeFlags, decodeScids, decodeTimestamps, encodeScids } from '../../src/bolt/gossip/encoding.ts';
import { exactHops } from '../../src/bolt/route/exact.ts';
import { Graph } from '../../src/bolt/route/graph.ts';
import { ProblemBuilder } from '../../src/bolt/route/problem.ts';
import { decodeMessage, encodeMessage } from '../../src/bolt/wire/message.ts';
import queries from './bolt07-extended-queries.json' with { type: 'json' };
import example from './bolt07-routing-example.json' with { type: 'json' };

const NAMES: Readonly<Record<string, string>> = {
  QueryChannelRange: 'query_channel_range',
  ReplyChannelRange: 'reply_channel_range',
  QueryShortChannelIds: 'query_short_channel_ids',
};

interface Told {
  readonly type: string;
  readonly chainHash: string;
  readonly firstBlockNum?: number;
  readonly numberOfBlocks?: number;
  readonly shortChannelIds?: { readonly array: readonly string[]; readonly encoding: string };
  readonly timestamps?: {
    readonly encoding: string;
    readonly timestamps: readonly { readonly timestamp1: number; readonly timestamp2: number }[];
  };
  readonly checksums?: { readonly checksums: readonly { readonly checksum1: number; readonly checksum2: number }[] };
  readonly tlvStream?: { readonly records: readonly unknown[] };
}

describe('BOLT 7, extended queries', () => {
  queries.forEach(({ hex, msg }, i) => {
    const told = msg as Told;
    it(`message ${i}, ${told.type}`, () => {
      const decoded = decodeMessage(fromHex(hex.trim()));
      if (!decoded.ok) throw new Error(decoded.failure.message);
      const message = decoded.value;
      expect(toHex(encodeMessage(message as never))).toBe(hex.trim());
      expect(message.name).toBe(NAMES[told.type]);
      // The vectors print the genesis hash as it is sent.
      if ('chainHash' in message) expect([toHex(message.chainHash), toHex(reversed(message.chainHash))]).toContain(told.chainHash);
      if ('firstBlocknum' in message)
        expect([message.firstBlocknum, message.numberOfBlocks]).toEqual([told.firstBlockNum, told.numberOfBlocks]);
      if (!('encodedShortIds' in message)) return;
      const scids = decodeScids(message.encodedShortIds);
      const ids = told.shortChannelIds;
      // BOLT 7 forbids zlib now; the vectors are older.
      expect(scids.ok).toBe(ids?.encoding === 'UNCOMPRESSED');
      if (!scids.ok) {
        expect(scids.failure.message).toContain('zlib');
        return;
      }
      expect(scids.value.map((scid) => formatScid(scid as ShortChannelId))).toEqual(ids?.array);
      expect(encodeScids(scids.value)).toEqual(message.encodedShortIds);
      if (message.name === 'reply_channel_range' && message.tlvs.timestampsTlv !== undefined) {
        const timestamps = decodeTimestamps(message.tlvs.timestampsTlv, scids.value.length);
        if (told.timestamps?.encoding === 'COMPRESSED_ZLIB') expect(timestamps.ok).toBe(false);
        else
          expect(timestamps.ok && timestamps.value).toEqual(
            told.timestamps?.timestamps.map((t) => ({ node1: t.timestamp1, node2: t.timestamp2 })),
          );
        expect(message.tlvs.checksumsTlv?.map((c) => ({ checksum1: c.checksumNodeId1, checksum2: c.checksumNodeId2 }))).toEqual(
          told.checksums?.checksums,
        );
      }
      if (message.name === 'query_short_channel_ids' && message.tlvs.queryFlags !== undefined)
        expect(decodeFlags(message.tlvs.queryFlags, scids.value.length).ok).toBe(false);
    });
  });
});

describe('BOLT 7, routing example', () => {
  const NODES = ['A', 'B', 'C', 'D'] as const;
  const idOf = (name: string): NodeId => {
    const id = new Uint8Array(33).fill(name.charCodeAt(0));
    id[0] = 2;
    return id as NodeId;
  };
  const graph = new Graph();
  example.channels.forEach((pair, i) => {
    const ends = pair.split('-') as [string, string];
    const channel = graph.addChannel({ scid: BigInt(i + 1), a: idOf(ends[0]), b: idOf(ends[1]), capacityMsat: 1e9, flags: 0 });
    for (const end of ends) {
      const other = ends.find((name) => name !== end) as string;
      const asked = example.nodes[end as (typeof NODES)[number]];
      graph.setPolicy(graph.edgeTo(channel, graph.findNode(idOf(other))), {
        disabled: false,
        timestamp: 1,
        checksum: 0,
        htlcMinimumMsat: 0,
        htlcMaximumMsat: 1e9,
        feeBaseMsat: asked.fee_base_msat,
        feeProportionalMillionths: asked.fee_proportional_millionths,
        cltvExpiryDelta: asked.cltv_expiry_delta,
      });
    }
  });

  for (const route of example.routes)
    it(`${route.path.join(' -> ')}: each HTLC's amount and expiry`, () => {
      const path = route.path.map((name) => graph.findNode(idOf(name)));
      const problem = new ProblemBuilder(graph).build(path[0] as number, path.at(-1) as number);
      const edges = path.slice(1).map((node, i) => edgeBetween(graph, path[i] as number, node));
      const final = example.min_final_cltv_expiry_delta + example.shadow_cltv;
      const hops = exactHops(problem, edges, { amountMsat: msat(example.amount_msat), cltvExpiry: height(final) });
      expect(hops.map(({ amountMsat, cltvExpiry }) => [Number(amountMsat), cltvExpiry])).toEqual(
        route.htlcs.map((htlc) => [htlc.amount_msat, htlc.cltv_delta]),
      );
    });
});

function edgeBetween(graph: Graph, from: number, to: number): number {
  for (let edge = 0; edge < 2 * graph.channels; edge++) if (graph.sourceOf(edge) === from && graph.targetOf(edge) === to) return edge;
  throw new Error('no such channel');
}
