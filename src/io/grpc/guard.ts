import { setTimeout as sleep } from 'node:timers/promises';
import { fail, type Result } from '../../base/result.ts';
import { type GrpcFailure, STATUS } from './client.ts';
import { PeerRates } from './limits.ts';

export interface ServerLimits {
  /** One message may have so many bytes. */
  readonly maxReceive: number;
  /** What is held at once of calls that are not answered yet, of all peers and of one. */
  readonly maxHeld: number;
  readonly maxHeldPerPeer: number;
  /** At once on one connection, and of one peer on all its connections. */
  readonly maxStreams: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerPeer: number;
  /** Calls of all peers that run at once. */
  readonly maxRunning: number;
  readonly perSecond: number;
  readonly burst: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: ServerLimits = {
  maxReceive: 17 * MIB,
  maxHeld: 256 * MIB,
  maxHeldPerPeer: 64 * MIB,
  maxStreams: 200,
  maxConnections: 500,
  maxConnectionsPerPeer: 32,
  maxRunning: 200,
  perSecond: 400,
  burst: 1_000,
};

/** A call waits so long for its turn before it is refused. */
const PATIENCE_MS = 2_000;

export const BUSY: GrpcFailure = { status: STATUS.RESOURCE_EXHAUSTED, message: 'too many requests, try again later' };
export const BUG: GrpcFailure = { status: STATUS.INTERNAL, message: 'internal error' };

/** Counts who is here, what they bring and what runs for them. */
export class Guard {
  readonly #limits: ServerLimits;
  readonly #rates: PeerRates;
  readonly #connections = new Map<string, number>();
  readonly #streams = new Map<string, number>();
  readonly #held = new Map<string, number>();
  #heldByAll = 0;
  #running = 0;

  constructor(limits: ServerLimits) {
    this.#limits = limits;
    this.#rates = new PeerRates({ perSecond: limits.perSecond, burst: limits.burst, maxPeers: 10_000 });
  }

  enter = (peer: string): boolean => take(this.#connections, peer, this.#limits.maxConnectionsPerPeer);
  leave = (peer: string): void => void add(this.#connections, peer, -1);
  openStream = (peer: string): boolean => take(this.#streams, peer, this.#limits.maxStreams);
  closeStream = (peer: string): void => void add(this.#streams, peer, -1);

  /** Counts bytes that came; false where they are too many, and then they are to be let go. */
  hold(peer: string, bytes: number): boolean {
    this.#heldByAll += bytes;
    return add(this.#held, peer, bytes) <= this.#limits.maxHeldPerPeer && this.#heldByAll <= this.#limits.maxHeld;
  }
  release(peer: string, bytes: number): void {
    this.#heldByAll -= bytes;
    add(this.#held, peer, -bytes);
  }

  /** Waits for the peer's turn and runs; what is too much is refused before it costs anything. */
  async run(peer: string, work: () => Promise<Result<object, GrpcFailure>>): Promise<Result<object, GrpcFailure>> {
    const wait = this.#rates.take(peer, { now: performance.now(), patience: PATIENCE_MS });
    if (wait === null || this.#running >= this.#limits.maxRunning) return fail(BUSY);
    this.#running += 1;
    try {
      if (wait > 0) await sleep(wait, undefined, { ref: false });
      return await work();
    } finally {
      this.#running -= 1;
    }
  }
}

function take(counts: Map<string, number>, peer: string, most: number): boolean {
  if ((counts.get(peer) ?? 0) >= most) return false;
  add(counts, peer, 1);
  return true;
}
function add(counts: Map<string, number>, peer: string, change: number): number {
  const now = (counts.get(peer) ?? 0) + change;
  if (now > 0) counts.set(peer, now);
  else counts.delete(peer);
  return now;
}
