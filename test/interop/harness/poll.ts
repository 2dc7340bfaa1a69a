import { setTimeout as delay } from 'node:timers/promises';

export interface PollOptions {
  /** Default 60 seconds. */
  readonly timeoutMs?: number;
  /** Default 50 ms. */
  readonly intervalMs?: number;
  /** Ends the wait at once: called before each question, a returned text is the reason. */
  readonly gaveUp?: () => string | undefined;
}

/**
 * Asks until there is an answer other than undefined or false; a question that throws counts as unanswered.
 * @throws Error that names what was waited for, with the last failure, once the time is over
 */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined | false>, options: PollOptions = {}): Promise<T> {
  const { timeoutMs = 60_000, intervalMs = 50, gaveUp } = options;
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    const reason = gaveUp?.();
    if (reason !== undefined) throw new Error(`${what}: ${reason}`);
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`${what}: not within ${timeoutMs / 1000} s${last === undefined ? '' : ` (${String(last)})`}`, { cause: last });
    }
    await delay(intervalMs);
  }
}
