import { CHANNEL_GONE, type Graph } from '../../bolt/route/graph.ts';
import type { GraphDatabase } from './database.ts';

/** BOLT 7: pruning is for channels whose newest update is older than two weeks. */
export const STALE_SECONDS = 14 * 86_400;
/** A channel that nobody sends an update for is of no use, and cheap to invent. */
const WITHOUT_UPDATE_SECONDS = 3600;

/** In one go: their rows take some milliseconds. */
export const MOST_PRUNED = 500;

/** Forgets channels that nobody keeps alive (BOLT 7, "Pruning the Network View"). */
export class Pruner {
  /** Channels without any update, and since when. */
  readonly #bare = new Map<bigint, number>();

  /** Returns the short channel ids of what was forgotten, at most `MOST_PRUNED`. `isOwn`: channels of ours stay. */
  prune(graph: Graph, database: GraphDatabase, now: number, isOwn: (channel: number) => boolean): readonly bigint[] {
    const gone: bigint[] = [];
    for (let channel = 0; channel < graph.channels && gone.length < MOST_PRUNED; channel++) {
      if (((graph.channelFlags[channel] as number) & CHANNEL_GONE) !== 0) continue;
      const newest = Math.max(graph.timestamp[2 * channel] as number, graph.timestamp[2 * channel + 1] as number);
      // BOLT 7: "MAY prune a channel should the timestamp of the latest channel_update be older than two weeks"
      const isDead = newest === 0 ? this.#isBare(graph.scidOf(channel), now) : newest < now - STALE_SECONDS;
      if (!isDead || isOwn(channel)) continue;
      const scid = graph.scidOf(channel);
      graph.removeChannel(channel);
      database.write({ kind: 'remove', scid });
      this.#bare.delete(scid);
      gone.push(scid);
    }
    return gone;
  }

  #isBare(scid: bigint, now: number): boolean {
    const since = this.#bare.get(scid);
    if (since === undefined) this.#bare.set(scid, now);
    return since !== undefined && now - since >= WITHOUT_UPDATE_SECONDS;
  }
}

/** Updates of one direction beyond this are not taken: `BURST` at once, then one in `REFILL_SECONDS`. */
const BURST = 10;
const REFILL_SECONDS = 300;
const MAX_TRACKED = 200_000;

/** A token bucket for each direction of a channel, kept only while it is not full. */
export class UpdateLimit {
  readonly #buckets = new Map<number, { tokens: number; at: number }>();

  /** Whether one more update of this edge may pass now. */
  allows(edge: number, now: number): boolean {
    return this.#now(edge, now).tokens >= 1;
  }

  /** The same, and counts it. For what its node has signed only: nobody else may use up what it has left. */
  take(edge: number, now: number): boolean {
    if (this.#buckets.size > MAX_TRACKED) this.#buckets.clear();
    const { tokens, at } = this.#now(edge, now);
    if (tokens < 1) return false;
    this.#buckets.set(edge, { tokens: tokens - 1, at });
    return true;
  }

  #now(edge: number, now: number): { readonly tokens: number; readonly at: number } {
    const bucket = this.#buckets.get(edge) ?? { tokens: BURST, at: now };
    const refilled = Math.max(0, Math.floor((now - bucket.at) / REFILL_SECONDS));
    return { tokens: Math.min(BURST, bucket.tokens + refilled), at: bucket.at + refilled * REFILL_SECONDS };
  }
}
