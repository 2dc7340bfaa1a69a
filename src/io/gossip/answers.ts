import { type Bytes, toHex } from '../../base/bytes.ts';
import { passes, type TimestampFilter, type Told } from '../../bolt/gossip/answer.ts';
import { WANT_ALL, WANT_ANNOUNCEMENT, WANT_NODE_1, WANT_NODE_2, WANT_UPDATE_1, WANT_UPDATE_2 } from '../../bolt/gossip/sync.ts';
import { isUnsigned } from '../../bolt/gossip/synthetic.ts';
import { CHANNEL_GONE, CHANNEL_SPENT, CHANNEL_UNSIGNED, EDGE_KNOWN, type Graph } from '../../bolt/route/graph.ts';
import type { Message, MessageNamed } from '../../bolt/wire/message.ts';
import type { GraphDatabase } from './database.ts';
import { decoded } from './relay.ts';

/** Channels looked at in one turn of the event loop: some milliseconds. */
const TURN = 4_096;
const UNTOLD = CHANNEL_GONE | CHANNEL_SPENT | CHANNEL_UNSIGNED;

/** What we tell peers that ask, read from the graph and the database. */
export class Answers {
  readonly #graph: Graph;
  readonly #database: GraphDatabase;
  #sorted: Uint32Array = new Uint32Array(0);
  #sortedAt = -1;

  constructor(graph: Graph, database: GraphDatabase) {
    this.#graph = graph;
    this.#database = database;
  }

  /** The channels of the blocks asked for, in ascending order. Yields null where others should have their turn. */
  *inRange(query: MessageNamed<'query_channel_range'>): Generator<null, readonly Told[]> {
    const graph = this.#graph;
    const sorted = this.#inOrder();
    const first = BigInt(query.firstBlocknum) << 40n;
    const end = (BigInt(query.firstBlocknum) + BigInt(query.numberOfBlocks)) << 40n;
    const told: Told[] = [];
    const from = lowerBound(graph, sorted, first);
    for (let i = from; i < sorted.length; i++) {
      if (i % TURN === TURN - 1) yield null;
      const channel = sorted[i] as number;
      const scid = graph.scidOf(channel);
      if (scid >= end) break;
      if (((graph.channelFlags[channel] as number) & UNTOLD) !== 0) continue;
      const of = (table: Uint32Array): { node1: number; node2: number } => ({
        node1: table[2 * channel] as number,
        node2: table[2 * channel + 1] as number,
      });
      told.push({ scid, timestamps: of(graph.timestamp), checksums: of(graph.checksum) });
    }
    return told;
  }

  /** What is asked of each known channel; node announcements behind their channel, each once. */
  *channels(scids: readonly bigint[], flags: readonly number[] | null): IterableIterator<Message> {
    const nodesSent = new Set<string>();
    for (let i = 0; i < scids.length; i++) {
      const wanted = flags?.[i] ?? WANT_ALL;
      const channel = this.#graph.findChannel(scids[i] as bigint);
      if (channel === -1 || ((this.#graph.channelFlags[channel] as number) & UNTOLD) !== 0) continue;
      const rows = this.#database.channel(scids[i] as bigint);
      if (rows === null) continue;
      const due: Bytes[] = [];
      if ((wanted & WANT_ANNOUNCEMENT) !== 0) due.push(rows.announcement);
      if ((wanted & WANT_UPDATE_1) !== 0 && rows.updates[0] !== null && !isUnsigned(rows.updates[0])) due.push(rows.updates[0]);
      if ((wanted & WANT_UPDATE_2) !== 0 && rows.updates[1] !== null && !isUnsigned(rows.updates[1])) due.push(rows.updates[1]);
      if ((wanted & WANT_NODE_1) !== 0) this.#node(this.#graph.node1[channel] as number, nodesSent, due);
      if ((wanted & WANT_NODE_2) !== 0) this.#node(this.#graph.node2[channel] as number, nodesSent, due);
      yield* decoded(due);
    }
  }

  #node(node: number, sent: Set<string>, due: Bytes[]): void {
    if (this.#graph.nodeTimestamp[node] === 0) return;
    const id = this.#graph.nodeIdOf(node);
    const key = toHex(id);
    if (sent.has(key)) return;
    sent.add(key);
    const announcement = this.#database.node(id);
    if (announcement !== null && !isUnsigned(announcement)) due.push(announcement);
  }

  /** Everything whose timestamp passes a filter: announcement, updates, then the channel's nodes. null: others should have their turn. */
  *since(filter: TimestampFilter): IterableIterator<Message | null> {
    const graph = this.#graph;
    const nodesSent = new Set<string>();
    for (let channel = 0; channel < graph.channels; channel++) {
      if (channel % TURN === TURN - 1) yield null;
      if (((graph.channelFlags[channel] as number) & UNTOLD) !== 0) continue;
      const fresh = [2 * channel, 2 * channel + 1].filter(
        (edge) => ((graph.edgeFlags[edge] as number) & EDGE_KNOWN) !== 0 && passes(filter, graph.timestamp[edge] as number),
      );
      const nodes = [graph.node1[channel] as number, graph.node2[channel] as number].filter(
        (node) => graph.nodeTimestamp[node] !== 0 && passes(filter, graph.nodeTimestamp[node] as number),
      );
      if (fresh.length === 0 && nodes.length === 0) continue;
      const rows = this.#database.channel(graph.scidOf(channel));
      if (rows === null) continue;
      const due: Bytes[] = [];
      if (fresh.length > 0) due.push(rows.announcement);
      for (const edge of fresh) {
        const update = rows.updates[(edge & 1) as 0 | 1];
        if (update !== null && !isUnsigned(update)) due.push(update);
      }
      for (const node of nodes) this.#node(node, nodesSent, due);
      yield* decoded(due);
    }
  }

  /** The channels that may be told, by number, in the order of their short channel ids. */
  #inOrder(): Uint32Array {
    if (this.#sortedAt === this.#graph.changes) return this.#sorted;
    const graph = this.#graph;
    const { scidHi, scidLo } = graph;
    const all = new Uint32Array(graph.liveChannels);
    let count = 0;
    for (let channel = 0; channel < graph.channels; channel++)
      if (((graph.channelFlags[channel] as number) & UNTOLD) === 0) all[count++] = channel;
    const byScid = (a: number, b: number): number =>
      (scidHi[a] as number) - (scidHi[b] as number) || (scidLo[a] as number) - (scidLo[b] as number);
    this.#sorted = all.subarray(0, count).sort(byScid);
    this.#sortedAt = graph.changes;
    return this.#sorted;
  }
}

function lowerBound(graph: Graph, sorted: Uint32Array, scid: bigint): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (graph.scidOf(sorted[middle] as number) < scid) low = middle + 1;
    else high = middle;
  }
  return low;
}
