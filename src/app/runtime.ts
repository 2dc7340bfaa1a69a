import type { Result } from '../base/result.ts';
import type { ChainSource } from '../io/chain/source.ts';
import type { GossipService } from '../io/gossip/service.ts';
import type { NodeCommand, NodeEnv, NodeFailure, NodeInput, NodeReply, NodeState } from '../node/types.ts';
import type { Store } from '../store/store.ts';
import type { Custodian } from './asset/custodian.ts';

/** A running node as the operations see it: the committed state to read, inputs to submit, predicates to wait for. */
export interface NodeRuntime {
  /** The state of the last commit. */
  readonly state: NodeState;
  /** Finished payments, old invoices, history: what is no more in memory. */
  readonly store: Store;
  /** The world as the next step will see it: time, height, fee rates, keys, the planner. */
  env(): NodeEnv;
  /** The chain backend; null where the operation needs none. */
  readonly chain: ChainSource | null;
  /** What gossip has taught so far. */
  graph(): { readonly nodes: number; readonly channels: number; readonly synced: boolean };
  /** The owner of the graph and of what was learned about it. */
  readonly gossip: GossipService;
  /** Who carries the proofs of assets; null where there is no chain. */
  readonly custodian: Custodian | null;
  /** Funding outputs are not looked up on the chain. */
  readonly assumesValid: boolean;
  /** Queues an input; resolves when it is committed and its effects are out. */
  submit(input: NodeInput): Promise<void>;
  /** Submits a command; resolves with its reply after the commit. */
  command(command: NodeCommand): Promise<Result<NodeReply, NodeFailure>>;
  /** Waits until `pick` finds something in a committed state; rejects with AppError TIMEOUT or INTERRUPTED by the signal. */
  until<T>(pick: (state: NodeState) => T | null, signal: AbortSignal): Promise<T>;
  /** Connects to a peer (or finds it connected) and waits for `init`; AppError PEER_UNREACHABLE otherwise. */
  connect(peer: { readonly nodeId: Uint8Array; readonly host: string; readonly port: number }, signal: AbortSignal): Promise<void>;
  /** Drains, closes connections and the store. */
  stop(): Promise<void>;
}
