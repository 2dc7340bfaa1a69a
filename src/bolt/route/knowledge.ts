// What payments and probes taught about the balances of others' channels: for each direction the least and the most that it can carry. Bounds
// drift back to what the capacity alone says, because balances move: half of what was learned is forgotten every `HALF_LIFE_SECONDS` (an hour, as
// long as lnd's mission control halves its penalties).
import { compare } from '../../base/bytes.ts';
import type { NodeId, ShortChannelId } from '../../base/ids.ts';
import type { Graph } from './graph.ts';
import type { ProblemBuilder } from './problem.ts';
import { tailIndex } from './query.ts';

export const HALF_LIFE_SECONDS = 3600;
/** After so many half-lives nothing is left of a bound. */
const FORGOTTEN_AFTER = 12;
const MAX_ENTRIES = 100_000;

/** Bounds of one direction, msat, as they were learned. `failsFromMsat` is Infinity where no amount is known to fail. */
export interface Bounds {
  readonly lowMsat: number;
  readonly lowAt: number;
  readonly failsFromMsat: number;
  readonly failedAt: number;
}

export interface KnownEdge {
  readonly scid: bigint;
  readonly direction: 0 | 1;
  readonly bounds: Bounds;
}

/** One hop of a path that was tried: the channel, whom it leads to, and what it carried. */
export interface TriedHop {
  readonly scid: ShortChannelId;
  readonly nodeId: NodeId;
  readonly amountMsat: bigint;
}

/** How a path ended. */
export type Outcome =
  /** Everything arrived and was kept: balances moved. */
  | { readonly kind: 'settled' }
  /** Everything could be carried, and was given back (a probe, or a refusal by the destination). */
  | { readonly kind: 'carried' }
  /** The hop of this index could not carry its amount; those before it could. */
  | { readonly kind: 'failed'; readonly hop: number };

const NOTHING: Bounds = { lowMsat: 0, lowAt: 0, failsFromMsat: Number.POSITIVE_INFINITY, failedAt: 0 };

const keyOf = (scid: bigint, direction: number): bigint => (scid << 1n) | BigInt(direction);

export class Knowledge {
  readonly #edges = new Map<bigint, Bounds>();

  get size(): number {
    return this.#edges.size;
  }

  *entries(): IterableIterator<KnownEdge> {
    for (const [key, bounds] of this.#edges) yield { scid: key >> 1n, direction: Number(key & 1n) as 0 | 1, bounds };
  }

  restore(edge: KnownEdge): void {
    this.#edges.set(keyOf(edge.scid, edge.direction), edge.bounds);
  }

  /** Learns from a path that left `source`; returns the directions whose bounds changed. `now` is unix time. */
  learn(source: NodeId, hops: readonly TriedHop[], outcome: Outcome, now: number): readonly KnownEdge[] {
    const changed: KnownEdge[] = [];
    let from = source;
    hops.forEach((hop, i) => {
      // Blinded paths are of one payment: their names mean nothing to the next.
      if (tailIndex(hop.scid) !== null) return;
      const direction = compare(from, hop.nodeId) < 0 ? 0 : 1;
      from = hop.nodeId;
      if (outcome.kind === 'failed' && i > outcome.hop) return;
      const amount = Number(hop.amountMsat);
      if (outcome.kind === 'failed' && i === outcome.hop) {
        changed.push(this.#failed(hop.scid, direction, amount, now));
        return;
      }
      changed.push(this.#carried(hop.scid, direction, amount, now));
      if (outcome.kind === 'settled') changed.push(...this.#moved(hop.scid, direction, amount, now));
    });
    return changed;
  }

  #failed(scid: bigint, direction: 0 | 1, amount: number, now: number): KnownEdge {
    const before = this.#now(scid, direction, now);
    return this.#set(scid, direction, {
      lowMsat: Math.min(before.lowMsat, Math.max(0, Math.min(amount, before.failsFromMsat) - 1)),
      lowAt: now,
      // An older failure at less has faded by now, towards the capacity, which is at least what was tried now.
      failsFromMsat: amount - Math.floor(Math.max(0, amount - before.failsFromMsat) * left(now - before.failedAt)),
      failedAt: now,
    });
  }

  #carried(scid: bigint, direction: 0 | 1, amount: number, now: number): KnownEdge {
    const before = this.#now(scid, direction, now);
    const contradicts = before.failsFromMsat <= amount;
    return this.#set(scid, direction, {
      lowMsat: Math.max(before.lowMsat, amount),
      lowAt: now,
      failsFromMsat: contradicts ? Number.POSITIVE_INFINITY : before.failsFromMsat,
      failedAt: before.failedAt,
    });
  }

  /** A settled payment took its amount from this side and gave it to the other. */
  #moved(scid: bigint, direction: 0 | 1, amount: number, now: number): readonly KnownEdge[] {
    const near = this.#now(scid, direction, now);
    const far = this.#now(scid, (1 - direction) as 0 | 1, now);
    return [
      this.#set(scid, direction, {
        ...near,
        lowMsat: Math.max(0, near.lowMsat - amount),
        failsFromMsat: Math.max(1, near.failsFromMsat - amount),
      }),
      this.#set(scid, (1 - direction) as 0 | 1, {
        lowMsat: far.lowMsat + amount,
        lowAt: now,
        failsFromMsat: far.failsFromMsat + amount,
        failedAt: far.failedAt,
      }),
    ];
  }

  /** What is left of the bounds now. The upper one drifts away in proportion to itself: towards the capacity it is cut by that anyway. */
  #now(scid: bigint, direction: number, now: number): Bounds {
    const bounds = this.#edges.get(keyOf(scid, direction)) ?? NOTHING;
    return { ...bounds, lowMsat: Math.floor(bounds.lowMsat * left(now - bounds.lowAt)) };
  }

  #set(scid: bigint, direction: 0 | 1, bounds: Bounds): KnownEdge {
    const key = keyOf(scid, direction);
    this.#edges.delete(key);
    this.#edges.set(key, bounds);
    // The oldest knowledge makes room: maps keep the order in which they were written.
    if (this.#edges.size > MAX_ENTRIES) this.#edges.delete(this.#edges.keys().next().value as bigint);
    return { scid, direction, bounds };
  }

  /** Bounds as of `now` for an edge of this capacity, or null where nothing of use is left. Amounts from `failsFromMsat` on are thought to fail. */
  bounds(
    scid: bigint,
    direction: number,
    capacityMsat: number,
    now: number,
  ): { readonly lowMsat: number; readonly failsFromMsat: number } | null {
    const known = this.#edges.get(keyOf(scid, direction));
    if (known === undefined) return null;
    const lowMsat = Math.min(capacityMsat, Math.floor(known.lowMsat * left(now - known.lowAt)));
    const gap = Math.max(0, capacityMsat + 1 - known.failsFromMsat);
    const share = left(now - known.failedAt);
    const failsFromMsat = gap === 0 || share === 0 ? Number.POSITIVE_INFINITY : Math.floor(capacityMsat + 1 - gap * share);
    if (lowMsat === 0 && failsFromMsat === Number.POSITIVE_INFINITY) return null;
    return { lowMsat: Math.min(lowMsat, failsFromMsat - 1), failsFromMsat };
  }

  /** Narrows the edges of a problem by what is known. */
  apply(builder: ProblemBuilder, graph: Graph, now: number): void {
    for (const key of this.#edges.keys()) {
      const scid = key >> 1n;
      const channel = graph.findChannel(scid);
      if (channel === -1) continue;
      const edge = 2 * channel + Number(key & 1n);
      const bounds = this.bounds(scid, edge & 1, graph.edgeCapacityMsat(edge), now);
      if (bounds === null) continue;
      const adjustment = builder.adjust(edge);
      adjustment.lowMsat = Math.max(adjustment.lowMsat, bounds.lowMsat);
      adjustment.failsFromMsat = Math.min(adjustment.failsFromMsat, bounds.failsFromMsat);
    }
  }

  /** Drops what time has worn away. Returns those directions. */
  forget(now: number): readonly Pick<KnownEdge, 'scid' | 'direction'>[] {
    const gone: Pick<KnownEdge, 'scid' | 'direction'>[] = [];
    for (const { scid, direction, bounds } of [...this.entries()]) {
      if (left(now - Math.max(bounds.lowAt, bounds.failedAt)) > 0) continue;
      this.#edges.delete(keyOf(scid, direction));
      gone.push({ scid, direction });
    }
    return gone;
  }
}

/** The share of a bound that is left after some seconds. */
function left(seconds: number): number {
  const halvings = Math.max(0, seconds) / HALF_LIFE_SECONDS;
  return halvings >= FORGOTTEN_AFTER ? 0 : 2 ** -halvings;
}
