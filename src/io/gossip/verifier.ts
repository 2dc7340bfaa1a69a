import type { Bytes } from '../../base/bytes.ts';
import { type RawGossip, signatureJobs, signedFrom } from '../../bolt/gossip/raw.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256d } from '../../crypto/hash.ts';

/** A message and, for a channel_update, the key of the node that must have signed it. */
export interface VerifyJob {
  readonly message: RawGossip;
  readonly updateKey: Bytes | null;
}

/** Checks signatures. The answers stand in the order of the jobs. */
export interface Verifier {
  verify(jobs: readonly VerifyJob[]): Promise<readonly boolean[]>;
  close(): Promise<void>;
}

/** How long signatures may hold up the event loop at a time. */
const SLICE_MS = 8;

/** Every signature of one message, on this thread. */
export function verifyMessage({ message, updateKey }: VerifyJob): boolean {
  const hash = sha256d(message.bytes.subarray(signedFrom(message)));
  const jobs = signatureJobs(message, updateKey);
  return jobs.length > 0 && jobs.every((job) => secp.verify(message.bytes.subarray(job.signatureAt, job.signatureAt + 64), hash, job.key));
}

/** Verifies on this thread, in slices. */
export function inlineVerifier(): Verifier {
  return {
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
