import { splitOf, witnessesOf } from '../../asset/asset.ts';
import { ZERO32 } from '../../asset/genesis.ts';
import { type ByteSource, hashProof } from '../../asset/proof/file.ts';
import type { Proof } from '../../asset/proof/proof.ts';
import type { AssetSnapshot, ProofFailure } from '../../asset/proof/verify.ts';
import { nestedProofs, verifySteps } from '../../asset/proof/verify-file.ts';
import { type ChainTimes, usesLockTime } from '../../asset/vm/lock-time.ts';
import { type Bytes, toHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { height } from '../../base/units.ts';
import { type BlockHeader, blockHash } from '../../bitcoin/block.ts';
import { txId } from '../../bitcoin/tx.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import { checkScripts } from '../../io/regtest/scripts.ts';
import { AppError } from '../error.ts';
import { chainError } from '../node/chain-driver.ts';

/** BIP 113: the blocks whose middle time counts. */
const MEDIAN_SPAN = 11;

export interface CheckedFile {
  readonly transitions: number;
  /** The hash at the end of the file, which says all that is in it. */
  readonly hash: Bytes;
  readonly snapshot: AssetSnapshot;
}

/** After so long the loop turns, so that a daemon does its other work while it verifies a long file. */
const TURN_MS = 20;
/** Questions to the chain that wait at once. */
const IN_FLIGHT = 8;

/**
 * Verifies a proof file wholly: every transition, its signatures, and that the chain of this node holds it. One transition is in memory at a
 * time. What a proof does wrong comes back; throws AppError where the chain cannot be asked.
 */
export async function checkFile(
  source: ByteSource,
  part: { readonly chain: ChainSource; readonly isKnownGroup: (groupKey: Bytes) => boolean; readonly signal?: AbortSignal },
): Promise<Result<CheckedFile, ProofFailure>> {
  const facts = new ChainFacts(part.chain);
  const { isKnownGroup } = part;
  const steps = verifySteps(source, { interpreter: checkScripts, chain: facts.times, isInChain: facts.claim, isKnownGroup });
  let [transitions, hash, turned] = [0, ZERO32, performance.now()];
  for (;;) {
    const { value, done } = steps.next();
    if (done === true) {
      if (!value.ok) return value;
      const other = await facts.firstFalseClaim();
      return other === null ? ok({ transitions, hash, snapshot: value.value }) : fail(other);
    }
    await facts.lookUp(value.proof);
    // A file of another network is refused by its first block, before any work is spent on it.
    if (transitions === 0) {
      const foreign = await facts.falseClaim(value.proof.blockHeader, value.proof.blockHeight);
      if (foreign !== null) return fail(foreign);
    }
    hash = hashProof(hash, value.raw);
    transitions += 1;
    if (performance.now() - turned < TURN_MS) continue;
    await new Promise(setImmediate);
    part.signal?.throwIfAborted();
    turned = performance.now();
  }
}

/** What the verification asks of the chain: blocks are noted as the proofs claim them and looked up together at the end, times beforehand. */
class ChainFacts {
  readonly #source: ChainSource;
  readonly #claims = new Map<number, string>();
  readonly #heights = new Map<string, number>();
  readonly #medians = new Map<number, number>();

  constructor(source: ChainSource) {
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

  async lookUp(newest: Proof): Promise<void> {
    for (const proof of nestedProofs(newest)) {
      this.#heights.set(toHex(txId(proof.anchorTx)), proof.blockHeight);
      for (const at of this.#timesFor(proof)) if (!this.#medians.has(at)) this.#medians.set(at, await medianTime(this.#source, at));
    }
  }

  /** BIP 68: seconds count from the median time of the block before the input's. */
  #timesFor({ asset, blockHeight }: Proof): readonly number[] {
    const locked = splitOf(asset)?.rootAsset ?? asset;
    if (!usesLockTime(asset) && !usesLockTime(locked)) return [];
    const inputs = witnessesOf(asset).flatMap(({ prevId }) => (prevId === null ? [] : (this.times.txHeight(prevId.outPoint.txid) ?? [])));
    return [blockHeight, ...inputs.map((at) => Math.max(0, at - 1))];
  }

  async falseClaim(header: BlockHeader, at: number): Promise<ProofFailure | null> {
    return this.#isFalse(at, toHex(blockHash(header)));
  }

  async firstFalseClaim(): Promise<ProofFailure | null> {
    const claims = this.#claims.entries();
    let found: ProofFailure | null = null;
    const ask = async (): Promise<void> => {
      for (const [at, hash] of claims) found ??= await this.#isFalse(at, hash);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, ask));
    return found;
  }

  async #isFalse(at: number, claimed: string): Promise<ProofFailure | null> {
    const hash = await this.#source.blockHash(height(at));
    if (!hash.ok) throw chainError(hash.failure);
    if (hash.value !== null && toHex(hash.value) === claimed) return null;
    return { code: 'NOT_IN_CHAIN', message: `the chain has another block at ${at}` };
  }
}

async function medianTime(source: ChainSource, at: number): Promise<number> {
  const times: number[] = [];
  for (let each = Math.max(0, at - MEDIAN_SPAN + 1); each <= at; each++) {
    const hash = await source.blockHash(height(each));
    if (!hash.ok) throw chainError(hash.failure);
    const header = hash.value === null ? null : await source.header(hash.value);
    if (header !== null && !header.ok) throw chainError(header.failure);
    if (header?.value != null) times.push(header.value.time);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1] ?? 0;
}

/** The error of a file that proves nothing. */
export function proofError(failure: ProofFailure): AppError {
  const [code, details] = [codeOf(failure), { reason: failure.code }];
  return new AppError({ code, message: `the proof is not valid: ${failure.message}`, details, ...hintOf(failure) });
}

function codeOf({ code }: ProofFailure): 'MALFORMED' | 'CHECKSUM' | 'BAD_SIGNATURE' | 'WRONG_NETWORK' {
  if (code === 'CHECKSUM') return 'CHECKSUM';
  if (code === 'NOT_IN_CHAIN') return 'WRONG_NETWORK';
  return code === 'INVALID_WITNESS' ? 'BAD_SIGNATURE' : 'MALFORMED';
}

function hintOf({ code }: ProofFailure): { readonly hint?: string } {
  if (code === 'NOT_IN_CHAIN') return { hint: 'it is of another network, or its block was reorganised away: ask for a new one' };
  return code === 'GROUP_KEY_UNKNOWN' ? { hint: "import the proof of the group's first asset first" } : {};
}
