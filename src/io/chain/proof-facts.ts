import { splitOf, witnessesOf } from '../../asset/asset.ts';
import type { Proof } from '../../asset/proof/proof.ts';
import type { ProofFailure } from '../../asset/proof/verify.ts';
import { nestedProofs } from '../../asset/proof/verify-file.ts';
import { type ChainTimes, usesBlockTimes } from '../../asset/vm/lock-time.ts';
import { toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Height, height } from '../../base/units.ts';
import { type BlockHeader, blockHash } from '../../bitcoin/block.ts';
import { txId } from '../../bitcoin/tx.ts';
import type { ChainFailure, ChainSource } from './source.ts';

/** BIP 113: the blocks whose middle time counts. */
const MEDIAN_SPAN = 11;
/** For one transition with those in its further inputs, none of which is verified yet. Each time takes 22 questions to the chain. */
const MOST_TIMES = 64;
/** Questions to the chain that wait at once. */
const IN_FLIGHT = 8;

/** Of a chain what proofs ask. */
export type ProofChain = Pick<ChainSource, 'blockHash' | 'header'>;

/**
 * The chain as it is while a few proofs are verified together: each block is asked for once. `heights` are asked for at once, so that a backend
 * far away costs one wait and not one for each proof.
 */
export async function rememberedChain(source: ProofChain, heights: Iterable<number>): Promise<ProofChain> {
  const answers = new Map<number, ReturnType<ProofChain['blockHash']>>();
  const blockHash = (at: Height): ReturnType<ProofChain['blockHash']> => {
    const there = answers.get(at) ?? source.blockHash(at);
    answers.set(at, there);
    return there;
  };
  const waiting = new Set(heights).values();
  const ask = async (): Promise<void> => {
    for (const at of waiting) await blockHash(height(at));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, ask));
  return { blockHash, header: (hash) => source.header(hash) };
}

/**
 * What the verification of asset proofs asks of the chain: blocks are noted as the proofs claim them and looked up together at the end, times
 * beforehand.
 */
export class ProofFacts {
  readonly #source: ProofChain;
  readonly #claims = new Map<number, string>();
  readonly #heights = new Map<string, number>();
  readonly #medians = new Map<number, number>();

  constructor(source: ProofChain) {
    this.#source = source;
  }

  /** False where another block was claimed at this height. */
  readonly claim = (header: BlockHeader, at: number): boolean => {
    const hash = toHex(blockHash(header));
    const before = this.#claims.get(at);
    if (before === undefined) this.#claims.set(at, hash);
    return before === undefined || before === hash;
  };
  readonly times: ChainTimes = {
    txHeight: (id) => this.#heights.get(toHex(id)) ?? null,
    medianTime: (at) => this.#medians.get(at) ?? null,
  };

  /** Notes where a transition stands that will be spent by a later one. */
  note(proof: Proof): void {
    this.#heights.set(toHex(txId(proof.anchorTx)), proof.blockHeight);
  }

  /** Before a transition is verified: the times that its locks ask for. Beyond MOST_TIMES they stay unknown, and the locks do not hold. */
  async lookUp(newest: Proof): Promise<Result<null, ChainFailure>> {
    let asked = 0;
    for (const proof of nestedProofs(newest)) {
      this.note(proof);
      for (const at of this.#timesFor(proof)) {
        if (this.#medians.has(at) || asked === MOST_TIMES) continue;
        asked += 1;
        const median = await medianTime(this.#source, at);
        if (!median.ok) return fail(median.failure);
        this.#medians.set(at, median.value);
      }
    }
    return ok(null);
  }

  /** BIP 68: seconds count from the median time of the block before the input's. */
  #timesFor({ asset, blockHeight }: Proof): readonly number[] {
    const locked = splitOf(asset)?.rootAsset ?? asset;
    if (!usesBlockTimes(asset) && !usesBlockTimes(locked)) return [];
    const inputs = witnessesOf(asset).flatMap(({ prevId }) => (prevId === null ? [] : (this.times.txHeight(prevId.outPoint.txid) ?? [])));
    return [blockHeight, ...inputs.map((at) => Math.max(0, at - 1))];
  }

  /** What is wrong where the chain has another block; null where it has this one. */
  async falseClaim(header: BlockHeader, at: number): Promise<Result<ProofFailure | null, ChainFailure>> {
    return this.#isFalse(at, toHex(blockHash(header)));
  }

  /** The same for all blocks that were claimed. */
  async firstFalseClaim(): Promise<Result<ProofFailure | null, ChainFailure>> {
    const claims = this.#claims.entries();
    let found: Result<ProofFailure | null, ChainFailure> = ok(null);
    const isOpen = (): boolean => found.ok && found.value === null;
    const ask = async (): Promise<void> => {
      for (const [at, hash] of claims) {
        if (!isOpen()) return;
        const answer = await this.#isFalse(at, hash);
        if (isOpen()) found = answer;
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, ask));
    return found;
  }

  async #isFalse(at: number, claimed: string): Promise<Result<ProofFailure | null, ChainFailure>> {
    const hash = await this.#source.blockHash(height(at));
    if (!hash.ok) return hash;
    if (hash.value !== null && toHex(hash.value) === claimed) return ok(null);
    return ok({ code: 'NOT_IN_CHAIN', message: `the chain has another block at ${at}` });
  }
}

async function medianTime(source: ProofChain, at: number): Promise<Result<number, ChainFailure>> {
  const times: number[] = [];
  for (let each = Math.max(0, at - MEDIAN_SPAN + 1); each <= at; each++) {
    const hash = await source.blockHash(height(each));
    if (!hash.ok) return hash;
    const header = hash.value === null ? null : await source.header(hash.value);
    if (header !== null && !header.ok) return header;
    if (header?.value != null) times.push(header.value.time);
  }
  times.sort((a, b) => a - b);
  return ok(times[times.length >> 1] ?? 0);
}
