import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { CHANNEL_GONE, type Graph } from '../../bolt/route/graph.ts';
import type { GraphDatabase } from './database.ts';

/** Who leaks keys is rare; a list that somebody manages to fill is not grown further. */
const MOST = 10_000;

/** Nodes of which nothing is believed any more (BOLT 7, channel_announcement: "SHOULD blacklist ... AND forget any channels connected to them"). */
export class Blacklist {
  readonly #self: Bytes;
  readonly #graph: Graph;
  readonly #database: GraphDatabase;
  readonly #ids: Set<string>;

  constructor(part: { readonly self: Bytes; readonly graph: Graph; readonly database: GraphDatabase }) {
    this.#self = part.self;
    this.#graph = part.graph;
    this.#database = part.database;
    this.#ids = new Set(Array.from(part.database.blacklisted(), toHex));
  }

  has(nodeId: Bytes): boolean {
    return this.#ids.size > 0 && this.#ids.has(toHex(nodeId));
  }

  /** Ourselves excepted: our own channels are known to be ours. */
  add(nodeIds: readonly Bytes[]): void {
    const nodes = new Set<number>();
    for (const id of nodeIds) {
      if (equal(id, this.#self) || this.#ids.size >= MOST) continue;
      this.#ids.add(toHex(id));
      this.#database.write({ kind: 'blacklist', id });
      nodes.add(this.#graph.findNode(id));
    }
    const graph = this.#graph;
    const own = graph.findNode(this.#self);
    for (let channel = 0; channel < graph.channels; channel++) {
      const [a, b] = [graph.node1[channel] as number, graph.node2[channel] as number];
      if (((graph.channelFlags[channel] as number) & CHANNEL_GONE) !== 0 || !(nodes.has(a) || nodes.has(b)) || a === own || b === own)
        continue;
      this.#database.write({ kind: 'remove', scid: graph.scidOf(channel) });
      graph.removeChannel(channel);
    }
  }
}
