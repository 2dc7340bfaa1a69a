import { existsSync } from 'node:fs';
import type { Network } from '../../bitcoin/network.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import { listServers, visitServers } from '../../io/universe/federation.ts';
import { openRemoteUniverse } from '../../io/universe/remote.ts';
import { placeOf } from '../forms/universe.ts';
import { openOwnUniverse, readUniverse, universePath } from './own.ts';

/** How often the daemon looks whether something waits for a server of the federation, or its time has come. */
const LOOK_MS = 15_000;

export interface Keeper {
  /** Ends a visit that is under way. */
  stop(): Promise<void>;
}

/** Keeps our universe in step with the federation while a daemon or a server of it runs. */
export function keepFederation(part: {
  readonly datadir: string;
  readonly network: Network;
  readonly chain: ChainSource | null;
  readonly isKnownGroup?: (groupKey: Uint8Array) => boolean;
  log(level: 'info' | 'warn', text: string): void;
}): Keeper {
  const abort = new AbortController();
  let visiting: Promise<void> | null = null;
  const look = (): void => {
    visiting ??= visit(part, abort.signal)
      .catch((error: unknown) => part.log('warn', `the federation could not be visited: ${(error as Error).message}`))
      .finally(() => {
        visiting = null;
      });
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  look();
  return {
    async stop() {
      clearInterval(timer);
      abort.abort();
      await visiting;
    },
  };
}

async function visit(part: Parameters<typeof keepFederation>[0], signal: AbortSignal): Promise<void> {
  if (!existsSync(universePath(part)) || readUniverse(part, ({ database }) => listServers(database)).length === 0) return;
  const own = openOwnUniverse(part);
  try {
    const open = (host: string) => openRemoteUniverse(placeOf(host));
    const now = (): number => Math.floor(Date.now() / 1000);
    await visitServers({ local: own.universe, open, now, log: part.log }, 'due', signal);
  } finally {
    own.close();
  }
}
