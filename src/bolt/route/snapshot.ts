// The graph's arrays as one file: a head, then each table at a multiple of 8 bytes. Reading it makes views, it parses nothing.
//
//     8 bytes "LNKGRAPH", u32 version, u32 byte order mark, u64 generation, u32 nodes, channels, channels gone, reserved, then for each table
//     its u32 length in elements; tables follow, each padded to 8.
import type { Bytes } from '../../base/bytes.ts';
import { Graph } from './graph.ts';
import { TABLE_NAMES, TABLES } from './graph-tables.ts';

const MAGIC = 0x48504152474b4e4cn;
const VERSION = 1;
const BYTE_ORDER = 0x01020304;
const HEAD_BYTES = 40 + 4 * TABLE_NAMES.length;
const padded = (bytes: number): number => (bytes + 7) & ~7;

/** How many elements of a table are in use. */
function used(graph: Graph): { readonly [name: string]: number } {
  const { nodes, channels } = graph;
  return {
    nodeIds: 33 * nodes,
    nodeFlags: nodes,
    nodeTimestamp: nodes,
    channelFlags: channels,
    scidHi: channels,
    scidLo: channels,
    node1: channels,
    node2: channels,
    capacityMsat: channels,
    inStart: graph.inStart.length,
    inEdges: graph.inEdges.length,
    nodeHash: graph.nodeHash.length,
    channelHash: graph.channelHash.length,
  };
}

/** The file of a graph. `generation` names the content of the database that the graph was made from. */
export function encodeSnapshot(graph: Graph, generation: number): Uint8Array<ArrayBuffer> {
  graph.adjacency();
  const lengths = used(graph);
  const count = (name: string): number => lengths[name] ?? 2 * graph.channels;
  const size = TABLE_NAMES.reduce((sum, name) => sum + padded(count(name) * TABLES[name].BYTES_PER_ELEMENT), padded(HEAD_BYTES));
  const file = new Uint8Array(size);
  const head = new DataView(file.buffer);
  head.setBigUint64(0, MAGIC, true);
  head.setUint32(8, VERSION, true);
  new Uint32Array(file.buffer, 12, 1)[0] = BYTE_ORDER;
  head.setBigUint64(16, BigInt(generation), true);
  head.setUint32(24, graph.nodes, true);
  head.setUint32(28, graph.channels, true);
  head.setUint32(32, graph.channelsGone, true);
  let at = padded(HEAD_BYTES);
  TABLE_NAMES.forEach((name, i) => {
    const length = count(name);
    head.setUint32(40 + 4 * i, length, true);
    const table = graph[name].subarray(0, length);
    file.set(new Uint8Array(table.buffer, table.byteOffset, table.byteLength), at);
    at += padded(table.byteLength);
  });
  return file;
}

/** The graph of a file that is known to be whole (its owner checks a hash), or null where it is of another version, machine or generation. */
export function decodeSnapshot(file: Bytes, generation: number): Graph | null {
  if (file.length < HEAD_BYTES || file.byteOffset % 8 !== 0) return null;
  const head = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (head.getBigUint64(0, true) !== MAGIC || head.getUint32(8, true) !== VERSION) return null;
  if (new Uint32Array(file.buffer, file.byteOffset + 12, 1)[0] !== BYTE_ORDER || head.getBigUint64(16, true) !== BigInt(generation))
    return null;
  const graph = new Graph();
  graph.nodes = head.getUint32(24, true);
  graph.channels = head.getUint32(28, true);
  graph.channelsGone = head.getUint32(32, true);
  let at = padded(HEAD_BYTES);
  for (const [i, name] of TABLE_NAMES.entries()) {
    const Table = TABLES[name];
    const length = head.getUint32(40 + 4 * i, true);
    if (at + length * Table.BYTES_PER_ELEMENT > file.length) return null;
    (graph[name] as unknown) = new Table(file.buffer as ArrayBuffer, file.byteOffset + at, length);
    at += padded(length * Table.BYTES_PER_ELEMENT);
  }
  graph.adjacencyIsFresh();
  return graph;
}
