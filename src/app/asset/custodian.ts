import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { TryFailure } from '../../node/asset/custody.ts';
import type { Anchor, AssetState } from '../../node/asset/types.ts';
import { type CustodyPorts, DONE, type Tried, tried } from './custody-ports.ts';
import { anchorName, deliver, deliveryJobs, deliveryName, keepInUniverse, notDelivered } from './delivery.ts';
import { Mailboxes } from './mailboxes.ts';
import { receiptJobs, receiptName, receive } from './receipt.ts';

export interface CustodianOptions {
  /** Tries that run at once; 8. */
  readonly atOnce?: number;
  /** The longest that a timer is set for, so that a clock that was put right is noticed; 30 s. */
  readonly longestSleepMs?: number;
  /** How long a look into a mailbox takes where nobody answers; 5 s. */
  readonly lookMs?: number;
}

interface Job {
  readonly name: string;
  /** Unix seconds. */
  readonly retryAt: number;
  run(): Promise<Tried>;
  failed(failure: TryFailure): Promise<void>;
}

const AT_ONCE = 8;
const LONGEST_SLEEP_MS = 30_000;

/**
 * Carries proofs: what left to couriers, what arrived from them, what is ours into our own universe. All of it follows from the committed state,
 * so that a restart begins where it stood, and every outcome goes back into the node as a command. The node's loop never waits for any of it.
 */
export class Custodian {
  readonly #ports: CustodyPorts;
  readonly #options: CustodianOptions;
  readonly #abort = new AbortController();
  readonly #mailboxes: Mailboxes;
  /** By name: no job runs twice at a time. */
  readonly #running = new Map<string, Promise<void>>();
  /** Anchors that our own universe has, as they stand in their blocks. */
  readonly #kept = new Set<string>();
  readonly #keepAgainAt = new Map<string, number>();
  #seen: AssetState | null = null;
  #timer: NodeJS.Timeout | null = null;
  #unwatch: (() => void) | null = null;

  constructor(ports: CustodyPorts, options: CustodianOptions = {}) {
    this.#ports = ports;
    this.#options = options;
    this.#mailboxes = new Mailboxes(ports, () => this.#wake(), options.lookMs);
  }

  get #atOnce(): number {
    return this.#options.atOnce ?? AT_ONCE;
  }

  get isLive(): boolean {
    return this.#unwatch !== null;
  }

  /** Goes on until `stop`: whatever is due is tried, at once where the state changes, and again after the pause of a try that failed. */
  start(): void {
    if (this.isLive) return;
    this.#unwatch = this.#ports.watch(({ assets }) => {
      if (assets !== this.#seen) this.#wake();
    });
    this.#wake();
  }

  /** Tries everything that waits, once, whether its pause is over or not; resolves when all of it was tried. Mailboxes are looked into. */
  async once(part: { readonly signal: AbortSignal; readonly pauses: 'kept' | 'skipped' }): Promise<void> {
    if (this.isLive) return;
    await this.#mailboxes.lookInto(part.signal);
    const begun = new Set<string>();
    for (;;) {
      const now = part.pauses === 'kept' ? this.#ports.env().now : Number.POSITIVE_INFINITY;
      const due = [...this.#deliveries(), ...this.#receipts()].filter((job) => job.retryAt <= now && !begun.has(job.name));
      if (due.length === 0 || part.signal.aborted) break;
      for (const job of due.slice(0, this.#atOnce)) {
        begun.add(job.name);
        this.#begin(job);
      }
      await Promise.all(this.#running.values());
    }
    await this.#mailboxes.removeProved();
    await this.#keepNewest(part.signal);
  }

  /** What is older than some anchors that our own universe has was put there by the runs before. */
  async #keepNewest(signal: AbortSignal): Promise<void> {
    const anchors = [...this.#ports.state().assets.anchors.values()].filter(({ block }) => block !== null);
    anchors.sort((a, b) => (b.block?.height ?? 0) - (a.block?.height ?? 0));
    let there = 0;
    for (const anchor of anchors) {
      if (there === KEPT_IS_KEPT || signal.aborted) return;
      const kept = await this.#keep(anchor);
      if (!kept.ok) this.#ports.log('warn', `our own universe did not take ${anchorName(anchor)}: ${kept.failure.message}`);
      there = kept.ok && kept.value.wasThere ? there + 1 : 0;
    }
  }

  /** Ends what runs: a courier that is waited for is left. Nothing begins any more. */
  async stop(): Promise<void> {
    this.#unwatch?.();
    this.#abort.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#mailboxes.stop();
    const over = new Promise<void>((resolve) => setTimeout(resolve, STOP_PATIENCE_MS).unref());
    await Promise.race([Promise.all(this.#running.values()), over]);
  }

  #wake(): void {
    if (!this.isLive || this.#abort.signal.aborted) return;
    const { assets } = this.#ports.state();
    this.#seen = assets;
    const { now } = this.#ports.env();
    this.#mailboxes.keepOpen();
    let next = Number.POSITIVE_INFINITY;
    for (const job of this.#jobs()) {
      if (this.#running.has(job.name)) continue;
      if (job.retryAt > now) next = Math.min(next, job.retryAt);
      // One that ends wakes again.
      else if (this.#running.size < this.#atOnce) this.#begin(job);
    }
    this.#sleep((Math.min(next, this.#mailboxes.retryAt()) - now) * 1000);
  }

  #sleep(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), Math.max(100, Math.min(ms, this.#options.longestSleepMs ?? LONGEST_SLEEP_MS)));
    this.#timer.unref();
  }

  #begin(job: Job): void {
    const run = tried(() => job.run())
      .then((outcome) => (outcome.ok || this.#abort.signal.aborted ? undefined : job.failed(outcome.failure)))
      .catch((error: unknown) => this.#ports.log('warn', `${job.name}: ${(error as Error).message}`))
      .finally(() => {
        this.#running.delete(job.name);
        this.#wake();
      });
    this.#running.set(job.name, run);
  }

  #jobs(): readonly Job[] {
    return [...this.#deliveries(), ...this.#receipts(), ...this.#keeping()];
  }

  #deliveries(): readonly Job[] {
    const ports = this.#ports;
    return deliveryJobs(ports.state().assets).map((job) => ({
      name: `deliver ${deliveryName(job)}`,
      retryAt: job.retryAt,
      run: () => deliver(ports, job),
      failed: (failure) => notDelivered(ports, job, failure),
    }));
  }

  #receipts(): readonly Job[] {
    const ports = this.#ports;
    return receiptJobs(ports.state().assets).map((job) => ({
      name: `receive ${receiptName(job)}`,
      retryAt: job.arrival.retryAt,
      run: () => receive(ports, job, this.#abort.signal),
      async failed(failure) {
        ports.log('debug', `no proof of ${formatOutPoint(job.arrival.outPoint)} yet: ${failure.code} ${failure.message}`);
        await ports.command({ kind: 'not_proved', script: job.address.script, outPoint: job.arrival.outPoint, failure });
      },
    }));
  }

  #keeping(): readonly Job[] {
    const jobs: Job[] = [];
    for (const anchor of this.#ports.state().assets.anchors.values()) {
      if (anchor.block === null) continue;
      const name = anchorName(anchor);
      if (this.#kept.has(name)) continue;
      jobs.push({
        name: `keep ${name}`,
        retryAt: this.#keepAgainAt.get(name) ?? 0,
        run: async () => {
          const kept = await this.#keep(anchor);
          if (kept.ok) this.#kept.add(name);
          return kept.ok ? DONE : kept;
        },
        failed: async (failure) => {
          this.#keepAgainAt.set(name, this.#ports.env().now + KEEP_PAUSE_SECONDS);
          this.#ports.log('warn', `our own universe did not take ${name}: ${failure.code} ${failure.message}`);
        },
      });
    }
    return jobs;
  }

  #keep(anchor: Anchor): ReturnType<typeof keepInUniverse> {
    return tried(() => keepInUniverse(this.#ports, anchor));
  }
}

const KEEP_PAUSE_SECONDS = 60;
const KEPT_IS_KEPT = 8;
/** An end is not held up for longer by a courier that does not answer. */
const STOP_PATIENCE_MS = 1_000;
