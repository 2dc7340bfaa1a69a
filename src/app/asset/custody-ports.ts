import type { Courier as CourierAddress } from '../../asset/address/courier.ts';
import { parseCourier } from '../../asset/address/courier.ts';
import type { UniverseLeaf } from '../../asset/courier.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import type { OpenCourier } from '../../io/courier/courier.ts';
import type { Universe, UniverseFailure } from '../../io/universe/contract.ts';
import type { Mailbox } from '../../io/universe/mailbox-contract.ts';
import type { AssetAction } from '../../node/asset/commands.ts';
import type { TryFailure } from '../../node/asset/custody.ts';
import type { NodeEnv, NodeFailure, NodeReply, NodeState } from '../../node/types.ts';
import type { Store } from '../../store/store.ts';
import { AppError } from '../error.ts';

export type OpenMailbox = Mailbox & { close(): void };

/** Of our own universe, what keeping takes. */
export interface KeepingUniverse {
  query: Universe['query'];
  leafKeys: Universe['leafKeys'];
  insertMany(leaves: readonly UniverseLeaf[]): Promise<readonly Result<unknown, UniverseFailure>[]>;
}

/** What the custodian of proofs needs of the node and of the world. */
export interface CustodyPorts {
  state(): NodeState;
  env(): NodeEnv;
  command(action: AssetAction): Promise<Result<NodeReply, NodeFailure>>;
  readonly store: Pick<Store, 'assetHistory' | 'commit'>;
  readonly chain: ChainSource;
  /** Called with each committed state until what comes back is called. */
  watch(look: (state: NodeState) => void): () => void;
  openCourier(courier: CourierAddress): Promise<OpenCourier>;
  openMailbox(courier: CourierAddress): Promise<OpenMailbox>;
  /** Our own universe, which keeps what we prove; null where there is none. */
  universe(): Promise<KeepingUniverse | null>;
  log(level: 'debug' | 'info' | 'warn', text: string): void;
}

export type Tried = Result<null, TryFailure>;

/** Opens the courier of that name, and closes it whatever happens. Fails as a try fails: whatever others do wrong is a failure, never a throw. */
export async function withCourier<T>(
  ports: CustodyPorts,
  courier: string,
  use: (open: OpenCourier, address: CourierAddress) => Promise<Result<T, TryFailure>>,
): Promise<Result<T, TryFailure>> {
  const address = parseCourier(courier);
  if (!address.ok) return address;
  const open = await ports.openCourier(address.value);
  try {
    return await use(open, address.value);
  } finally {
    open.close();
  }
}

/** Runs a try. A bug or a chain that does not answer is a failed try as well: the next one may do better, and the others go on. */
export async function tried<T>(run: () => Promise<Result<T, TryFailure>>): Promise<Result<T, TryFailure>> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof AppError) return fail({ code: error.code, message: error.message });
    return fail({ code: 'INTERNAL', message: (error as Error).message });
  }
}

export const DONE: Tried = ok(null);
