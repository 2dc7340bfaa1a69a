import { leafOf, type UniverseLeaf } from '../../asset/courier.ts';
import type { NodeRef } from '../../asset/mssmt/node.ts';
import { type Arrival, arrivalOf, differingRoots, inOrder } from '../../asset/universe/diff.ts';
import { leafTreeKey, sameUniverse, universeName } from '../../asset/universe/id.ts';
import { isIncluded } from '../../asset/universe/tree.ts';
import { equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { LeafKey, Universe, UniverseFailure, UniverseId, UniverseProof, UniverseRoot } from './contract.ts';
import { findLeaf } from './leaves.ts';
import type { LocalUniverse } from './local.ts';
import { pages, protocol } from './pages.ts';

/**
 * Takes from another universe what ours has not: roots that differ, then the keys of their leaves, then the proofs, each verified before it is
 * stored. What was stored stays where a sync ends early, and the next one goes on from there.
 */

export interface SyncOptions {
  /** Only these trees; null: all that the other has. */
  readonly ids: readonly UniverseId[] | null;
  /** Mintings alone. */
  readonly issuanceOnly?: boolean;
  readonly signal: AbortSignal;
  readonly limits?: Partial<SyncLimits>;
  progress?(text: string): void;
}

export interface SyncLimits {
  /** Trees, and leaves of one tree, that the other may tell of. */
  readonly roots: number;
  readonly leaves: number;
  /** Leaves that may be refused before the other is not asked any more. */
  readonly refused: number;
  /** Questions under way at once. */
  readonly questions: number;
  /** Leaves, and bytes of them, that are stored together. */
  readonly batch: number;
  readonly batchBytes: number;
}

export const SYNC_LIMITS: SyncLimits = {
  roots: 200_000,
  leaves: 1_000_000,
  refused: 100,
  questions: 8,
  batch: 64,
  batchBytes: 8 * 1024 * 1024,
};

/** Of asking again for leaves that came before their predecessors. */
const MAX_ROUNDS = 100;

export interface RefusedLeaf {
  readonly key: LeafKey;
  readonly failure: UniverseFailure;
}

export interface SyncedUniverse {
  readonly id: UniverseId;
  readonly assetName: string;
  /** The root of who takes, before and after; null: there was none. */
  readonly before: NodeRef | null;
  readonly after: NodeRef | null;
  /** The root of who gives. */
  readonly goal: NodeRef;
  readonly stored: number;
  readonly refused: readonly RefusedLeaf[];
}

export interface SyncReport {
  /** Trees that the other has of those that were asked for. */
  readonly compared: number;
  readonly universes: readonly SyncedUniverse[];
  /** What ended the sync early; what is told above was done. */
  readonly failure: UniverseFailure | null;
}

export async function syncFrom(remote: Universe, local: LocalUniverse, options: SyncOptions): Promise<SyncReport> {
  const run = new Pull(remote, local, options);
  const universes: SyncedUniverse[] = [];
  const roots = await run.roots();
  if (!roots.ok) return { compared: 0, universes, failure: roots.failure };
  const own = new Map<string, NodeRef>();
  for (const { id } of roots.value) {
    const root = await local.root(id);
    if (root.ok && root.value !== null) own.set(universeName(id), root.value.root);
  }
  for (const root of differingRoots(roots.value, (id) => own.get(universeName(id)) ?? null)) {
    options.progress?.(`${root.id.proofType} of ${root.assetName}`);
    const before = own.get(universeName(root.id)) ?? null;
    const failure = await run.tree(root);
    const after = await local.root(root.id);
    const { stored, refused } = run.taken();
    const { id, assetName } = root;
    universes.push({ id, assetName, before, after: after.ok ? (after.value?.root ?? null) : null, goal: root.root, stored, refused });
    if (failure !== null) return { compared: roots.value.length, universes, failure };
  }
  return { compared: roots.value.length, universes, failure: null };
}

/** One sync as it runs. */
class Pull {
  readonly #remote: Universe;
  readonly #local: LocalUniverse;
  readonly #options: SyncOptions;
  readonly #limits: SyncLimits;
  #stored = 0;
  #refused: RefusedLeaf[] = [];
  #refusedInAll = 0;

  constructor(remote: Universe, local: LocalUniverse, options: SyncOptions) {
    this.#remote = remote;
    this.#local = local;
    this.#options = options;
    this.#limits = { ...SYNC_LIMITS, ...options.limits };
  }

  /** What was done to the tree that was last taken. */
  taken(): { readonly stored: number; readonly refused: readonly RefusedLeaf[] } {
    const done = { stored: this.#stored, refused: this.#refused };
    this.#stored = 0;
    this.#refused = [];
    return done;
  }

  async roots(): Promise<Result<readonly UniverseRoot[], UniverseFailure>> {
    const { ids, issuanceOnly } = this.#options;
    const isWanted = ({ proofType }: UniverseId): boolean => issuanceOnly !== true || proofType === 'issuance';
    const found: UniverseRoot[] = [];
    if (ids !== null) {
      for (const id of ids.filter(isWanted)) {
        const root = await this.#remote.root(id);
        if (!root.ok) return root;
        if (root.value !== null && !sameUniverse(root.value.id, id)) return fail(protocol('the root of another universe'));
        if (root.value !== null) found.push(root.value);
      }
      return ok(found);
    }
    const { roots: most } = this.#limits;
    const all = pages({ ask: (page) => this.#remote.roots(page), name: ({ id }) => universeName(id), most, what: 'roots' });
    for (;;) {
      const { value, done } = await all.next();
      if (done === true) return value === null ? ok(found) : fail(value);
      found.push(...value.filter(({ id }) => isWanted(id)));
      if (this.#options.signal.aborted) return fail(ended());
    }
  }

  /** Takes what is missing of one tree. Gives what ended the whole sync, or null. */
  async tree(root: UniverseRoot): Promise<UniverseFailure | null> {
    const { id } = root;
    const tree = { id, roots: [root.root] };
    // Of leaves that came before their predecessors the keys are kept, and the proofs asked for again.
    let waiting: LeafKey[] = [];
    let keys = 0;
    const isMissing = (key: LeafKey): boolean => findLeaf(this.#local.database, id, key) === null;
    const failure = await this.#eachPage(id, async (page) => {
      keys += page.length;
      const taken = await this.#take(tree, page.filter(isMissing));
      if (!taken.ok) return taken.failure;
      waiting.push(...taken.value);
      return null;
    });
    if (failure !== null) return failure;
    for (let round = 0; waiting.length > 0; round++) {
      // The other way round: who lists the newest first needs two rounds then, and not one for each leaf.
      const again = await this.#take(tree, waiting.toReversed());
      if (!again.ok) return again.failure;
      if (again.value.length === waiting.length || round === MAX_ROUNDS) {
        for (const key of waiting) this.#refuse(key, { code: 'UNKNOWN_PREDECESSOR', message: 'the transition before it is nowhere' });
        break;
      }
      waiting = [...again.value];
    }
    return await this.#takeChanged(tree, keys);
  }

  /** Where both have the same leaves and yet other roots, a reorganisation gave some of them other proofs. */
  async #takeChanged(tree: Tree, keys: number): Promise<UniverseFailure | null> {
    const own = await this.#local.root(tree.id);
    const { root } = (own.ok ? own.value : null) ?? { root: null };
    if (root === null || tree.roots.some((each) => isSameRoot(each, root))) return null;
    if (this.#local.leafCount(tree.id) !== keys || this.#refused.length > 0) return null;
    return await this.#eachPage(tree.id, async (page) => {
      const taken = await this.#take(tree, page);
      return taken.ok ? null : taken.failure;
    });
  }

  async #eachPage(id: UniverseId, take: (page: readonly LeafKey[]) => Promise<UniverseFailure | null>): Promise<UniverseFailure | null> {
    const { leaves: most } = this.#limits;
    const name = (key: LeafKey): string => toHex(leafTreeKey(key));
    const all = pages({ ask: (page) => this.#remote.leafKeys(id, page), name, most, what: 'leaves' });
    for (;;) {
      const { value, done } = await all.next();
      if (done === true) return value;
      const failure = await take(value);
      if (failure !== null) return failure;
    }
  }

  /** Fetches, verifies and stores leaves in batches that fit into memory. Gives the keys of those that wait for others. */
  async #take(tree: Tree, keys: readonly LeafKey[]): Promise<Result<readonly LeafKey[], UniverseFailure>> {
    const waiting: LeafKey[] = [];
    let fetching = this.#fetch(tree, keys, 0);
    for (let next = 0; next < keys.length; ) {
      if (this.#options.signal.aborted) return fail(ended());
      const batch = await fetching;
      if (!batch.ok) return batch;
      next = batch.value.next;
      // The next ones come while these are verified.
      if (next < keys.length) fetching = this.#fetch(tree, keys, next);
      const arrivals = inOrder(batch.value.arrivals);
      const leaves = arrivals.map(({ leaf }) => leaf);
      const results = await this.#local.insertMany(leaves, 'synced');
      for (const [i, result] of results.entries()) {
        const { key } = arrivals[i] as Fetched;
        if (result.ok) this.#stored += result.value.isNew ? 1 : 0;
        else if (result.failure.code === 'UNKNOWN_PREDECESSOR') waiting.push(key);
        else if (result.failure.code === 'UNREACHABLE') return result;
        else this.#refuse(key, result.failure);
      }
      if (this.#refusedInAll > this.#limits.refused)
        return fail({ code: 'INVALID', message: `more than ${this.#limits.refused} leaves do not hold` });
    }
    return ok(waiting);
  }

  async #fetch(
    tree: Tree,
    keys: readonly LeafKey[],
    from: number,
  ): Promise<Result<{ readonly arrivals: readonly Fetched[]; readonly next: number }, UniverseFailure>> {
    const { batch, batchBytes, questions } = this.#limits;
    const arrivals: Fetched[] = [];
    let [next, bytes] = [from, 0];
    let failure: UniverseFailure | null = null;
    const ask = async (): Promise<void> => {
      while (next < keys.length && next - from < batch && bytes < batchBytes && failure === null) {
        const key = keys[next++] as LeafKey;
        const fetched = await this.#fetchOne(tree, key);
        if (!fetched.ok && OF_ONE_LEAF.has(fetched.failure.code)) this.#refuse(key, fetched.failure);
        else if (!fetched.ok) failure ??= fetched.failure;
        else {
          arrivals.push(fetched.value);
          bytes += fetched.value.raw.length;
        }
      }
    };
    await Promise.all(Array.from({ length: questions }, ask));
    return failure === null ? ok({ arrivals, next }) : fail(failure);
  }

  /** One leaf, shown to be in the tree that the other told of. */
  async #fetchOne(tree: Tree, key: LeafKey): Promise<Result<Fetched, UniverseFailure>> {
    const { id } = tree;
    const answer = await this.#remote.query(id, key);
    // One leaf that cannot be read does not hold the others up.
    if (!answer.ok) return answer.failure.code === 'PROTOCOL' ? fail({ code: 'INVALID', message: answer.failure.message }) : answer;
    const place = formatOutPoint(key.outPoint);
    if (answer.value === null) return fail(protocol(`the universe has not the leaf at ${place} that it told of`));
    const found = answer.value;
    if (found.proof.length > this.#local.limits.leafBytes)
      return fail({ code: 'TOO_LARGE', message: `a leaf of ${found.proof.length} bytes` });
    if (!(await this.#isExpected(tree, found))) return fail(protocol(`the answer for ${place} is of another tree`));
    const arrival = arrivalOf(found.proof);
    if (!arrival.ok) return fail({ code: 'INVALID', message: arrival.failure.message });
    const { amount } = arrival.value.proof.asset;
    const proved = { id, root: found.root.root, key, amount, proof: found.proof, inclusionProof: found.inclusionProof };
    if (!isIncluded(proved)) return fail(protocol(`the leaf at ${place} is not in the tree that the universe told of`));
    const leaf = leafOf(arrival.value.proof, arrival.value.raw);
    if (!equal(leafTreeKey(leaf), leafTreeKey(key))) return fail({ code: 'INVALID', message: `the leaf at ${place} belongs elsewhere` });
    return ok({ ...arrival.value, leaf });
  }

  /** A tree may grow while it is read: then the other's root is what it says now. */
  async #isExpected(tree: Tree, found: UniverseProof): Promise<boolean> {
    if (!sameUniverse(found.root.id, tree.id)) return false;
    const isKnown = (): boolean => tree.roots.some((root) => isSameRoot(root, found.root.root));
    if (isKnown()) return true;
    if (tree.roots.length > MAX_ROOTS) return false;
    const now = await this.#remote.root(tree.id);
    if (now.ok && now.value !== null) tree.roots.push(now.value.root);
    return isKnown();
  }

  #refuse(key: LeafKey, failure: UniverseFailure): void {
    this.#refused.push({ key, failure });
    this.#refusedInAll += 1;
  }
}

interface Tree {
  readonly id: UniverseId;
  /** Of the tree as it was told of, and as it has become since. */
  readonly roots: NodeRef[];
}

/** So often a tree may change while it is read. */
const MAX_ROOTS = 100;
/** Of one leaf, and not of the universe that has it. */
const OF_ONE_LEAF: ReadonlySet<UniverseFailure['code']> = new Set(['INVALID', 'TOO_LARGE', 'REFUSED']);

interface Fetched extends Arrival {
  readonly leaf: UniverseLeaf;
}

const isSameRoot = (a: NodeRef, b: NodeRef): boolean => a.sum === b.sum && equal(a.hash, b.hash);
export const ended = (): UniverseFailure => ({ code: 'TIMEOUT', message: 'the time is over' });
