import { leafOf } from '../../asset/courier.ts';
import type { NodeRef } from '../../asset/mssmt/node.ts';
import { arrivalOf } from '../../asset/universe/diff.ts';
import { leafTreeKey } from '../../asset/universe/id.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { LeafKey, Universe, UniverseFailure, UniverseId } from './contract.ts';
import { findUniverse, listProofs, listUniverses, type StoredUniverse } from './leaves.ts';
import type { LocalUniverse } from './local.ts';
import { PAGE, pages } from './pages.ts';
import { ended, type RefusedLeaf, SYNC_LIMITS, type SyncedUniverse, type SyncOptions, type SyncReport } from './sync.ts';

/** Gives another universe what it has not of ours, in the order in which we verified it. What it took stays where a push ends early. */
export async function pushTo(remote: Universe, local: LocalUniverse, options: SyncOptions): Promise<SyncReport> {
  const { ids, issuanceOnly, signal } = options;
  const own = ids === null ? [...ownUniverses(local)] : ids.flatMap((id) => findUniverse(local.database, id) ?? []);
  const wanted = own.filter(({ id }) => issuanceOnly !== true || id.proofType === 'issuance');
  // Transfers are verified against the mintings.
  const ordered = [...wanted.filter(({ id }) => id.proofType === 'issuance'), ...wanted.filter(({ id }) => id.proofType === 'transfer')];
  const universes: SyncedUniverse[] = [];
  for (const universe of ordered) {
    const { id, assetName, root } = universe;
    const theirs = await remote.root(id);
    if (!theirs.ok) return { compared: wanted.length, universes, failure: theirs.failure };
    const before = theirs.value?.root ?? null;
    if (before !== null && isSame(before, root)) continue;
    options.progress?.(`${id.proofType} of ${assetName}`);
    const pushed = await pushTree(remote, local, { universe, isEmpty: before === null, options });
    const after = await remote.root(id);
    const { stored, refused } = pushed;
    universes.push({ id, assetName, before, after: after.ok ? (after.value?.root ?? null) : null, goal: root, stored, refused });
    const failure = pushed.failure ?? (signal.aborted ? ended() : null);
    if (failure !== null) return { compared: wanted.length, universes, failure };
  }
  return { compared: wanted.length, universes, failure: null };
}

function* ownUniverses(local: LocalUniverse): IterableIterator<StoredUniverse> {
  for (let offset = 0; ; offset += PAGE) {
    const page = listUniverses(local.database, { offset, limit: PAGE });
    if (page.length === 0) return;
    yield* page;
  }
}

interface Pushed {
  readonly stored: number;
  readonly refused: readonly RefusedLeaf[];
  readonly failure: UniverseFailure | null;
}

async function pushTree(
  remote: Universe,
  local: LocalUniverse,
  part: { readonly universe: StoredUniverse; readonly isEmpty: boolean; readonly options: SyncOptions },
): Promise<Pushed> {
  const { universe, isEmpty, options } = part;
  const most = { ...SYNC_LIMITS, ...options.limits };
  const refused: RefusedLeaf[] = [];
  let stored = 0;
  const there = isEmpty ? ok(new Set<string>()) : await keysOf(remote, universe.id, most.leaves);
  if (!there.ok) return { stored, refused, failure: there.failure };
  // With as many leaves and another root, some of the other's are of blocks that were reorganised away: it knows those that it has.
  const skips = there.value.size !== local.leafCount(universe.id);
  let after = 0n;
  for (;;) {
    // One at a time: proofs are large.
    const [next] = listProofs(local.database, { universe: universe.row, after, limit: 1 });
    if (next === undefined) return { stored, refused, failure: null };
    after = next.row;
    if (options.signal.aborted) return { stored, refused, failure: ended() };
    const leaf = storedLeaf(next.proof);
    if (skips && there.value.has(short(leaf))) continue;
    const inserted = await remote.insert(leaf);
    if (inserted.ok) {
      stored += 1;
      continue;
    }
    const { failure } = inserted;
    if (failure.code === 'UNREACHABLE' || failure.code === 'TIMEOUT' || failure.code === 'PROTOCOL') return { stored, refused, failure };
    refused.push({ key: leaf, failure });
    if (refused.length > most.refused) return { stored, refused, failure };
  }
}

/** The leaf of a proof that stands in our universe. */
export function storedLeaf(raw: Bytes): ReturnType<typeof leafOf> {
  const arrival = arrivalOf(raw);
  return leafOf(must(arrival.ok ? arrival.value.proof : undefined, 'a stored proof is damaged'), raw);
}

/** Half of a leaf's key names it: more would only take memory. */
const short = (key: LeafKey): string => toHex(leafTreeKey(key).subarray(0, 16));

async function keysOf(remote: Universe, id: UniverseId, most: number): Promise<Result<ReadonlySet<string>, UniverseFailure>> {
  const keys = new Set<string>();
  const all = pages({ ask: (page) => remote.leafKeys(id, page), name: short, most, what: 'leaves' });
  for (;;) {
    const { value, done } = await all.next();
    if (done === true) return value === null ? ok(keys) : fail(value);
    for (const key of value) keys.add(short(key));
  }
}

const isSame = (a: NodeRef, b: NodeRef): boolean => a.sum === b.sum && equal(a.hash, b.hash);
