import { toHex } from '../../base/bytes.ts';
import { formatOutPoint, formatTxId } from '../../bitcoin/tx.ts';
import type { TryFailure } from '../../node/asset/custody.ts';
import type { Anchor, AssetState } from '../../node/asset/types.ts';
import { type CustodyPorts, DONE, type Tried, tried } from './custody-ports.ts';
import { deliver, deliveryJobs, deliveryName, holdingsByAnchor, keepInUniverse, notDelivered } from './delivery.ts';
import { Mailboxes } from './mailboxes.ts';
import { courierOf, receiptJobs, receiptName, receive } from './receipt.ts';

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
  /** Who is asked; '' where nobody is. */
  readonly courier: string;
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
  /** Of those that run. */
  readonly #couriers = new Map<string, string>();
  /** Anchors that our own universe has, as they stand in their blocks: another block makes another object of one. */
  readonly #kept = new WeakSet<Anchor>();
  #keepAgainAt = 0;
  /** By name, in unix seconds. */
  readonly #rests = new Map<string, number>();
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

  /**
   * Tries everything that waits, once, and looks into the mailboxes; resolves when all of it was tried, or when `patienceMs` is over: who has not
   * answered by then is asked again after a pause, as after any failure. `pauses` of earlier failures are kept or skipped.
   */
  async once(part: { readonly signal: AbortSignal; readonly pauses: 'kept' | 'skipped'; readonly patienceMs?: number }): Promise<void> {
    if (this.isLive) return;
    const { patienceMs } = part;
    const signal = patienceMs === undefined ? part.signal : AbortSignal.any([part.signal, AbortSignal.timeout(patienceMs)]);
    const over = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#mailboxes.lookInto(signal), over]);
    const begun = new Map<string, Job>();
    for (;;) {
      const now = part.pauses === 'kept' ? this.#ports.env().now : Number.POSITIVE_INFINITY;
      const due = [...this.#deliveries(), ...this.#receipts()].filter((job) => job.retryAt <= now && !begun.has(job.name));
      if (due.length === 0 || signal.aborted) break;
      for (const job of due.slice(0, this.#atOnce)) {
        begun.set(job.name, job);
        this.#begin(job);
      }
      await Promise.race([Promise.all(this.#running.values()), over]);
    }
    const slow = [...this.#running.keys()].flatMap((name) => begun.get(name) ?? []);
    for (const job of slow) await job.failed({ code: 'TIMEOUT', message: 'no answer in time' });
    if (signal.aborted) return;
    await this.#mailboxes.removeProved();
    await this.#keepNewest(signal);
  }

  /** What is older than some anchors that our own universe has was put there by the runs before. */
  async #keepNewest(signal: AbortSignal): Promise<void> {
    const { anchors } = this.#ports.state().assets;
    const newestFirst = [...anchors.values()].filter(({ block }) => block !== null).sort((a, b) => heightOf(b) - heightOf(a));
    if (newestFirst.length === 0) return;
    const holdings = holdingsByAnchor(this.#ports.state().assets);
    let there = 0;
    for (const anchor of newestFirst) {
      if (there === KEPT_IS_KEPT || signal.aborted) return;
      const kept = await this.#keep(anchor, holdings);
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
      const due = Math.max(job.retryAt, this.#rests.get(job.name) ?? 0);
      if (due > now) next = Math.min(next, due);
      // One that ends wakes again.
      else if (this.#running.size < this.#atOnce && this.#mayAsk(job)) this.#begin(job);
    }
    this.#sleep((Math.min(next, this.#mailboxes.retryAt()) - now) * 1000);
  }

  /** One courier that does not answer leaves room for the others. */
  #mayAsk({ courier }: Job): boolean {
    const busy = [...this.#couriers.values()].filter((each) => each === courier).length;
    return courier === '' || busy < Math.max(1, this.#atOnce >> 1);
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
        this.#couriers.delete(job.name);
        // Whatever it came to, the same is not begun again at once.
        if (this.#rests.size > MOST_RESTS) this.#rests.clear();
        this.#rests.set(job.name, this.#ports.env().now + 1);
        this.#wake();
      });
    this.#running.set(job.name, run);
    this.#couriers.set(job.name, job.courier);
  }

  #jobs(): readonly Job[] {
    return [...this.#deliveries(), ...this.#receipts(), ...this.#keeping()];
  }

  #deliveries(): readonly Job[] {
    const ports = this.#ports;
    return deliveryJobs(ports.state().assets).map((job) => ({
      name: `deliver ${deliveryName(job)}`,
      courier: job.courier,
      retryAt: job.retryAt,
      run: () => deliver(ports, job),
      failed: (failure) => notDelivered(ports, job, failure),
    }));
  }

  #receipts(): readonly Job[] {
    const ports = this.#ports;
    return receiptJobs(ports.state().assets).map((job) => ({
      name: `receive ${receiptName(job)}`,
      courier: courierOf(job),
      retryAt: job.arrival.retryAt,
      run: () => receive(ports, job, this.#abort.signal),
      async failed(failure) {
        ports.log('debug', `no proof of ${formatOutPoint(job.arrival.outPoint)} yet: ${failure.code} ${failure.message}`);
        await ports.command({ kind: 'not_proved', script: job.address.script, outPoint: job.arrival.outPoint, failure });
      },
    }));
  }

  /** All that our own universe does not have yet, one after the other. */
  #keeping(): readonly Job[] {
    const waiting = [...this.#ports.state().assets.anchors.values()].filter((anchor) => anchor.block !== null && !this.#kept.has(anchor));
    if (waiting.length === 0) return [];
    const run = async (): Promise<Tried> => {
      let outcome = DONE;
      const holdings = holdingsByAnchor(this.#ports.state().assets);
      for (const anchor of waiting) {
        if (this.#abort.signal.aborted) break;
        const kept = await this.#keep(anchor, holdings);
        if (kept.ok) this.#kept.add(anchor);
        else outcome = kept;
      }
      return outcome;
    };
    const failed = async (): Promise<void> => {
      this.#keepAgainAt = this.#ports.env().now + KEEP_PAUSE_SECONDS;
    };
    return [{ name: 'keep', courier: '', retryAt: this.#keepAgainAt, run, failed }];
  }

  async #keep(anchor: Anchor, holdings: ReturnType<typeof holdingsByAnchor>): ReturnType<typeof keepInUniverse> {
    const kept = await tried(() => keepInUniverse(this.#ports, anchor, holdings.get(toHex(anchor.txid)) ?? []));
    if (!kept.ok)
      this.#ports.log('warn', `our own universe did not take ${formatTxId(anchor.txid)}: ${kept.failure.code} ${kept.failure.message}`);
    return kept;
  }
}

const heightOf = ({ block }: Anchor): number => block?.height ?? 0;
const MOST_RESTS = 1_000;
const KEEP_PAUSE_SECONDS = 60;
const KEPT_IS_KEPT = 8;
/** An end is not held up for longer by a courier that does not answer. */
const STOP_PATIENCE_MS = 1_000;
