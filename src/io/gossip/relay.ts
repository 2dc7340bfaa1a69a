import type { Bytes } from '../../base/bytes.ts';
import { passes } from '../../bolt/gossip/answer.ts';
import type { RawGossip } from '../../bolt/gossip/raw.ts';
import { decodeMessage, type Message } from '../../bolt/wire/message.ts';
import type { GossipPeer } from './peer.ts';

interface Waiting {
  readonly bytes: Bytes;
  readonly timestamp: number;
  /** The link that told us; it is not told again. */
  readonly from: number | null;
  readonly own: boolean;
}

/** More than this between two flushes is not news but a sync; peers learn it by their own queries. */
const MOST = 5_000;

/** Collects accepted gossip and passes it on in batches (BOLT 7, "Rebroadcasting"). */
export class Relay {
  #queue: Waiting[] = [];
  /** Announcements of channels without any update yet: BOLT 7 forbids to send those. */
  readonly #unsent = new Map<bigint, { readonly bytes: Bytes; readonly from: number | null; readonly own: boolean }>();

  add(message: RawGossip, from: number | null): void {
    const own = from === null;
    switch (message.kind) {
      case 'channel_announcement':
        // Some never get an update: they make room for the newest.
        if (this.#unsent.size >= MOST) this.#unsent.delete(this.#unsent.keys().next().value as bigint);
        this.#unsent.set(message.scid, { bytes: message.bytes, from, own });
        return;
      case 'channel_update': {
        if (message.dontForward) return;
        const announcement = this.#unsent.get(message.scid);
        // BOLT 7: "MUST consider whether to send the channel_announcement after receiving the first corresponding channel_update", and its
        // timestamp is that of the update.
        if (announcement !== undefined) {
          this.#unsent.delete(message.scid);
          this.#push({ ...announcement, timestamp: message.timestamp });
        }
        this.#push({ bytes: message.bytes, timestamp: message.timestamp, from, own });
        return;
      }
      case 'node_announcement':
        this.#push({ bytes: message.bytes, timestamp: message.timestamp, from, own });
        return;
    }
  }

  #push(waiting: Waiting): void {
    if (this.#queue.length < MOST || waiting.own) this.#queue.push(waiting);
  }

  flush(peers: Iterable<GossipPeer>): void {
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    for (const peer of peers) {
      const { filter } = peer;
      if (filter === null) continue;
      // BOLT 7: "SHOULD send gossip messages as it generates them regardless of timestamp"
      const due = queue.filter((waiting) => waiting.from !== peer.link && (waiting.own || passes(filter, waiting.timestamp)));
      if (due.length > 0) peer.stream(decoded(due.map((waiting) => waiting.bytes)));
    }
  }
}

/** The messages of stored bytes, one at a time. */
export function* decoded(stored: Iterable<Bytes>): IterableIterator<Message> {
  for (const bytes of stored) {
    const message = decodeMessage(bytes);
    if (message.ok && message.value.name !== 'unknown') yield message.value;
  }
}
