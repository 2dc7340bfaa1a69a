import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Bytes } from '../../base/bytes.ts';
import { type RawGossip, signatureJobs, signedFrom } from '../../bolt/gossip/raw.ts';
import { JOB_HEAD_BYTES, nativeAddonPath, SIGNATURE_BYTES, verifyPacked } from '../../crypto/batch.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256d } from '../../crypto/hash.ts';

/** A message and, for a channel_update, the key of the node that must have signed it. */
export interface VerifyJob {
  readonly message: RawGossip;
  readonly updateKey: Bytes | null;
}

/** Checks signatures. The answers stand in the order of the jobs. */
export interface Verifier {
  /** Batches that keep every core busy. */
  readonly parallel: number;
  verify(jobs: readonly VerifyJob[]): Promise<readonly boolean[]>;
  close(): Promise<void>;
}

/** How long signatures may hold up the event loop at a time. */
const SLICE_MS = 8;
/** Fewer messages are verified here: waking a worker costs more. */
const WORTH_A_WORKER = 32;
/** Workers that had nothing to do for so long end, and give their memory back. */
const IDLE_MS = 5_000;
const MAX_WORKERS = 4;
/** What a worker makes is dead at once: with a small young generation it keeps little of it around. */
const WORKER_MEMORY = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

/** Every signature of one message, on this thread. */
export function verifyMessage({ message, updateKey }: VerifyJob): boolean {
  const hash = sha256d(message.bytes.subarray(signedFrom(message)));
  const jobs = signatureJobs(message, updateKey);
  return jobs.length > 0 && jobs.every((job) => secp.verify(message.bytes.subarray(job.signatureAt, job.signatureAt + 64), hash, job.key));
}

/** Verifies on this thread, in slices. */
export function inlineVerifier(): Verifier {
  return {
    parallel: 1,
    async verify(jobs) {
      const results: boolean[] = [];
      let since = performance.now();
      for (const job of jobs) {
        results.push(verifyMessage(job));
        if (performance.now() - since < SLICE_MS) continue;
        await new Promise((resolve) => setImmediate(resolve));
        since = performance.now();
      }
      return results;
    },
    async close() {},
  };
}

/** Packs jobs as `crypto/batch.ts` describes. */
export function packJobs(jobs: readonly VerifyJob[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  const signatures = jobs.map((job) => signatureJobs(job.message, job.updateKey));
  jobs.forEach(({ message }, i) => {
    size += JOB_HEAD_BYTES + SIGNATURE_BYTES * (signatures[i]?.length ?? 0) + ((message.bytes.length + 3) & ~3);
  });
  const packed = new Uint8Array(size);
  const view = new DataView(packed.buffer);
  let at = 0;
  jobs.forEach(({ message }, i) => {
    const each = signatures[i] ?? [];
    view.setUint32(at, message.bytes.length, true);
    view.setUint32(at + 4, signedFrom(message), true);
    view.setUint32(at + 8, each.length, true);
    at += JOB_HEAD_BYTES;
    for (const { signatureAt, key } of each) {
      view.setUint32(at, signatureAt, true);
      packed.set(key, at + 4);
      at += SIGNATURE_BYTES;
    }
    packed.set(message.bytes, at);
    at += (message.bytes.length + 3) & ~3;
  });
  return packed;
}

type Port = import('node:worker_threads').MessagePort;

/** The worker's program. It is sent as text, so that it runs from a bundle as well: nothing of this module is in its reach. */
function workerMain(require: NodeJS.Require, verify: typeof verifyPacked): void {
  const { parentPort, workerData } = require('node:worker_threads') as { parentPort: Port; workerData: { addon: string } };
  const { hash } = require('node:crypto') as typeof import('node:crypto');
  const addon = require(workerData.addon) as Parameters<typeof verifyPacked>[0];
  const sha256 = (data: Uint8Array): Uint8Array => hash('sha256', data, 'buffer');
  parentPort.on('message', (job: { readonly id: number; readonly packed: Uint8Array; readonly count: number }) => {
    const results = verify(addon, sha256, job.packed, job.count);
    parentPort.postMessage({ id: job.id, results }, [results.buffer]);
  });
}

interface Waiting {
  readonly id: number;
  readonly packed: Uint8Array<ArrayBuffer>;
  readonly count: number;
  readonly resolve: (results: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  running: Map<number, Waiting>;
}

/** A worker takes the next batch while it still has one, so that it never waits for this thread. */
const AHEAD = 2;

/** Verifies in worker threads with native libsecp256k1, a packed batch at a time; on this thread where the native library is missing. */
export function pooledVerifier(workers = Math.min(MAX_WORKERS, availableParallelism()), addon = nativeAddonPath()): Verifier {
  return addon === null ? inlineVerifier() : new Pool(addon, workers);
}

class Pool implements Verifier {
  readonly parallel: number;
  readonly #addon: string;
  readonly #inline = inlineVerifier();
  #members: Member[] = [];
  #queue: Waiting[] = [];
  #nextId = 0;
  #idle: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(addon: string, workers: number) {
    this.#addon = addon;
    this.parallel = workers * AHEAD;
  }

  async verify(jobs: readonly VerifyJob[]): Promise<readonly boolean[]> {
    if (jobs.length < WORTH_A_WORKER) return this.#inline.verify(jobs);
    const packed = packJobs(jobs);
    const results = await new Promise<Uint8Array>((resolve, reject) => {
      this.#queue.push({ id: this.#nextId++, packed, count: jobs.length, resolve, reject });
      this.#dispatch();
    }).catch(() => null);
    // A worker that died took nothing with it that this thread could not do.
    return results === null ? this.#inline.verify(jobs) : Array.from(results, (result) => result === 1);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiting of this.#queue.splice(0)) waiting.reject(new Error('closed'));
    await this.#rest();
  }

  /** Ends the workers; the next batch starts new ones. */
  async #rest(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    const members = this.#members;
    this.#members = [];
    await Promise.all(members.map(({ worker }) => worker.terminate()));
  }

  #dispatch(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    while (this.#queue.length > 0) {
      const free = this.#members.filter(({ running }) => running.size < AHEAD).sort((a, b) => a.running.size - b.running.size)[0];
      if ((free === undefined || free.running.size > 0) && this.#members.length < this.parallel / AHEAD) {
        this.#members.push(this.#start());
        continue;
      }
      if (free === undefined) return;
      const next = this.#queue.shift() as Waiting;
      free.running.set(next.id, next);
      free.worker.postMessage({ id: next.id, packed: next.packed, count: next.count }, [next.packed.buffer]);
    }
  }

  #start(): Member {
    const source = `(${workerMain.toString()})(require, ${verifyPacked.toString()})`;
    const worker = new Worker(source, { eval: true, workerData: { addon: this.#addon }, execArgv: [], resourceLimits: WORKER_MEMORY });
    const member: Member = { worker, running: new Map() };
    worker.unref();
    worker.on('message', ({ id, results }: { readonly id: number; readonly results: Uint8Array }) => {
      member.running.get(id)?.resolve(results);
      member.running.delete(id);
      this.#dispatch();
      if (this.#members.every(({ running }) => running.size === 0)) this.#idle = setTimeout(() => void this.#rest(), IDLE_MS).unref();
    });
    const end = (error: Error): void => {
      this.#members = this.#members.filter((other) => other !== member);
      for (const waiting of member.running.values()) waiting.reject(error);
      member.running.clear();
      // What waits is given to another: nobody else may call for it.
      if (!this.#closed) this.#dispatch();
    };
    worker.on('error', end);
    worker.on('exit', () => end(new Error('the worker ended')));
    return member;
  }
}
