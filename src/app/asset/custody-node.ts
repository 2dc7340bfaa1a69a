import type { ChainSource } from '../../io/chain/source.ts';
import type { NodeState } from '../../node/types.ts';
import type { NodeRuntime } from '../runtime.ts';
import type { CustodyPorts, KeepingUniverse } from './custody-ports.ts';

/** What a custodian of proofs sees of a running node. gRPC takes time to load: only who has something to carry pays it. */
export function custodyPorts(part: {
  readonly node: Pick<NodeRuntime, 'state' | 'store' | 'env' | 'command'>;
  watch(look: (state: NodeState) => void): () => void;
  readonly chain: ChainSource;
  universe(): Promise<KeepingUniverse>;
  log(level: 'debug' | 'info' | 'warn', text: string): void;
}): CustodyPorts {
  const { node, chain } = part;
  return {
    state: () => node.state,
    env: () => node.env(),
    command: (what) => node.command({ kind: 'asset', what }),
    store: node.store,
    chain,
    watch: (look) => part.watch(look),
    openCourier: async (address) => (await import('../../io/courier/courier.ts')).openCourier(address),
    openMailbox: async (address) => (await import('../../io/universe/mailbox.ts')).openMailbox(address),
    universe: () => part.universe(),
    log: (level, text) => part.log(level, text),
  };
}
