import { type Bytes, fromHex, toHex, tryText } from '../../base/bytes.ts';
import { formatScid, type NodeId, parseScid } from '../../base/ids.ts';
import { readGossip } from '../../bolt/gossip/raw.ts';
import { CHANNEL_GONE, CHANNEL_SPENT, EDGE_DISABLED, EDGE_KNOWN, type Graph } from '../../bolt/route/graph.ts';
import { AppError } from '../error.ts';
import { amount, count, decimal, flag, hex, list, nullable, object, scid, type TypeOf, text, time } from '../schema.ts';
import type { GraphSource } from './source.ts';

const policySchema = object({
  node_id: hex(33, { description: 'whose policy it is' }),
  disabled: flag(),
  fee_base_msat: amount(),
  fee_proportional_millionths: count(),
  cltv_expiry_delta: count(),
  htlc_minimum_msat: amount(),
  htlc_maximum_msat: amount(),
  updated_at: time(),
  known: nullable(object({ at_least_msat: amount(), fails_from_msat: nullable(amount()) }), {
    description: 'learned from payments and probes',
  }),
});

export const channelSchema = object({
  short_channel_id: scid(),
  node1: hex(33),
  node2: hex(33),
  capacity_sat: nullable(amount()),
  spent: flag(),
  policies: list(policySchema),
});
export type GraphChannelJson = TypeOf<typeof channelSchema>;

export const nodeSchema = object({
  node_id: hex(33),
  alias: nullable(text()),
  announced_at: nullable(time()),
  capacity_sat: amount(),
  channels: list(channelSchema),
});
export type GraphNodeJson = TypeOf<typeof nodeSchema>;

const bucketSchema = object({ from: amount(), to: nullable(amount()), count: count() });
export const statsSchema = object({
  nodes: count(),
  channels: count(),
  updates: count(),
  disabled: count({ description: 'directions whose newest update says so' }),
  learned: count({ description: 'directions of which payments and probes taught something' }),
  capacity_sat: amount(),
  median_capacity_sat: amount(),
  median_fee_base_msat: amount(),
  median_fee_proportional_millionths: count(),
  channels_per_node: decimal(),
  distribution: object({
    capacity_sat: list(bucketSchema),
    fee_proportional_millionths: list(bucketSchema),
    fee_base_msat: list(bucketSchema),
  }),
});
export type GraphStatsJson = TypeOf<typeof statsSchema>;
type Bucket = TypeOf<typeof bucketSchema>;

const isLive = (graph: Graph, channel: number): boolean => ((graph.channelFlags[channel] as number) & CHANNEL_GONE) === 0;

export function channelOf({ graph, knowledge }: GraphSource, channel: number): GraphChannelJson {
  const id = graph.scidOf(channel);
  const now = Math.floor(Date.now() / 1000);
  const policies = [2 * channel, 2 * channel + 1].flatMap((edge): GraphChannelJson['policies'][number][] => {
    const flags = graph.edgeFlags[edge] as number;
    if ((flags & EDGE_KNOWN) === 0) return [];
    const bounds = knowledge.bounds(id, edge & 1, graph.edgeCapacityMsat(edge), now);
    return [
      {
        node_id: toHex(graph.nodeIdOf(graph.sourceOf(edge))),
        disabled: (flags & EDGE_DISABLED) !== 0,
        fee_base_msat: graph.feeBaseMsat[edge] as number,
        fee_proportional_millionths: graph.feeProportionalMillionths[edge] as number,
        cltv_expiry_delta: graph.cltvExpiryDelta[edge] as number,
        htlc_minimum_msat: graph.htlcMinimumMsat[edge] as number,
        htlc_maximum_msat: graph.htlcMaximumMsat[edge] as number,
        updated_at: graph.timestamp[edge] as number,
        known:
          bounds === null
            ? null
            : { at_least_msat: bounds.lowMsat, fails_from_msat: Number.isFinite(bounds.failsFromMsat) ? bounds.failsFromMsat : null },
      },
    ];
  });
  const capacity = graph.capacityMsat[channel] as number;
  return {
    short_channel_id: formatScid(id),
    node1: toHex(graph.nodeIdOf(graph.node1[channel] as number)),
    node2: toHex(graph.nodeIdOf(graph.node2[channel] as number)),
    capacity_sat: capacity === 0 ? null : Math.floor(capacity / 1000),
    spent: ((graph.channelFlags[channel] as number) & CHANNEL_SPENT) !== 0,
    policies,
  };
}

/** A channel by its short channel id. Throws USAGE or NOT_FOUND. */
export function showChannel(source: GraphSource, given: string): GraphChannelJson {
  const id = parseScid(given);
  if (id === null) throw new AppError({ code: 'USAGE', message: `"${given}" is not a short channel id`, hint: 'write it as 800000x12x0' });
  const channel = source.graph.findChannel(id);
  if (channel === -1 || !isLive(source.graph, channel))
    throw new AppError({ code: 'NOT_FOUND', message: `the graph does not know channel ${given}` });
  return channelOf(source, channel);
}

/** A node with its channels, the largest first. Throws USAGE or NOT_FOUND. */
export function showNode(source: GraphSource, given: string): GraphNodeJson {
  const { graph } = source;
  if (!/^0[23][0-9a-fA-F]{64}$/.test(given)) throw new AppError({ code: 'USAGE', message: `"${given}" is not a node id` });
  const id = fromHex(given.toLowerCase()) as NodeId;
  const node = graph.findNode(id);
  if (node === -1)
    throw new AppError({ code: 'NOT_FOUND', message: `the graph does not know ${given}`, hint: 'it may have only private channels' });
  const channels: GraphChannelJson[] = [];
  for (let channel = 0; channel < graph.channels; channel++)
    if (isLive(graph, channel) && (graph.node1[channel] === node || graph.node2[channel] === node))
      channels.push(channelOf(source, channel));
  const size = (channel: GraphChannelJson): number => Number(channel.capacity_sat ?? 0);
  channels.sort((a, b) => size(b) - size(a));
  const announced = source.announcement(id);
  return {
    node_id: given.toLowerCase(),
    alias: announced === null ? null : aliasOf(announced),
    announced_at: announced === null ? null : graph.nodeTimestamp[node] || null,
    capacity_sat: channels.reduce((sum, channel) => sum + size(channel), 0),
    channels,
  };
}

/** BOLT 7: 32 bytes of UTF-8, padded with zeros. Control characters would move a terminal's cursor. */
function aliasOf(announcement: Bytes): string | null {
  const read = readGossip(announcement);
  if (read?.kind !== 'node_announcement') return null;
  const end = read.alias.indexOf(0);
  const name = tryText(end === -1 ? read.alias : read.alias.subarray(0, end));
  return name === null ? null : name.replace(/\p{C}/gu, '?');
}

const CAPACITY_EDGES = [0, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000, 300_000_000, 1_000_000_000];
const PPM_EDGES = [0, 1, 10, 50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000];
const BASE_EDGES = [0, 1, 100, 500, 1_000, 1_001, 2_000, 5_000, 10_000];

export function statsOf({ graph, knowledge }: GraphSource): GraphStatsJson {
  const capacities: number[] = [];
  const bases: number[] = [];
  const shares: number[] = [];
  let disabled = 0;
  const seen = new Uint8Array(graph.nodes);
  for (let channel = 0; channel < graph.channels; channel++) {
    if (!isLive(graph, channel)) continue;
    capacities.push(Math.floor(graph.edgeCapacityMsat(2 * channel) / 1000));
    seen[graph.node1[channel] as number] = 1;
    seen[graph.node2[channel] as number] = 1;
    for (const edge of [2 * channel, 2 * channel + 1]) {
      const flags = graph.edgeFlags[edge] as number;
      if ((flags & EDGE_KNOWN) === 0) continue;
      if ((flags & EDGE_DISABLED) !== 0) disabled++;
      bases.push(graph.feeBaseMsat[edge] as number);
      shares.push(graph.feeProportionalMillionths[edge] as number);
    }
  }
  const nodes = seen.reduce((sum, one) => sum + one, 0);
  return {
    nodes,
    channels: capacities.length,
    updates: bases.length,
    disabled,
    learned: knowledge.size,
    capacity_sat: capacities.reduce((sum, one) => sum + one, 0),
    median_capacity_sat: median(capacities),
    median_fee_base_msat: median(bases),
    median_fee_proportional_millionths: median(shares),
    channels_per_node: nodes === 0 ? 0 : Number(((2 * capacities.length) / nodes).toFixed(2)),
    distribution: {
      capacity_sat: buckets(capacities, CAPACITY_EDGES),
      fee_proportional_millionths: buckets(shares, PPM_EDGES),
      fee_base_msat: buckets(bases, BASE_EDGES),
    },
  };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** How many values lie from each edge up to the next one, that not included. */
function buckets(values: readonly number[], edges: readonly number[]): Bucket[] {
  const counts = new Array<number>(edges.length).fill(0);
  for (const value of values) {
    const at = edges.findLastIndex((edge) => value >= edge);
    counts[at] = (counts[at] as number) + 1;
  }
  return edges.map((from, i) => ({ from, to: edges[i + 1] ?? null, count: counts[i] as number }));
}
