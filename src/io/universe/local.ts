import { isGenesisAsset } from '../../asset/asset.ts';
import { previousLeaf, type UniverseLeaf } from '../../asset/courier.ts';
import { assetId } from '../../asset/genesis.ts';
import type { NodeRef } from '../../asset/mssmt/node.ts';
import { decodeProof, type Proof } from '../../asset/proof/proof.ts';
import { type ProofFailure, type Standing, type VerifyEnv, verifyProof } from '../../asset/proof/verify.ts';
import { type Arrival, arrivalOf } from '../../asset/universe/diff.ts';
import { leafKeyOf, leafTreeKey, type ProofType, universeIdOf } from '../../asset/universe/id.ts';
import { must } from '../../base/assert.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { height } from '../../base/units.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { type ProofChain, ProofFacts, rememberedChain } from '../chain/proof-facts.ts';
import type { ChainSource } from '../chain/source.ts';
import { checkScripts } from '../regtest/scripts.ts';
import type { LeafKey, Page, Universe, UniverseFailure, UniverseId, UniverseProof, UniverseRoot } from './contract.ts';
import type { UniverseDatabase } from './database.ts';
import {
  countLeaves,
  findLeaf,
  findUniverse,
  isGroupStored,
  isSameBlock,
  listLeafKeys,
  listUniverses,
  multiverseRoot,
  proveLeaf,
  writeLeaves,
} from './leaves.ts';
import { SumOverflow } from './trees.ts';
import { invalid, lastOf, mismatch, refuse, TURN_MS, unproven, verifyInTurns } from './verify-leaf.ts';

export interface UniverseLimits {
  /** Of one transition. Those with further inputs carry the files of these. */
  readonly leafBytes: number;
  /** Inserts that are verified at one time, by number and by size. */
  readonly inserts: number;
  readonly insertBytes: number;
  /** Of the file: beyond it others' inserts are refused. */
  readonly fileBytes: number;
  /** Answers of one page. */
  readonly page: number;
}

const MIB = 1024 * 1024;
export const UNIVERSE_LIMITS: UniverseLimits = {
  ...{ leafBytes: 16 * MIB, inserts: 64, insertBytes: 64 * MIB },
  ...{ fileBytes: 64 * 1024 * MIB, page: 512 },
};

export interface LocalUniverseOptions {
  readonly database: UniverseDatabase;
  /** What a proof is checked against; null: nothing new is taken in. */
  readonly chain: ChainSource | null;
  /** Unix seconds. */
  readonly now: () => number;
  /** Groups that are known from elsewhere: those of the wallet. */
  readonly isKnownGroup?: (groupKey: Bytes) => boolean;
  readonly limits?: Partial<UniverseLimits>;
}

/** Whose leaves these are: those that were inserted here are pushed to the federation, those that a sync brought are not. */
export type Origin = 'inserted' | 'synced';

/** Our own universe: `universe.db`, and the chain that every proof is verified against before it is stored. */
export class LocalUniverse implements Universe {
  readonly database: UniverseDatabase;
  readonly limits: UniverseLimits;
  readonly #options: LocalUniverseOptions;
  #inserts = 0;
  #insertBytes = 0;

  constructor(options: LocalUniverseOptions) {
    this.#options = options;
    this.database = options.database;
    this.limits = { ...UNIVERSE_LIMITS, ...options.limits };
  }

  async roots(page: Page): Promise<Result<readonly UniverseRoot[], UniverseFailure>> {
    return ok(listUniverses(this.database, this.#page(page)).map(({ row: _, ...root }) => root));
  }

  async root(id: UniverseId): Promise<Result<UniverseRoot | null, UniverseFailure>> {
    const found = findUniverse(this.database, id);
    if (found === null) return ok(null);
    const { row: _, ...root } = found;
    return ok(root);
  }

  /** Of the tree over all universes of one proof type; null where there is none yet. */
  multiverseRoot(proofType: ProofType): NodeRef | null {
    return multiverseRoot(this.database, proofType);
  }

  async leafKeys(id: UniverseId, page: Page): Promise<Result<readonly LeafKey[], UniverseFailure>> {
    const found = findUniverse(this.database, id);
    return ok(found === null ? [] : listLeafKeys(this.database, found.row, this.#page(page)));
  }

  async query(id: UniverseId, key: LeafKey): Promise<Result<UniverseProof | null, UniverseFailure>> {
    return ok(proveLeaf(this.database, id, key));
  }

  /** How many leaves a tree has. */
  leafCount(id: UniverseId): number {
    const found = findUniverse(this.database, id);
    return found === null ? 0 : countLeaves(this.database, found.row);
  }

  /** Others' inserts: refused while as many as the limits say are verified. */
  async insert(leaf: UniverseLeaf): Promise<Result<UniverseProof, UniverseFailure>> {
    const size = leaf.proof.length;
    const refused = this.#take(size);
    if (refused !== null) return fail(refused);
    try {
      const [result] = await this.insertMany([leaf]);
      if (result === undefined || !result.ok) return result ?? refuse('REFUSED', 'nothing to insert');
      const { id, key } = result.value;
      const proof = proveLeaf(this.database, id, key);
      return proof === null ? refuse('REFUSED', 'the leaf was removed meanwhile') : ok(proof);
    } finally {
      this.#inserts -= 1;
      this.#insertBytes -= size;
    }
  }

  /**
   * Verifies the leaves in their order, each also against those before it, and stores all that hold in one transaction. What was there already
   * is answered as stored. For own work, which bounds itself.
   */
  async insertMany(leaves: readonly UniverseLeaf[], origin: Origin = 'inserted'): Promise<readonly Result<StoredPlace, UniverseFailure>[]> {
    // What others have to give is bounded as what they insert is.
    const full = origin === 'synced' ? this.#full() : null;
    if (full !== null) return leaves.map(() => fail(full));
    const looks = leaves.map((leaf) => this.#look(leaf));
    const fresh = looks.flatMap((look) => (look.ok && !look.value.isThere ? [look.value.arrival] : []));
    const { chain } = this.#options;
    const heights = fresh.map(({ proof }) => proof.blockHeight);
    const remembered = chain === null ? null : await rememberedChain(chain, heights);
    const batch: Batch = { byKey: new Map(), groups: new Set(), arrivals: [], chain: remembered };
    const results: Result<StoredPlace, UniverseFailure>[] = [];
    for (let [i, turned] = [0, performance.now()]; i < looks.length; i++) {
      results.push(await this.#check(looks[i] as Look, batch));
      if (performance.now() - turned < TURN_MS) continue;
      await new Promise(setImmediate);
      turned = performance.now();
    }
    const fault = this.#store(batch.arrivals, origin);
    if (fault === null) return results;
    return results.map((result) => (result.ok && result.value.isNew ? fail(fault) : result));
  }

  #store(arrivals: readonly Arrival[], origin: Origin): UniverseFailure | null {
    if (arrivals.length === 0) return null;
    try {
      writeLeaves(this.database, arrivals, { now: this.#options.now(), origin });
      return null;
    } catch (error) {
      if (error instanceof SumOverflow) return { code: 'REFUSED', message: error.message };
      throw error;
    }
  }

  /** Sizes and names first, and what is stored: nothing that takes time. */
  #look(leaf: UniverseLeaf): Look {
    const { leafBytes } = this.limits;
    if (leaf.proof.length > leafBytes) return refuse('TOO_LARGE', `a leaf of ${leaf.proof.length} bytes; ${leafBytes} are taken`);
    const decoded = arrivalOf(leaf.proof);
    if (!decoded.ok) return refuse('INVALID', decoded.failure.message);
    const arrival = decoded.value;
    const wrong = mismatch(leaf, arrival.proof);
    if (wrong !== null) return refuse('INVALID', wrong);
    const there = findLeaf(this.database, universeIdOf(arrival.proof), arrival.key);
    // Leaves are named without the asset: two assets of a group under one key at one output have one place between them.
    if (there !== null && !equal(there.assetId, leaf.assetId)) return refuse('REFUSED', TAKEN);
    // Only a reorganisation gives a transition another proof.
    return ok({ arrival, isThere: there !== null && isSameBlock(there, arrival) });
  }

  /** Then the chain, and last the signatures. */
  async #check(look: Look, batch: Batch): Promise<Result<StoredPlace, UniverseFailure>> {
    if (!look.ok) return look;
    const { arrival, isThere } = look.value;
    const [id, { key }] = [universeIdOf(arrival.proof), arrival];
    if (isThere) return ok({ id, key, isNew: false });
    const waiting = batch.byKey.get(placeKey(id.of, key));
    const [own, other] = [assetId(arrival.proof.asset.genesis), waiting === undefined ? null : assetId(waiting.proof.asset.genesis)];
    if (other !== null && !equal(own, other)) return refuse('REFUSED', TAKEN);
    const verified = await this.#verify(arrival, batch);
    if (!verified.ok) return verified;
    batch.arrivals.push(arrival);
    batch.byKey.set(placeKey(id.of, key), arrival);
    const { groupKey } = arrival.proof.asset;
    if (arrival.proof.groupKeyReveal !== null && groupKey !== null) batch.groups.add(toHex(groupKey.subarray(1)));
    return ok({ id, key, isNew: true });
  }

  async #verify(arrival: Arrival, batch: Batch): Promise<Result<null, UniverseFailure>> {
    const { chain } = batch;
    if (chain === null) return refuse('REFUSED', 'this universe is open for reading only');
    const { proof } = arrival;
    const previous = this.#previous(proof, batch);
    if (!previous.ok) return previous;
    const block = await chain.blockHash(height(proof.blockHeight));
    if (!block.ok) return refuse('UNREACHABLE', block.failure.message);
    // Who inserts may see a block sooner than our backend does.
    if (block.value === null) return refuse('UNKNOWN_PREDECESSOR', `our chain has no block ${proof.blockHeight} yet`);
    const facts = new ProofFacts(chain);
    // A leaf of another network is refused by its block, before any work is spent on it.
    const foreign = await facts.falseClaim(proof.blockHeader, proof.blockHeight);
    if (!foreign.ok || foreign.value !== null) return unproven(foreign);
    if (previous.value !== null) facts.note(previous.value.proof);
    const times = await facts.lookUp(proof);
    if (!times.ok) return unproven(times);
    const isKnownGroup = (groupKey: Bytes): boolean =>
      batch.groups.has(toHex(groupKey.subarray(1))) ||
      isGroupStored(this.database, groupKey) ||
      this.#options.isKnownGroup?.(groupKey) === true;
    const common = { interpreter: checkScripts, chain: facts.times, isInChain: facts.claim, isKnownGroup };
    const inputs = new Map<Bytes, Result<Standing, ProofFailure>>();
    for (const file of proof.additionalInputs) inputs.set(file, this.#storedInput(file) ?? (await verifyInTurns(file, common)));
    const env: VerifyEnv = { ...common, verifyInput: (file) => must(inputs.get(file), 'a further input that was verified') };
    const verified = verifyProof(proof, previous.value?.standing ?? null, env);
    return verified.ok ? unproven(await facts.firstFalseClaim()) : invalid(verified.failure);
  }

  /** The transition whose asset this one spends, which was verified when it was stored. */
  #previous(proof: Proof, batch: Batch): Result<Previous | null, UniverseFailure> {
    if (isGenesisAsset(proof.asset)) return ok(null);
    const locator = previousLeaf(proof);
    if (locator === null) return refuse('INVALID', 'a transfer that spends nothing');
    const { of } = universeIdOf(proof);
    const waiting = batch.byKey.get(placeKey(of, locator));
    const before = waiting?.proof ?? this.#stored(of, locator);
    if (before === null || !equal(assetId(before.asset.genesis), locator.assetId))
      return refuse('UNKNOWN_PREDECESSOR', `the transition that made ${formatOutPoint(locator.outPoint)} is not in this universe`);
    return ok({ proof: before, standing: { asset: before.asset, outPoint: locator.outPoint } });
  }

  #stored(of: UniverseId['of'], key: LeafKey): Proof | null {
    const leaf = findLeaf(this.database, { proofType: 'transfer', of }, key) ?? findLeaf(this.database, { proofType: 'issuance', of }, key);
    const proof = leaf === null ? null : decodeProof(leaf.proof);
    return proof?.ok === true ? proof.value : null;
  }

  /** The end of a further input's file, where this very transition was verified and stored before; null: the file must be verified. */
  #storedInput(file: Bytes): Result<Standing, ProofFailure> | null {
    const last = lastOf(file);
    const proof = last === null ? null : decodeProof(last);
    if (last === null || proof?.ok !== true) return null;
    const key = leafKeyOf(proof.value);
    const leaf = findLeaf(this.database, universeIdOf(proof.value), key);
    return leaf !== null && equal(leaf.proof, last) ? ok({ asset: proof.value.asset, outPoint: key.outPoint }) : null;
  }

  #take(size: number): UniverseFailure | null {
    const { inserts, insertBytes } = this.limits;
    const full = this.#full();
    if (full !== null) return full;
    // One alone is always taken, or a large one never would be.
    if (this.#inserts > 0 && (this.#inserts >= inserts || this.#insertBytes + size > insertBytes))
      return { code: 'REFUSED', message: `${this.#inserts} leaves of ${this.#insertBytes} bytes are being verified: try again` };
    this.#inserts += 1;
    this.#insertBytes += size;
    return null;
  }

  #full(): UniverseFailure | null {
    const { fileBytes } = this.limits;
    return this.database.size > fileBytes ? { code: 'REFUSED', message: `this universe is full: it takes ${fileBytes} bytes` } : null;
  }

  #page({ offset, limit }: Page): Page {
    return { offset: Math.max(0, Math.trunc(offset)), limit: Math.max(1, Math.min(this.limits.page, Math.trunc(limit))) };
  }
}

/** Where a leaf is now. */
export interface StoredPlace {
  readonly id: UniverseId;
  readonly key: LeafKey;
  /** False: it was there before. */
  readonly isNew: boolean;
}

type Look = Result<{ readonly arrival: Arrival; readonly isThere: boolean }, UniverseFailure>;

const TAKEN = 'another asset of the group stands under this outpoint and key';

/** Verified and not yet stored. */
interface Batch {
  readonly chain: ProofChain | null;
  readonly byKey: Map<string, Arrival>;
  readonly groups: Set<string>;
  readonly arrivals: Arrival[];
}

interface Previous {
  readonly proof: Proof;
  readonly standing: Standing;
}

const placeKey = (of: UniverseId['of'], key: LeafKey): string =>
  `${toHex(of.kind === 'asset' ? of.assetId : of.groupKey.subarray(1))}-${toHex(leafTreeKey(key))}`;
