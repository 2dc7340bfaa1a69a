import type { Bytes } from '../../base/bytes.ts';
import { toHex } from '../../base/bytes.ts';
import type { UnixTime } from '../../base/units.ts';
import { type Offered, type Query, WANT_ALL, WANT_UPDATE_1, WANT_UPDATE_2 } from '../../bolt/gossip/sync.ts';
import type { Graph } from '../../bolt/route/graph.ts';
import type { MessageNamed } from '../../bolt/wire/message.ts';
import type { GossipPeer } from './peer.ts';
import { STALE_SECONDS } from './prune.ts';

/** Peers that are asked to tell us news; the rest stays silent. */
const ACTIVE_PEERS = 3;
/** A one-shot payment over a channel it has ends before this: it syncs nothing. */
const SETTLE_SECONDS = 1;
/** Another peer is asked for all it knows so often: nobody's omissions last. */
const ROTATE_SECONDS = 3600;
/** News older than this come with the sync. Peers may send their whole graph when asked for what is older than some hours. */
const NEWS_SECONDS = 3600;
/** An update that says the same again is asked for all the same when ours is so old: one of two weeks is pruned. */
const AGING_SECONDS = STALE_SECONDS / 2;
const MAX_ZOMBIES = 500_000;
const MAX_FAILURES = 2;
/** Ticks come every second: after such a pause it was we who slept, and what peers sent is still to be read. */
const SLEPT_SECONDS = 10;
const NOTHING = 0xffffffff;

export interface SyncKeeperOptions {
  readonly chainHash: Bytes;
  readonly peers: ReadonlyMap<number, GossipPeer>;
  log(level: 'debug' | 'info' | 'warn' | 'error', text: string): void;
  /** Resolves when little waits to be verified; null where that is so now. The next query is held back until then: its answer must find room. */
  room(): Promise<void> | null;
  now(): UnixTime;
}

/** Which peer is asked for its graph, and which ones for news: one sync at a time, the others passive until it is their turn. */
export class SyncKeeper {
  readonly #options: SyncKeeperOptions;
  graph: Graph | null = null;
  synced = false;
  #current: GossipPeer | null = null;
  #lastSync = 0;
  /** Channels that were pruned: not asked for again until somebody has fresh updates. */
  readonly #zombies = new Set<bigint>();
  #waiters: ((done: boolean) => void)[] = [];
  /** The next query of the current peer waits for room. */
  #isHeld = false;
  #lastTick: UnixTime | null = null;

  constructor(options: SyncKeeperOptions) {
    this.#options = options;
  }

  /** No sync is going on. */
  get isQuiet(): boolean {
    return this.#current === null;
  }

  arrived(peer: GossipPeer, now: UnixTime): void {
    this.#setNews(peer, now);
  }

  left(peer: GossipPeer, now: UnixTime): void {
    if (this.#current === peer) this.#goOn(now);
    if (!peer.isActive) return;
    const next = [...this.#options.peers.values()].find((other) => other.hasGraph && !other.isActive);
    if (next !== undefined) this.#setNews(next, now);
  }

  tick(now: UnixTime): void {
    const slept = this.#lastTick !== null && now - this.#lastTick >= SLEPT_SECONDS;
    this.#lastTick = now;
    const current = this.#current;
    if (current === null) {
      const next = this.#next(now);
      if (next !== null) this.#begin(next, now);
      return;
    }
    if (slept || this.#isHeld) current.sync.forgive(now);
    if (!current.sync.stalled(now)) return;
    this.#options.log('info', `gossip sync with ${toHex(current.peer)} stalled`);
    current.failures++;
    current.sync.abandon();
    this.#goOn(now);
  }

  /** Asks somebody else in place of the current peer. */
  #goOn(now: UnixTime): void {
    this.#current = null;
    this.#isHeld = false;
    const next = this.#next(now, this.#waiters.length > 0 ? 'at once' : 'settled');
    if (next !== null) this.#begin(next, now);
    // Nobody is left to ask: who waits for the sync need not wait for the clock.
    else for (const end of [...this.#waiters]) end(false);
  }

  /** Starts at once with whoever is there, and waits. False where nobody is left to be asked, or the time is over. */
  syncNow(now: UnixTime, timeoutMs: number): Promise<boolean> {
    if (this.#current === null) {
      const next = this.#next(now, 'at once');
      if (next === null) return Promise.resolve(false);
      this.#begin(next, now);
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(false), timeoutMs);
      const end = (done: boolean): void => {
        clearTimeout(timer);
        this.#waiters = this.#waiters.filter((waiter) => waiter !== end);
        resolve(done);
      };
      this.#waiters.push(end);
    });
  }

  /** How far the present sync is, where its peer has told what there is. */
  get progress(): { readonly done: number; readonly total: number } | null {
    return this.#current?.sync.progress ?? null;
  }

  /** Every reply of a sync. Returns what the peer did wrong, or null. */
  reply(
    peer: GossipPeer,
    message: MessageNamed<'reply_channel_range'> | MessageNamed<'reply_short_channel_ids_end'>,
    now: UnixTime,
  ): string | null {
    const { sync } = peer;
    if (sync.isFree) return null;
    const step = message.name === 'reply_channel_range' ? sync.onRangeReply(message, now) : sync.onScidsEnd(message, now);
    if (!step.ok) return step.failure;
    if (step.value !== null) this.#send(peer, step.value);
    if (sync.phase.kind === 'done') this.#finished(peer, now);
    return null;
  }

  #send(peer: GossipPeer, query: Query): void {
    const room = this.#options.room();
    if (room === null || this.#current !== peer) {
      peer.send(query);
      return;
    }
    this.#isHeld = true;
    void room.then(() => {
      if (this.#current !== peer || !this.#isHeld) return;
      this.#isHeld = false;
      peer.sync.forgive(this.#options.now());
      peer.send(query);
    });
  }

  /** What we want of a channel that a peer offers (BOLT 7: timestamps and checksums spare us what we have). */
  choose(offered: Offered, now: UnixTime): number {
    const { graph } = this;
    const freshest = Math.max(offered.timestamp1, offered.timestamp2);
    const isOld = offered.dated && freshest < now - STALE_SECONDS;
    const channel = graph === null ? -1 : graph.findChannel(offered.scid);
    if (graph === null || channel === -1) {
      if (isOld) return 0;
      return this.#zombies.has(offered.scid) && !offered.dated ? 0 : WANT_ALL;
    }
    if (!offered.dated) return 0;
    const newer = (edge: number, timestamp: number, checksum: number): boolean =>
      timestamp > (graph.timestamp[edge] as number) &&
      timestamp >= now - STALE_SECONDS &&
      (checksum === 0 || checksum !== graph.checksum[edge] || (graph.timestamp[edge] as number) < now - AGING_SECONDS);
    return (
      (newer(2 * channel, offered.timestamp1, offered.checksum1) ? WANT_UPDATE_1 : 0) |
      (newer(2 * channel + 1, offered.timestamp2, offered.checksum2) ? WANT_UPDATE_2 : 0)
    );
  }

  bury(scid: bigint): void {
    if (this.#zombies.size < MAX_ZOMBIES) this.#zombies.add(scid);
  }

  close(): void {
    for (const end of [...this.#waiters]) end(false);
  }

  /** Whoever was never asked first; then, once an hour, whoever was asked least. */
  #next(now: UnixTime, when: 'at once' | 'settled' = 'settled'): GossipPeer | null {
    const ready = [...this.#options.peers.values()].filter(
      (peer) =>
        peer.hasGraph && peer.sync.isFree && peer.failures < MAX_FAILURES && (when === 'at once' || now - peer.readyAt >= SETTLE_SECONDS),
    );
    ready.sort((a, b) => a.syncs - b.syncs || a.failures - b.failures || a.readyAt - b.readyAt);
    const first = ready[0];
    if (first === undefined) return null;
    return first.syncs === 0 || when === 'at once' || now - this.#lastSync >= ROTATE_SECONDS ? first : null;
  }

  #begin(peer: GossipPeer, now: UnixTime): void {
    this.#current = peer;
    peer.syncs++;
    peer.send(peer.sync.start(now));
  }

  #finished(peer: GossipPeer, now: UnixTime): void {
    if (this.#current === peer) this.#current = null;
    this.synced = true;
    this.#lastSync = now;
    for (const end of [...this.#waiters]) end(true);
    this.tick(now);
  }

  #setNews(peer: GossipPeer, now: UnixTime): void {
    const active = [...this.#options.peers.values()].filter((other) => other.isActive).length;
    peer.isActive = peer.hasGraph && active < ACTIVE_PEERS;
    // BOLT 7: "If the receiver does not offer gossip_queries: SHOULD set first_timestamp to 0xFFFFFFFF and timestamp_range to 0."
    peer.send({
      name: 'gossip_timestamp_filter',
      chainHash: this.#options.chainHash as MessageNamed<'gossip_timestamp_filter'>['chainHash'],
      firstTimestamp: peer.isActive ? Math.max(0, now - NEWS_SECONDS) : NOTHING,
      timestampRange: peer.isActive ? 0xffffffff : 0,
      tlvs: {},
    });
  }
}
