import { equal } from '../../base/bytes.ts';
import type { BlockHash } from '../../base/ids.ts';
import type { ChainSource, StopWatching } from './source.ts';

/**
 * Ways to learn that the chain may have moved. All are hints: whoever gets one looks at the chain itself. Each gives one as soon as it works,
 * since a block may have come between the caller's last look and that moment.
 */

/** Asks for the tip at an interval; the next question waits for the last answer. */
export function pollTip(source: Pick<ChainSource, 'tip'>, intervalMs: number, onHint: () => void): StopWatching {
  let last: BlockHash | null = null;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const tip = await source.tip();
    if (stopped) return;
    if (tip.ok) {
      if (last === null || !equal(last, tip.value.hash)) onHint();
      last = tip.value.hash;
    }
    timer = setTimeout(look, intervalMs);
  };
  void look();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/**
 * Calls `wait` again and again: it resolves with the tip when that is another than the one it is given, or at a timeout, and with null when the
 * backend fails. After a failure the pause doubles from 0.5 s to 15 s.
 */
export function waitForTip(wait: (known: BlockHash | null) => Promise<BlockHash | null>, onHint: () => void): StopWatching {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let wake: (() => void) | undefined;
  const run = async (): Promise<void> => {
    let known: BlockHash | null = null;
    let failures = 0;
    while (!stopped) {
      const tip: BlockHash | null = await wait(known);
      if (stopped) return;
      if (tip === null) {
        const pauseMs = Math.min(15_000, 500 * 2 ** failures++);
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, pauseMs);
        });
        continue;
      }
      // What happened while the backend was away is not known: better one look too many.
      if (failures > 0 || known === null || !equal(known, tip)) onHint();
      failures = 0;
      known = tip;
    }
  };
  void run();
  return () => {
    stopped = true;
    clearTimeout(timer);
    wake?.();
  };
}

/** Subscribes to a ZMQ publisher of blocks; loads the library with the first use. `onLost` where it cannot be used. */
export function subscribeZmq(part: {
  readonly address: string;
  readonly topics: readonly string[];
  readonly onHint: () => void;
  readonly onLost: () => void;
}): StopWatching {
  let stopped = false;
  let close = (): void => undefined;
  const run = async (): Promise<void> => {
    const { Subscriber } = await import('zeromq');
    if (stopped) return;
    // Reconnects by itself, so that a restart of bitcoind is survived.
    const socket = new Subscriber({ linger: 0, reconnectInterval: 500 });
    close = () => socket.close();
    socket.connect(part.address);
    socket.subscribe(...part.topics);
    part.onHint();
    for await (const _ of socket) part.onHint();
  };
  run().catch(() => {
    if (!stopped) part.onLost();
  });
  return () => {
    stopped = true;
    close();
  };
}
