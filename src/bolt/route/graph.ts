// The network's graph as arrays (structure of arrays, adjacency in CSR form). The one large mutable object of lnkit; its owner is `io/gossip`.
import { type Bytes, compare } from '../../base/bytes.ts';
import type { NodeId, ShortChannelId } from '../../base/ids.ts';
import type { EdgePolicy } from '../gossip/raw.ts';
import { hasBit, KEYSEND_BIT, supports, unassignedRequired } from '../wire/features.ts';
import { GraphTables } from './graph-tables.ts';

/** `edgeFlags`: a channel_update of this direction is known. */
export const EDGE_KNOWN = 1;
/** `edgeFlags`: its newest update says disabled. */
export const EDGE_DISABLED = 2;
/** `edgeFlags`: its maximum is under its minimum or above the capacity. BOLT 7: "SHOULD ignore this channel during route considerations". */
export const EDGE_CONTRADICTS = 4;
/** `channelFlags`: forgotten; the slot waits for the next compaction. */
export const CHANNEL_GONE = 1;
/** `channelFlags`: an unknown even feature. BOLT 7: "MUST NOT attempt to route messages through the channel". */
export const CHANNEL_UNROUTABLE = 2;
/** `channelFlags`: its funding output was spent in a block. */
export const CHANNEL_SPENT = 4;
/** `channelFlags`: from a digest that nobody signed; used, but told to nobody. */
export const CHANNEL_UNSIGNED = 8;
/** `nodeFlags`: an unknown even feature. BOLT 7: "MUST NOT route a payment through the node". */
export const NODE_UNROUTABLE = 1;
/** `nodeFlags`: its features are known, and those below are meant where they are not set. */
export const NODE_TOLD = 2;
/** `nodeFlags`: takes payments in parts (basic_mpp). */
export const NODE_MPP = 4;
/** `nodeFlags`: takes payments that nobody asked for (keysend, bLIP 3). */
export const NODE_KEYSEND = 8;
/** `nodeFlags`: forwards inside of blinded paths (option_route_blinding). */
export const NODE_BLINDS = 16;

/**
 * `nodeFlags` of a node that announces these features. What BOLT 9 takes for granted (onions with records, payment secrets) is not looked at.
 * No features at all: whoever made this row (a digest) did not know them.
 */
export function nodeFlagsOf(features: Bytes): number {
  if (features.length === 0) return 0;
  return (
    NODE_TOLD |
    (unassignedRequired(features).some((bit) => bit !== KEYSEND_BIT) ? NODE_UNROUTABLE : 0) |
    (supports(features, 'basic_mpp') ? NODE_MPP : 0) |
    (hasBit(features, KEYSEND_BIT) || hasBit(features, KEYSEND_BIT + 1) ? NODE_KEYSEND : 0) |
    (supports(features, 'option_route_blinding') ? NODE_BLINDS : 0)
  );
}

/** Whether a node is known not to have what a flag says. Of one that was never announced nothing is known. */
export function lacks(graph: Graph, node: number, flag: number): boolean {
  const flags = node >= 0 && node < graph.nodes ? (graph.nodeFlags[node] as number) : 0;
  return (flags & NODE_TOLD) !== 0 && (flags & flag) === 0;
}

/**
 * Nodes, channels and directed edges by number. Edge `2 * channel + direction`; direction 0 leads from `node1` (the smaller id) to `node2` and
 * is governed by the update of `node1`. Edge `e ^ 1` is the other way. Numbers are stable until `compact`.
 */
export class Graph extends GraphTables {
  #adjacencyStale = true;
  /** Counts every change: a snapshot remembers it. */
  changes = 0;

  /** The number of a node, or -1. */
  findNode(id: Bytes): number {
    return this.lookupNode(id);
  }

  /** The number of a channel that is there, or -1. */
  findChannel(scid: bigint): number {
    return this.lookupChannel(Number((scid >> 32n) & 0xffffffffn), Number(scid & 0xffffffffn));
  }

  addNode(id: Bytes): number {
    const known = this.lookupNode(id);
    if (known !== -1) return known;
    this.#adjacencyStale = true;
    this.changes++;
    return this.appendNode(id);
  }

  /** Adds a channel between two nodes, in any order. `capacityMsat` 0: unknown. Returns its number; one that is there keeps its own. */
  addChannel(channel: {
    readonly scid: bigint;
    readonly a: Bytes;
    readonly b: Bytes;
    readonly capacityMsat: number;
    readonly flags: number;
  }): number {
    const known = this.findChannel(channel.scid);
    if (known !== -1) return known;
    const ordered = compare(channel.a, channel.b) < 0;
    const node1 = this.addNode(ordered ? channel.a : channel.b);
    const node2 = this.addNode(ordered ? channel.b : channel.a);
    this.#adjacencyStale = true;
    this.changes++;
    const scidHi = Number((channel.scid >> 32n) & 0xffffffffn);
    const scidLo = Number(channel.scid & 0xffffffffn);
    return this.appendChannel({ scidHi, scidLo, node1, node2, capacityMsat: channel.capacityMsat, flags: channel.flags });
  }

  /** Sets what a direction asks. Adjacency does not change: live updates cost nothing more. */
  setPolicy(edge: number, policy: EdgePolicy): void {
    const capacity = this.capacityMsat[edge >> 1] as number;
    const contradicts = policy.htlcMaximumMsat < policy.htlcMinimumMsat || (capacity > 0 && policy.htlcMaximumMsat > capacity);
    this.edgeFlags[edge] = EDGE_KNOWN | (policy.disabled ? EDGE_DISABLED : 0) | (contradicts ? EDGE_CONTRADICTS : 0);
    this.timestamp[edge] = policy.timestamp;
    this.cltvExpiryDelta[edge] = policy.cltvExpiryDelta;
    this.htlcMinimumMsat[edge] = policy.htlcMinimumMsat;
    this.htlcMaximumMsat[edge] = policy.htlcMaximumMsat;
    this.feeBaseMsat[edge] = policy.feeBaseMsat;
    this.feeProportionalMillionths[edge] = policy.feeProportionalMillionths;
    this.checksum[edge] = policy.checksum;
    this.changes++;
  }

  setCapacity(channel: number, capacityMsat: number): void {
    this.capacityMsat[channel] = capacityMsat;
    for (const edge of [2 * channel, 2 * channel + 1]) {
      if (((this.edgeFlags[edge] as number) & EDGE_KNOWN) === 0) continue;
      const maximum = this.htlcMaximumMsat[edge] as number;
      const contradicts = maximum < (this.htlcMinimumMsat[edge] as number) || maximum > capacityMsat;
      this.edgeFlags[edge] = ((this.edgeFlags[edge] as number) & ~EDGE_CONTRADICTS) | (contradicts ? EDGE_CONTRADICTS : 0);
    }
    this.changes++;
  }

  setNode(node: number, part: { readonly timestamp: number; readonly flags: number }): void {
    this.nodeTimestamp[node] = part.timestamp;
    this.nodeFlags[node] = part.flags;
    this.changes++;
  }

  markSpent(channel: number): void {
    this.channelFlags[channel] = (this.channelFlags[channel] as number) | CHANNEL_SPENT;
    this.#adjacencyStale = true;
    this.changes++;
  }

  /** A reorganisation took the spending back. */
  markUnspent(channel: number): void {
    this.channelFlags[channel] = (this.channelFlags[channel] as number) & ~CHANNEL_SPENT;
    this.#adjacencyStale = true;
    this.changes++;
  }

  removeChannel(channel: number): void {
    if (((this.channelFlags[channel] as number) & CHANNEL_GONE) !== 0) return;
    this.channelFlags[channel] = (this.channelFlags[channel] as number) | CHANNEL_GONE;
    this.edgeFlags[2 * channel] = 0;
    this.edgeFlags[2 * channel + 1] = 0;
    this.channelsGone++;
    this.#adjacencyStale = true;
    this.changes++;
  }

  scidOf(channel: number): ShortChannelId {
    return ((BigInt(this.scidHi[channel] as number) << 32n) | BigInt(this.scidLo[channel] as number)) as ShortChannelId;
  }
  nodeIdOf(node: number): NodeId {
    return this.nodeIds.slice(33 * node, 33 * node + 33) as NodeId;
  }
  /** The node that an edge leaves. */
  sourceOf(edge: number): number {
    return ((edge & 1) === 0 ? this.node1[edge >> 1] : this.node2[edge >> 1]) as number;
  }
  /** The node that an edge leads to. */
  targetOf(edge: number): number {
    return ((edge & 1) === 0 ? this.node2[edge >> 1] : this.node1[edge >> 1]) as number;
  }
  /** The edge of a channel that leads to `node`, or -1 where the channel does not touch it. */
  edgeTo(channel: number, node: number): number {
    if (this.node2[channel] === node) return 2 * channel;
    return this.node1[channel] === node ? 2 * channel + 1 : -1;
  }
  /** What an edge could carry at most: the capacity where it is known, else the larger maximum that either side announces. */
  edgeCapacityMsat(edge: number): number {
    const known = this.capacityMsat[edge >> 1] as number;
    return known > 0 ? known : Math.max(this.htlcMaximumMsat[edge] as number, this.htlcMaximumMsat[edge ^ 1] as number);
  }

  get liveChannels(): number {
    return this.channels - this.channelsGone;
  }

  /**
   * Adjacency: the edges that lead to node `v` are `inEdges[inStart[v] .. inStart[v + 1]]`, in order of their numbers; those that leave it are
   * the same with `^ 1`. Channels gone, spent or unroutable are not in it. Rebuilt when channels came or went.
   */
  adjacency(): { readonly inStart: Uint32Array; readonly inEdges: Uint32Array } {
    if (this.#adjacencyStale) this.buildAdjacency(CHANNEL_GONE | CHANNEL_UNROUTABLE | CHANNEL_SPENT);
    this.#adjacencyStale = false;
    return this;
  }

  /** For a graph whose tables, adjacency included, were read from a snapshot. */
  adjacencyIsFresh(): void {
    this.#adjacencyStale = false;
  }

  /** A copy without the slots of channels that are gone and of nodes without channels. */
  compact(): Graph {
    const fresh = new Graph();
    fresh.takeLive(this, CHANNEL_GONE);
    fresh.changes = this.changes;
    return fresh;
  }
}
