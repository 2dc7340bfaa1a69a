import type { Bytes } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import type { TimestampFilter } from '../../bolt/gossip/answer.ts';
import { type Choose, PeerSync } from '../../bolt/gossip/sync.ts';
import { supports } from '../../bolt/wire/features.ts';
import type { Message } from '../../bolt/wire/message.ts';
import type { Refusal } from './intake.ts';

/** What a peer's mistakes weigh; at `LIMIT` it is let go. Honest peers make the small ones now and then. */
const WEIGHTS: Readonly<Record<Refusal, number>> = {
  bad_signature: 1000,
  malformed: 1000,
  // A peer may speak another revision of the draft.
  version_2_malformed: 10,
  bad_order: 200,
  bad_address: 50,
  oversized: 50,
  wrong_chain: 50,
  // Which of two tellers lies is not known: one contradiction says little.
  contradicting: 5,
  future: 20,
  bad_funding: 2,
  full: 1,
  overflow: 1,
  rate_limited: 1,
  unknown_node: 0,
  unknown_channel: 0,
  spent: 0,
  // Our chain backend's fault, not the peer's.
  unchecked: 0,
  unconfirmed: 1,
  blacklisted: 0,
  duplicate: 0,
  version_2: 0,
  stale: 0,
};
const LIMIT = 1000;
/** Messages sent to one peer in one turn of the event loop. */
const PER_TURN = 64;
/** Above so many unsent bytes gossip waits: channel messages go first. */
const BUSY_BYTES = 256 * 1024;
const LOOK_AGAIN_MS = 20;

export interface PeerOptions {
  readonly link: number;
  readonly peer: NodeId;
  readonly features: Bytes;
  readonly chainHash: Bytes;
  readonly choose: Choose;
  readonly readyAt: number;
  send(message: Message): void;
  backlog(): number;
}

/** A peer as the owner of the graph sees it. */
export class GossipPeer {
  readonly link: number;
  readonly peer: NodeId;
  readonly readyAt: number;
  readonly sync: PeerSync;
  /** The peer keeps a graph worth asking for. */
  readonly hasGraph: boolean;
  /** What the peer asked to be told; null before it asked. */
  filter: TimestampFilter | null = null;
  /** We asked this peer to tell us news. */
  isActive = false;
  /** How often it was synced from, or stalled. */
  syncs = 0;
  failures = 0;
  answering = false;
  answeringRange = false;
  /** What it asked us of late. */
  questions = 0;
  /** Channels it announced without being asked, of late. */
  unasked = 0;
  #score = 0;
  #gone = false;
  readonly #options: PeerOptions;
  #outbox: Iterator<Message | null>[] = [];
  #pumping = false;
  #replayed: Iterator<Message | null> | null = null;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.link = options.link;
    this.peer = options.peer;
    this.readyAt = options.readyAt;
    this.hasGraph = supports(options.features, 'gossip_queries');
    this.sync = new PeerSync({
      chainHash: options.chainHash,
      extended: supports(options.features, 'gossip_queries_ex'),
      choose: options.choose,
    });
  }

  send(message: Message): void {
    if (!this.#gone) this.#options.send(message);
  }

  /** Sends a long answer bit by bit, after those before it; where it has null the next bit waits for another turn of the event loop. */
  stream(messages: Iterator<Message | null>): void {
    this.#outbox.push(messages);
    if (this.#pumping) return;
    this.#pumping = true;
    this.#pump();
  }

  /** Sends what its filter asks for, in place of what is still to be sent for an earlier one. */
  replay(messages: Iterator<Message | null> | null): void {
    this.#outbox = this.#outbox.filter((waiting) => waiting !== this.#replayed);
    this.#replayed = messages;
    if (messages !== null) this.stream(messages);
  }

  leave(): void {
    this.#gone = true;
    this.#outbox = [];
  }

  /** Counts a mistake; true when it is one too many. */
  blame(refusal: Refusal): boolean {
    this.#score += WEIGHTS[refusal];
    return this.#score >= LIMIT;
  }
  forgive(): void {
    this.#score = Math.floor(this.#score / 2);
    this.unasked = 0;
    this.questions = 0;
  }

  #pump(): void {
    if (this.#options.backlog() < BUSY_BYTES) {
      for (let sent = 0; sent < PER_TURN && this.#outbox.length > 0; sent++) {
        const next = (this.#outbox[0] as Iterator<Message | null>).next();
        if (next.done === true) this.#outbox.shift();
        else if (next.value === null) break;
        else this.send(next.value);
      }
    }
    if (this.#outbox.length === 0) {
      this.#pumping = false;
      return;
    }
    if (this.#options.backlog() < BUSY_BYTES) setImmediate(() => this.#pump());
    else setTimeout(() => this.#pump(), LOOK_AGAIN_MS).unref();
  }
}
