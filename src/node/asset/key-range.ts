import type { UnixTime } from '../../base/units.ts';
import type { AssetState } from './types.ts';

/** Indexes of keys from `from` up to, and without, `to`. */
export interface KeyRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Which keys were handed out. A wallet that comes from its words, or from a backup, does not know how many its earlier life handed out after
 * that; so it goes on where no earlier life can have been (`freshIndex`), and looks for its keys in all ranges.
 */
export interface KeyHistory {
  /** Where the keys of this life begin; those up to `nextKeyIndex` were handed out. */
  readonly start: number;
  readonly earlier: readonly KeyRange[];
}

export const NO_HISTORY: KeyHistory = { start: 0, earlier: [] };

/** Keys after those of a backup that are still looked for: an asset may have come to one of them. */
export const LOST_KEYS = 1_000;
/** At least so many keys of an earlier life are left out. */
const SKIPPED = 100_000;
/** Keys a minute that no wallet needs over its life; the 2^31 keys that there are last until 2084. */
const KEYS_PER_MINUTE = 64;
const BEGINNING = 1_600_000_000;
/** BIP 32. */
const MAX_INDEX = 2 ** 31 - 1;

/**
 * A key index that no life of this wallet has come to before `now`: one begins at 0, or at the time of its restoration, and hands out less than
 * KEYS_PER_MINUTE. `after`: indexes that are known to be used.
 */
export function freshIndex(now: UnixTime, after: number): number {
  const minutes = Math.max(0, Math.floor((now - BEGINNING) / 60));
  return Math.min(Math.max(minutes * KEYS_PER_MINUTE, after), MAX_INDEX);
}

/** Every index that may have been handed out, this life's first. */
export function* handedOut({ nextKeyIndex, keyHistory }: Pick<AssetState, 'nextKeyIndex' | 'keyHistory'>): IterableIterator<number> {
  for (const { from, to } of [{ from: keyHistory.start, to: nextKeyIndex }, ...keyHistory.earlier])
    for (let index = from; index < to; index++) yield index;
}

type Keys = Pick<AssetState, 'nextKeyIndex' | 'keyHistory'>;

/** The keys of this life with those of the life that made a backup. The same backup once more changes nothing. */
export function withEarlierLife(ours: Keys, backedUp: Keys, now: UnixTime): Keys {
  const open = { from: backedUp.keyHistory.start, to: backedUp.nextKeyIndex + LOST_KEYS };
  const known = [...ours.keyHistory.earlier];
  const news = [...backedUp.keyHistory.earlier, open].filter(
    (range) => !known.some((each) => each.from <= range.from && range.to <= each.to),
  );
  if (news.length === 0) return ours;
  const used = { from: ours.keyHistory.start, to: ours.nextKeyIndex };
  const earlier = [...known, ...news, ...(used.to > used.from ? [used] : [])];
  const start = freshIndex(now, Math.max(ours.nextKeyIndex, backedUp.nextKeyIndex + SKIPPED));
  return { nextKeyIndex: start, keyHistory: { start, earlier } };
}

/** A wallet that was made from words, of which nothing else is known. */
export function keysOfRestoredWords(now: UnixTime): Keys {
  return withEarlierLife({ nextKeyIndex: 0, keyHistory: NO_HISTORY }, { nextKeyIndex: 0, keyHistory: NO_HISTORY }, now);
}
