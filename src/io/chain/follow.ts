import { assert, must } from '../../base/assert.ts';
import { equal } from '../../base/bytes.ts';
import { fail, ok } from '../../base/result.ts';
import type { Height } from '../../base/units.ts';
import { type BlockRef, type ChainBlock, type ChainResult, type ChainSource, malformed, notSynced } from './source.ts';

/**
 * The last blocks that were taken in, oldest first, heights without gaps, never empty. It is stored in the same commit as what the blocks did, so
 * that a restart goes on exactly where the state is.
 */
export interface Cursor {
  readonly recent: readonly BlockRef[];
}

/** `cursor` is the one to store once the event has been taken in. */
export type ChainEvent =
  /** The newest block left the best chain; the tip is the block before it. */
  | { readonly kind: 'disconnect'; readonly block: BlockRef; readonly cursor: Cursor }
  | { readonly kind: 'connect'; readonly block: ChainBlock; readonly cursor: Cursor };

export interface FollowOptions {
  /** How many blocks the cursor remembers, and so how deep a reorganisation can be; 144 by default. */
  readonly window?: number;
  /** Blocks fetched ahead while catching up; 6 by default. */
  readonly ahead?: number;
}

const WINDOW = 144;
const AHEAD = 6;
const KNOWN_BEFORE = 24;
/** How often the chain may change under our hands without a block being taken in. */
const MAX_RESTARTS = 10;

export const cursorTip = (cursor: Cursor): BlockRef => must(cursor.recent.at(-1), 'a cursor is never empty');

/**
 * A cursor that begins after `height` (a wallet's birthday less one), or at the tip where that is lower. It knows some blocks before that, so that
 * a reorganisation of the place where it begins is followed too. Block 0 is never connected.
 */
export async function cursorAt(source: ChainSource, height: Height): Promise<ChainResult<Cursor>> {
  for (let attempt = 0; attempt < MAX_RESTARTS; attempt++) {
    const tip = await source.tip();
    if (!tip.ok) return tip;
    const newest = Math.min(height, tip.value.height);
    const heights = Array.from({ length: Math.min(KNOWN_BEFORE, newest + 1) }, (_, i) => (newest - i) as Height).reverse();
    const hashes = await Promise.all(heights.map((each) => source.blockHash(each)));
    const recent: BlockRef[] = [];
    for (const [i, hash] of hashes.entries()) {
      if (!hash.ok) return hash;
      if (hash.value !== null) recent.push({ height: heights[i] as Height, hash: hash.value });
    }
    const after = await source.tip();
    if (!after.ok) return after;
    // Only while the tip stays are the hashes of one branch.
    if (equal(after.value.hash, tip.value.hash) && recent.length === heights.length) return ok({ recent });
  }
  return fail(notSynced(`${source.place} changes its tip faster than it can be read`));
}

/**
 * What leads from the cursor to the best chain of the source: disconnects, newest first, then connects. Ends when the source's tip is reached;
 * the last item is a failure where the source fails. Catching up, a new block and a reorganisation are this one path.
 *
 * A source whose tip is one of our own older blocks is merely behind (it restarted, or another server answers for the same name): that gives no
 * events. Only another branch makes blocks leave.
 */
export async function* follow(
  source: ChainSource,
  cursor: Cursor,
  options: FollowOptions = {},
): AsyncGenerator<ChainResult<ChainEvent>, void> {
  const window = options.window ?? WINDOW;
  assert(window > 0 && cursor.recent.length > 0, 'a cursor holds at least one block');
  let recent = cursor.recent;
  for (let restarts = 0; restarts < MAX_RESTARTS; restarts++) {
    const tip = await source.tip();
    if (!tip.ok) return yield tip;
    const fork = await findFork(source, recent, tip.value);
    if (!fork.ok) return yield fork;
    if (fork.value === null) return;
    while (must(recent.at(-1), 'the fork is in the cursor').height > fork.value.height) {
      const block = must(recent.at(-1), 'the fork is in the cursor');
      recent = recent.slice(0, -1);
      yield ok({ kind: 'disconnect', block, cursor: { recent } });
    }
    const fetched = fetchBlocks(source, { from: fork.value.height + 1, to: tip.value.height, ahead: options.ahead ?? AHEAD });
    for await (const block of fetched) {
      if (!block.ok) return yield block;
      // The chain moved while we read it: look for the fork again.
      if (block.value === null || !equal(block.value.prevHash, must(recent.at(-1), 'the fork is in the cursor').hash)) break;
      const { height, hash } = block.value;
      recent = [...recent, { height, hash }].slice(-window);
      restarts = 0;
      yield ok({ kind: 'connect', block: block.value, cursor: { recent } });
    }
  }
  yield fail(malformed(`${source.place} tells of blocks that do not follow one another`));
}

/** Follows for ever: events, then `synced` at the tip, then whatever comes, until the signal. After a failure it goes on at the next hint or pause. */
export async function* followLive(
  source: ChainSource,
  cursor: Cursor,
  options: FollowOptions & { readonly signal: AbortSignal; readonly retryMs?: number },
): AsyncGenerator<ChainResult<ChainEvent | { readonly kind: 'synced'; readonly cursor: Cursor }>, void> {
  let hinted = true;
  let wake = (): void => undefined;
  const hint = (): void => {
    hinted = true;
    wake();
  };
  const stop = source.watchTip(hint);
  options.signal.addEventListener('abort', hint);
  let at = cursor;
  try {
    while (!options.signal.aborted) {
      hinted = false;
      let failed = false;
      for await (const event of follow(source, at, options)) {
        if (options.signal.aborted) return;
        if (event.ok) at = event.value.cursor;
        else failed = true;
        yield event;
      }
      if (!failed) yield ok({ kind: 'synced', cursor: at });
      if (hinted || options.signal.aborted) continue;
      await new Promise<void>((resolve) => {
        const timer = failed ? setTimeout(resolve, options.retryMs ?? 5_000) : undefined;
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  } finally {
    stop();
    options.signal.removeEventListener('abort', hint);
  }
}

/** The newest block of the cursor that is on the source's chain; null where there is nothing to do. */
async function findFork(source: ChainSource, recent: readonly BlockRef[], tip: BlockRef): Promise<ChainResult<BlockRef | null>> {
  const newest = must(recent.at(-1), 'a cursor is never empty');
  const oldest = must(recent[0], 'a cursor is never empty');
  if (recent.some((block) => block.height === tip.height && equal(block.hash, tip.hash))) return ok(null);
  if (tip.height < oldest.height)
    return fail(notSynced(`${source.place} is at block ${tip.height}, and lnkit has been at ${newest.height}`, 'wait until it is in sync'));
  // One block back, then two, four, ...: a reorganisation is short, and where it is not, few questions find it.
  let missed = recent.length;
  for (let back = 1; ; back *= 2) {
    const index = Math.max(0, recent.length - back);
    const found = await isOnChain(source, recent[index] as BlockRef);
    if (!found.ok) return found;
    if (found.value) return bisect(source, recent, index, missed);
    missed = index;
    if (index === 0) break;
  }
  const message = `${source.place} does not know any of the last ${recent.length} blocks up to ${newest.height} that lnkit has seen`;
  return fail(notSynced(message, 'is it another chain, or was its chain rewritten?'));
}

/** `known` is on the source's chain, `missed` (an index after it) is not: finds the last one that is. */
async function bisect(source: ChainSource, recent: readonly BlockRef[], known: number, missed: number): Promise<ChainResult<BlockRef>> {
  let [low, high] = [known, missed];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const found = await isOnChain(source, recent[middle] as BlockRef);
    if (!found.ok) return found;
    if (found.value) low = middle;
    else high = middle;
  }
  return ok(recent[low] as BlockRef);
}

async function isOnChain(source: ChainSource, block: BlockRef): Promise<ChainResult<boolean>> {
  const hash = await source.blockHash(block.height);
  return hash.ok ? ok(hash.value !== null && equal(hash.value, block.hash)) : hash;
}

/** The blocks of the best chain from one height to another, in order, a few of them under way at once; null where one went away. */
async function* fetchBlocks(
  source: ChainSource,
  part: { readonly from: number; readonly to: number; readonly ahead: number },
): AsyncGenerator<ChainResult<ChainBlock | null>, void> {
  const under: Promise<ChainResult<ChainBlock | null>>[] = [];
  let next = part.from;
  for (let height = part.from; height <= part.to; height++) {
    for (; next <= part.to && under.length < part.ahead; next++) under.push(fetchBlock(source, next as Height));
    yield await must(under.shift(), 'a fetch is under way');
  }
}

async function fetchBlock(source: ChainSource, height: Height): Promise<ChainResult<ChainBlock | null>> {
  const hash = await source.blockHash(height);
  if (!hash.ok || hash.value === null) return hash as ChainResult<null>;
  const block = await source.block(hash.value);
  if (block.ok && block.value !== null && block.value.height !== height)
    return fail(malformed(`${source.place} puts one block at heights ${height} and ${block.value.height}`));
  return block;
}
