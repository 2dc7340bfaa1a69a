import type { TxId } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import type { Asset, PrevId } from '../asset.ts';
import { type AssetFailure, refuse } from '../failure.ts';

/** What lock times need to know of the chain. Answers are null where the backend does not know. */
export interface ChainTimes {
  /** Height of the block that holds a transaction. */
  readonly txHeight: (txid: TxId) => number | null;
  /** Median of the times of the eleven blocks up to a height, unix seconds. */
  readonly medianTime: (height: number) => number | null;
}

/** Below this a lock time is a height, above it a time. */
const LOCK_TIME_THRESHOLD = 500_000_000n;
// BIP 68.
const SEQUENCE_DISABLED = 1n << 31n;
const SEQUENCE_IS_SECONDS = 1n << 22n;
const SEQUENCE_MASK = 0xffffn;
const SECONDS_GRANULARITY = 9n;

export type LockTimeFailure = AssetFailure<'UNFINALIZED' | 'CHAIN_UNKNOWN'>;

/** Whether an asset's locks allow it to spend an input in a block at `height`. */
export function checkLockTimes(asset: Asset, prevId: PrevId, height: number, chain: ChainTimes): Result<null, LockTimeFailure> {
  const absolute = checkAbsolute(asset.lockTime, height, chain);
  return absolute.ok ? checkRelative(asset.relativeLockTime, prevId, height, chain) : absolute;
}

/** An asset with a lock that counts seconds: it needs the times of blocks. */
export const usesBlockTimes = ({ lockTime, relativeLockTime: sequence }: Asset): boolean =>
  lockTime > LOCK_TIME_THRESHOLD || ((sequence & SEQUENCE_IS_SECONDS) !== 0n && (sequence & SEQUENCE_DISABLED) === 0n);

function checkAbsolute(lockTime: bigint, height: number, chain: ChainTimes): Result<null, LockTimeFailure> {
  if (lockTime === 0n) return ok(null);
  if (lockTime > LOCK_TIME_THRESHOLD) {
    const time = chain.medianTime(height);
    if (time === null) return unknown(`the time of block ${height}`);
    return BigInt(time) >= lockTime ? ok(null) : early(`locked until ${lockTime}, the block's median time is ${time}`);
  }
  return BigInt(height) >= lockTime ? ok(null) : early(`locked until block ${lockTime}, the block is ${height}`);
}

function checkRelative(sequence: bigint, prevId: PrevId, height: number, chain: ChainTimes): Result<null, LockTimeFailure> {
  if (sequence === 0n) return ok(null);
  const confirmed = chain.txHeight(prevId.outPoint.txid);
  if (confirmed === null) return unknown('the block of the spent input');
  if ((sequence & SEQUENCE_DISABLED) !== 0n) return ok(null);
  const lock = sequence & SEQUENCE_MASK;
  if ((sequence & SEQUENCE_IS_SECONDS) !== 0n) {
    // BIP 68: seconds count from the median time of the block before the input's.
    const [since, now] = [chain.medianTime(Math.max(0, confirmed - 1)), chain.medianTime(height)];
    if (since === null || now === null) return unknown('the times of the blocks');
    const until = BigInt(since) + (lock << SECONDS_GRANULARITY) - 1n;
    return BigInt(now) >= until ? ok(null) : early(`locked until ${until}, the block's median time is ${now}`);
  }
  const until = BigInt(confirmed) + lock;
  return BigInt(height) >= until ? ok(null) : early(`locked until block ${until}, the block is ${height}`);
}

const early = (why: string): ReturnType<typeof refuse<'UNFINALIZED'>> => refuse('UNFINALIZED', `un-finalized asset: ${why}`);
const unknown = (what: string): ReturnType<typeof refuse<'CHAIN_UNKNOWN'>> =>
  refuse('CHAIN_UNKNOWN', `the chain backend does not know ${what}`);
