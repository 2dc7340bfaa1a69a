import { ZERO32 } from '../../asset/genesis.ts';
import type { ByteSource } from '../../asset/proof/file.ts';
import type { AssetSnapshot, ProofFailure } from '../../asset/proof/verify.ts';
import { verifySteps } from '../../asset/proof/verify-file.ts';
import { type Bytes, EMPTY } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { ProofFacts } from '../../io/chain/proof-facts.ts';
import type { ChainFailure, ChainSource } from '../../io/chain/source.ts';
import { checkScripts } from '../../io/regtest/scripts.ts';
import { AppError } from '../error.ts';
import { chainError } from '../node/chain-driver.ts';

export interface CheckedFile {
  readonly transitions: number;
  /** The hash at the end of the file, which says all that is in it. */
  readonly hash: Bytes;
  /** Its first and its last transition as they stand in it. */
  readonly first: Bytes;
  readonly last: Bytes;
  readonly snapshot: AssetSnapshot;
}

/** After so long the loop turns, so that a daemon does its other work while it verifies a long file. */
const TURN_MS = 20;

/**
 * Verifies a proof file wholly: every transition, its signatures, and that the chain of this node holds it. One transition is in memory at a
 * time. What a proof does wrong comes back; throws AppError where the chain cannot be asked.
 */
export async function checkFile(
  source: ByteSource,
  part: { readonly chain: ChainSource; readonly isKnownGroup: (groupKey: Bytes) => boolean; readonly signal?: AbortSignal },
): Promise<Result<CheckedFile, ProofFailure>> {
  const facts = new ProofFacts(part.chain);
  const { isKnownGroup } = part;
  const steps = verifySteps(source, { interpreter: checkScripts, chain: facts.times, isInChain: facts.claim, isKnownGroup });
  let [transitions, hash, turned] = [0, ZERO32, performance.now()];
  let [first, last] = [EMPTY, EMPTY];
  for (;;) {
    const { value, done } = steps.next();
    if (done === true) {
      if (!value.ok) return value;
      const other = answered(await facts.firstFalseClaim());
      return other === null ? ok({ transitions, hash, first, last, snapshot: value.value }) : fail(other);
    }
    answered(await facts.lookUp(value.proof));
    // A file of another network is refused by its first block, before any work is spent on it.
    if (transitions === 0) {
      const foreign = answered(await facts.falseClaim(value.proof.blockHeader, value.proof.blockHeight));
      if (foreign !== null) return fail(foreign);
    }
    hash = value.hash;
    if (transitions === 0) first = value.raw;
    last = value.raw;
    transitions += 1;
    if (performance.now() - turned < TURN_MS) continue;
    await new Promise(setImmediate);
    part.signal?.throwIfAborted();
    turned = performance.now();
  }
}

/** Throws AppError where the chain could not be asked. */
function answered<T>(answer: Result<T, ChainFailure>): T {
  if (!answer.ok) throw chainError(answer.failure);
  return answer.value;
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
