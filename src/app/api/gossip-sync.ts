import { toHex } from '../../base/bytes.ts';
import { defineOperation, usage } from '../define.ts';
import { AppError } from '../error.ts';
import { peerOf } from '../forms/parse.ts';
import { since, syncSchema, syncText } from '../graph/gossip.ts';
import { count, flag, list, object, text } from '../schema.ts';

const PROGRESS_MS = 500;
const DEFAULT_SECONDS = 600;

/** Asks a peer for all it knows, and waits until that is verified and stored. */
export const gossipSync = defineOperation({
  name: 'gossip.sync',
  needs: 'peers',
  params: object({ peers: list(text()) }, { seconds: count(), assume_valid: flag() }),
  result: syncSchema,
  async run({ runtime, signal, progress }, params) {
    const started = performance.now();
    if (params.assume_valid === true && !runtime.assumesValid)
      throw usage('the daemon looks funding outputs up in the chain', 'start it with --assume-valid, or leave the flag out');
    const { gossip } = runtime;
    const before = gossip.status();
    for (const { nodeId, address } of params.peers.map(peerOf)) {
      const to = address ?? runtime.state.peers.get(nodeId)?.address ?? null;
      if (to === null) throw usage(`the address of ${toHex(nodeId)} is not known`, 'give NODE_ID@HOST:PORT');
      progress(`connecting to ${to.host}:${to.port}`);
      await runtime.connect({ nodeId, ...to }, signal);
    }
    if (gossip.status().peers === 0)
      throw new AppError({
        code: 'PEER_UNREACHABLE',
        message: 'there is no peer to learn from',
        hint: 'name one: `lnkit gossip sync NODE_ID@HOST:PORT`',
      });
    const told = setInterval(() => {
      const status = gossip.status();
      progress(syncText(status), status.sync ?? undefined);
    }, PROGRESS_MS);
    const complete = await Promise.race([gossip.sync(1000 * (params.seconds ?? DEFAULT_SECONDS)), aborted(signal)]).finally(() =>
      clearInterval(told),
    );
    const status = gossip.status();
    return { ...since(before, status), complete, peers: status.peers, duration_ms: Math.round(performance.now() - started) };
  },
});

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
