import type { Courier as CourierAddress } from '../../asset/address/courier.ts';
import type { Courier, LeafLocator } from '../../asset/courier.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { Result } from '../../base/result.ts';
import type { UniverseFailure } from '../universe/contract.ts';
import { hashmailCourier } from './hashmail.ts';
import { universeCourier } from './universe.ts';

export type Delivered = Promise<Result<null, UniverseFailure>>;
export type FoundTransition = Promise<Result<Bytes | null, UniverseFailure>>;

/**
 * A courier that can be called. `deliver` may be repeated: what is there already is left as it is. Whether a failure is worth another try,
 * `isRetryable` says (io/universe/failure.ts).
 */
export interface OpenCourier extends Courier<Delivered, FoundTransition> {
  /** Whether the courier answers. */
  check(): Delivered;
  /**
   * To be called when the file that `find` led to is stored: a hashmail sender waits for it, and sends once more where it does not come. A
   * universe needs no word.
   */
  received(locator: LeafLocator): Delivered;
  close(): void;
}

export interface CourierOptions {
  /** For each call; 30 s. */
  readonly timeoutMs?: number;
  /** So long a hashmail sender waits in `deliver` for the receiver's word, and a receiver in `find` for the file; 15 s. */
  readonly waitMs?: number;
}

/** Nothing is sent yet. Notices to addresses of version 2 go over `openMailbox` at the same place. */
export function openCourier({ scheme, host, port }: CourierAddress, options: CourierOptions = {}): OpenCourier {
  return scheme === 'hashmail' ? hashmailCourier({ host, port }, options) : universeCourier({ host, port }, options);
}
