import { type Bytes, equal, toHex } from '../../src/base/bytes.ts';
import { decodeBits, encodeBits, FEATURES, type FeatureName } from '../../src/bolt/wire/features.ts';
import { decodeMessage, encodeMessage, type Message } from '../../src/bolt/wire/message.ts';
import type { NodeInput } from '../../src/node/types.ts';
import type { SimNode } from './node.ts';
import type { Rng } from './random.ts';

type Item = Bytes | 'end';

/** One TCP connection: what is sent arrives in order and once, or not at all after it broke. */
export interface Link {
  readonly number: number;
  readonly ends: readonly [SimNode, SimNode];
  /** On its way to each end. */
  readonly queues: readonly [Item[], Item[]];
  /** Whether each end still holds it. */
  readonly held: [boolean, boolean];
}

/** Connections between nodes, cut and delayed at will. */
export class Network {
  readonly links: Link[] = [];
  readonly dials: { readonly from: SimNode; readonly to: SimNode }[] = [];
  readonly #rng: Rng;
  /** Features that nodes do not tell of, so that older peers are met as well. */
  readonly #without: ReadonlySet<FeatureName>;
  #next = 1;

  constructor(rng: Rng, without: ReadonlySet<FeatureName>) {
    this.#rng = rng;
    this.#without = without;
  }

  send(from: SimNode, number: number, message: Message): void {
    const link = this.links.find((each) => each.number === number);
    const end = link === undefined ? -1 : link.ends.indexOf(from);
    if (link === undefined || !link.held[end]) return;
    link.queues[1 - end]?.push(encodeMessage(message.name === 'init' ? this.#hide(message) : message));
  }

  #hide<M extends { readonly features: Bytes }>(init: M): M {
    const hidden = new Set([...this.#without].map((name) => FEATURES[name].bit));
    return { ...init, features: encodeBits(decodeBits(init.features).filter((bit) => !hidden.has(bit & ~1))) };
  }

  /** An end closes after what it sent has left. */
  close(by: SimNode, number: number): void {
    const link = this.links.find((each) => each.number === number);
    const end = link === undefined ? -1 : link.ends.indexOf(by);
    if (link === undefined || !link.held[end]) return;
    link.held[end] = false;
    link.queues[1 - end]?.push('end');
    (link.queues[end] as Item[]).length = 0;
    by.inbox.push({ kind: 'link_down', link: number, peer: (link.ends[1 - end] as SimNode).nodeId, why: 'closed here' });
  }

  /** The connection breaks: of what is on its way some arrives. */
  cut(link: Link): void {
    for (const end of [0, 1] as const) {
      if (!link.held[end]) continue;
      const queue = link.queues[end];
      queue.length = this.#rng.below(queue.length + 1);
      queue.push('end');
    }
  }

  /** A process is gone: its links break, and what was sent to it is lost. */
  gone(node: SimNode): void {
    for (const dial of this.dials.filter(({ from }) => from === node)) this.dials.splice(this.dials.indexOf(dial), 1);
    for (const link of this.links) {
      const end = link.ends.indexOf(node);
      if (end < 0) continue;
      this.cut(link);
      link.held[end] = false;
      link.queues[end]?.splice(0);
    }
  }

  /** Both ends get a new link. */
  connect(from: SimNode, to: SimNode): Link {
    const link: Link = { number: this.#next++, ends: [from, to], queues: [[], []], held: [true, true] };
    this.links.push(link);
    from.inbox.push({ kind: 'link_up', link: link.number, peer: to.nodeId, inbound: false, address: to.address });
    to.inbox.push({ kind: 'link_up', link: link.number, peer: from.nodeId, inbound: true, address: null });
    return link;
  }

  /** Those with something to deliver, by the end that gets it. */
  waiting(): readonly { readonly link: Link; readonly end: 0 | 1 }[] {
    return this.links.flatMap((link) => ([0, 1] as const).flatMap((end) => (link.queues[end].length > 0 ? [{ link, end }] : [])));
  }

  /** Hands the next item to the node. */
  deliver({ link, end }: { readonly link: Link; readonly end: 0 | 1 }): string {
    const to = link.ends[end];
    const from = link.ends[end === 0 ? 1 : 0];
    const item = link.queues[end].shift();
    if (item === undefined) return 'nothing';
    if (item === 'end') {
      link.held[end] = false;
      link.queues[end].length = 0;
      this.#forget(link);
      to.inbox.push({ kind: 'link_down', link: link.number, peer: from.nodeId, why: 'the connection broke' });
      return `${to.name} loses link ${link.number}`;
    }
    const decoded = decodeMessage(item);
    if (!decoded.ok) throw new Error(`a message that was sent does not decode: ${decoded.failure.path} ${decoded.failure.message}`);
    if (decoded.value.name !== 'unknown' && !equal(encodeMessage(decoded.value), item))
      throw new Error(`${decoded.value.name} is encoded otherwise the second time: ${toHex(item)}`);
    const input: NodeInput = { kind: 'message', link: link.number, peer: from.nodeId, message: decoded.value };
    to.inbox.push(input);
    return `${to.name} gets ${decoded.value.name}`;
  }

  #forget(link: Link): void {
    if (!link.held[0] && !link.held[1] && link.queues[0].length === 0 && link.queues[1].length === 0)
      this.links.splice(this.links.indexOf(link), 1);
  }

  isQuiet(a: SimNode, b: SimNode): boolean {
    return this.links.every(
      (link) => !link.ends.includes(a) || !link.ends.includes(b) || (link.queues[0].length === 0 && link.queues[1].length === 0),
    );
  }
}
