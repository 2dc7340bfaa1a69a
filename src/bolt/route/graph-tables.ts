import type { Bytes } from '../../base/bytes.ts';

const FIRST_NODES = 64;
const FIRST_CHANNELS = 128;

/** Names and element types of every table, in the order of the snapshot file. */
export const TABLES = {
  nodeIds: Uint8Array,
  nodeFlags: Uint8Array,
  channelFlags: Uint8Array,
  edgeFlags: Uint8Array,
  cltvExpiryDelta: Uint16Array,
  nodeTimestamp: Uint32Array,
  scidHi: Uint32Array,
  scidLo: Uint32Array,
  node1: Uint32Array,
  node2: Uint32Array,
  timestamp: Uint32Array,
  feeBaseMsat: Uint32Array,
  feeProportionalMillionths: Uint32Array,
  checksum: Uint32Array,
  inStart: Uint32Array,
  inEdges: Uint32Array,
  nodeHash: Int32Array,
  channelHash: Int32Array,
  capacityMsat: Float64Array,
  htlcMinimumMsat: Float64Array,
  htlcMaximumMsat: Float64Array,
} as const;

export type TableName = keyof typeof TABLES;
export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[];
const NODE_TABLES = ['nodeFlags', 'nodeTimestamp'] as const;
const CHANNEL_TABLES = ['channelFlags', 'scidHi', 'scidLo', 'node1', 'node2', 'capacityMsat'] as const;
const EDGE_TABLES = [
  'edgeFlags',
  'cltvExpiryDelta',
  'timestamp',
  'feeBaseMsat',
  'feeProportionalMillionths',
  'checksum',
  'htlcMinimumMsat',
  'htlcMaximumMsat',
] as const;

type Table = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

/** The tables, how they grow, and the two hash indexes (open addressing, linear probing, -1 for an empty slot). */
export class GraphTables {
  nodes = 0;
  channels = 0;
  channelsGone = 0;
  nodeIds: Uint8Array = new Uint8Array(33 * FIRST_NODES);
  nodeFlags: Uint8Array = new Uint8Array(FIRST_NODES);
  nodeTimestamp: Uint32Array = new Uint32Array(FIRST_NODES);
  scidHi: Uint32Array = new Uint32Array(FIRST_CHANNELS);
  scidLo: Uint32Array = new Uint32Array(FIRST_CHANNELS);
  node1: Uint32Array = new Uint32Array(FIRST_CHANNELS);
  node2: Uint32Array = new Uint32Array(FIRST_CHANNELS);
  capacityMsat: Float64Array = new Float64Array(FIRST_CHANNELS);
  channelFlags: Uint8Array = new Uint8Array(FIRST_CHANNELS);
  timestamp: Uint32Array = new Uint32Array(2 * FIRST_CHANNELS);
  edgeFlags: Uint8Array = new Uint8Array(2 * FIRST_CHANNELS);
  cltvExpiryDelta: Uint16Array = new Uint16Array(2 * FIRST_CHANNELS);
  htlcMinimumMsat: Float64Array = new Float64Array(2 * FIRST_CHANNELS);
  htlcMaximumMsat: Float64Array = new Float64Array(2 * FIRST_CHANNELS);
  feeBaseMsat: Uint32Array = new Uint32Array(2 * FIRST_CHANNELS);
  feeProportionalMillionths: Uint32Array = new Uint32Array(2 * FIRST_CHANNELS);
  checksum: Uint32Array = new Uint32Array(2 * FIRST_CHANNELS);
  inStart: Uint32Array = new Uint32Array(1);
  inEdges: Uint32Array = new Uint32Array(0);
  nodeHash: Int32Array = new Int32Array(4 * FIRST_NODES).fill(-1);
  channelHash: Int32Array = new Int32Array(4 * FIRST_CHANNELS).fill(-1);

  protected lookupNode(id: Bytes): number {
    const mask = this.nodeHash.length - 1;
    for (let slot = hashOfId(id, 0) & mask; ; slot = (slot + 1) & mask) {
      const node = this.nodeHash[slot] as number;
      if (node === -1 || sameId(this.nodeIds, 33 * node, id)) return node;
    }
  }

  protected lookupChannel(hi: number, lo: number): number {
    const mask = this.channelHash.length - 1;
    for (let slot = hashOfScid(hi, lo) & mask; ; slot = (slot + 1) & mask) {
      const channel = this.channelHash[slot] as number;
      if (channel === -1) return -1;
      // One that is gone keeps its slot: the chain behind it stays whole, and the same id may have come back further on.
      if (this.scidLo[channel] === lo && this.scidHi[channel] === hi && ((this.channelFlags[channel] as number) & 1) === 0) return channel;
    }
  }

  protected appendNode(id: Bytes): number {
    const node = this.nodes++;
    if (this.nodeFlags.length < this.nodes) this.#growNodes();
    this.nodeIds.set(id, 33 * node);
    this.nodeTimestamp[node] = 0;
    this.nodeFlags[node] = 0;
    insert(this.nodeHash, hashOfId(id, 0), node);
    return node;
  }

  protected appendChannel(part: {
    readonly scidHi: number;
    readonly scidLo: number;
    readonly node1: number;
    readonly node2: number;
    readonly capacityMsat: number;
    readonly flags: number;
  }): number {
    const channel = this.channels++;
    if (this.scidHi.length < this.channels) this.#growChannels();
    this.scidHi[channel] = part.scidHi;
    this.scidLo[channel] = part.scidLo;
    this.node1[channel] = part.node1;
    this.node2[channel] = part.node2;
    this.capacityMsat[channel] = part.capacityMsat;
    this.channelFlags[channel] = part.flags;
    this.edgeFlags[2 * channel] = 0;
    this.edgeFlags[2 * channel + 1] = 0;
    this.timestamp[2 * channel] = 0;
    this.timestamp[2 * channel + 1] = 0;
    insert(this.channelHash, hashOfScid(part.scidHi, part.scidLo), channel);
    return channel;
  }

  /** Fills empty tables with the channels of others that have none of the flags, and their nodes, table by table: a daemon does this now and then. */
  protected takeLive(from: GraphTables, flags: number): void {
    const live = new Uint32Array(from.channels);
    let count = 0;
    for (let c = 0; c < from.channels; c++) if (((from.channelFlags[c] as number) & flags) === 0) live[count++] = c;
    const channels = live.subarray(0, count);
    const edges = new Uint32Array(2 * count);
    for (let e = 0; e < edges.length; e++) edges[e] = 2 * (channels[e >> 1] as number) + (e & 1);
    const numbers = new Int32Array(from.nodes).fill(-1);
    const nodes = new Uint32Array(from.nodes);
    const renumbered = (node: number): number => {
      if (numbers[node] === -1) {
        nodes[this.nodes] = node;
        numbers[node] = this.nodes++;
      }
      return numbers[node] as number;
    };
    this.channels = count;
    for (const name of CHANNEL_TABLES) (this[name] as Table) = gathered(from[name], channels);
    for (const name of EDGE_TABLES) (this[name] as Table) = gathered(from[name], edges);
    for (let c = 0; c < this.channels; c++) {
      this.node1[c] = renumbered(this.node1[c] as number);
      this.node2[c] = renumbered(this.node2[c] as number);
    }
    for (const name of NODE_TABLES) (this[name] as Table) = gathered(from[name], nodes.subarray(0, this.nodes));
    this.nodeIds = new Uint8Array(33 * this.nodes);
    for (let v = 0; v < this.nodes; v++)
      for (let i = 0; i < 33; i++) this.nodeIds[33 * v + i] = from.nodeIds[33 * (nodes[v] as number) + i] as number;
    this.nodeHash = new Int32Array(powerOfTwo(4 * this.nodes)).fill(-1);
    for (let v = 0; v < this.nodes; v++) insert(this.nodeHash, hashOfId(this.nodeIds, 33 * v), v);
    this.channelHash = new Int32Array(powerOfTwo(4 * this.channels)).fill(-1);
    for (let c = 0; c < this.channels; c++) insert(this.channelHash, hashOfScid(this.scidHi[c] as number, this.scidLo[c] as number), c);
  }

  /** Two passes of counting: linear, and the edges of a node stand in order of their numbers. */
  protected buildAdjacency(excluded: number): void {
    const start = new Uint32Array(this.nodes + 1);
    let live = 0;
    for (let c = 0; c < this.channels; c++) {
      if (((this.channelFlags[c] as number) & excluded) !== 0) continue;
      start[(this.node1[c] as number) + 1]!++;
      start[(this.node2[c] as number) + 1]!++;
      live += 2;
    }
    for (let v = 0; v < this.nodes; v++) start[v + 1]! += start[v] as number;
    const next = start.slice();
    const edges = new Uint32Array(live);
    for (let c = 0; c < this.channels; c++) {
      if (((this.channelFlags[c] as number) & excluded) !== 0) continue;
      edges[next[this.node2[c] as number]!++] = 2 * c;
      edges[next[this.node1[c] as number]!++] = 2 * c + 1;
    }
    this.inStart = start;
    this.inEdges = edges;
  }

  #growNodes(): void {
    const size = 2 * this.nodes;
    this.nodeIds = grown(this.nodeIds, 33 * size);
    for (const name of NODE_TABLES) (this[name] as Table) = grown(this[name], size);
    this.nodeHash = new Int32Array(powerOfTwo(4 * size)).fill(-1);
    for (let node = 0; node < this.nodes - 1; node++) insert(this.nodeHash, hashOfId(this.nodeIds, 33 * node), node);
  }

  #growChannels(): void {
    const size = 2 * this.channels;
    for (const name of CHANNEL_TABLES) (this[name] as Table) = grown(this[name], size);
    for (const name of EDGE_TABLES) (this[name] as Table) = grown(this[name], 2 * size);
    this.channelHash = new Int32Array(powerOfTwo(2 * size)).fill(-1);
    for (let c = 0; c < this.channels - 1; c++) insert(this.channelHash, hashOfScid(this.scidHi[c] as number, this.scidLo[c] as number), c);
  }
}

function grown<T extends Table>(table: T, size: number): T {
  const larger = new (table.constructor as new (size: number) => T)(size);
  larger.set(table as never);
  return larger;
}

function gathered<T extends Table>(table: T, at: Uint32Array): T {
  const some = new (table.constructor as new (size: number) => T)(at.length);
  for (let i = 0; i < at.length; i++) some[i] = table[at[i] as number] as number;
  return some;
}

function powerOfTwo(atLeast: number): number {
  let size = 256;
  while (size < atLeast) size *= 2;
  return size;
}

function insert(table: Int32Array, hash: number, value: number): void {
  const mask = table.length - 1;
  let slot = hash & mask;
  while (table[slot] !== -1) slot = (slot + 1) & mask;
  table[slot] = value;
}

function hashOfScid(hi: number, lo: number): number {
  let h = Math.imul(hi ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(lo, 0xc2b2ae35);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 13);
}

function hashOfId(bytes: Bytes, at: number): number {
  let h = 0x811c9dc5;
  for (let i = at + 1; i < at + 33; i += 4) {
    const word =
      ((bytes[i] as number) << 24) | ((bytes[i + 1] as number) << 16) | ((bytes[i + 2] as number) << 8) | (bytes[i + 3] as number);
    h = Math.imul(h ^ word, 0x01000193);
    h ^= h >>> 15;
  }
  h = Math.imul(h ^ (bytes[at] as number), 0x2c1b3c6d);
  return h ^ (h >>> 12);
}

function sameId(table: Uint8Array, at: number, id: Bytes): boolean {
  for (let i = 32; i >= 0; i--) if (table[at + i] !== id[i]) return false;
  return true;
}
