import { bytesSource, readFile, writeFile } from '../../asset/proof/file.ts';
import { decodeProof, isProof, type Proof } from '../../asset/proof/proof.ts';
import type { AssetSnapshot, ProofFailure } from '../../asset/proof/verify.ts';
import { chainFactsOfFile, verifyFile } from '../../asset/proof/verify-file.ts';
import type { ChainTimes } from '../../asset/vm/lock-time.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
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
  readonly transitions: readonly Bytes[];
  readonly proofs: readonly Proof[];
  readonly snapshot: AssetSnapshot;
}

/** A proof file as it came: a file, or the one proof of a minting alone. Throws MALFORMED. */
export function asFile(bytes: Bytes): Bytes {
  return isProof(bytes) ? writeFile([bytes]) : bytes;
}

/**
 * Verifies a proof file wholly: every transition, its signatures, and that the chain of this node holds it. What a proof does wrong comes back;
 * throws AppError where the chain cannot be asked.
 */
export async function checkFile(
  bytes: Bytes,
  part: { readonly chain: ChainSource; readonly isKnownGroup: (groupKey: Bytes) => boolean },
): Promise<Result<CheckedFile, ProofFailure>> {
  const read = readFile(bytes);
  if (!read.ok) return read;
  const proofs: Proof[] = [];
  for (const raw of read.value) {
    const proof = decodeProof(raw);
    if (!proof.ok) return proof;
    proofs.push(proof.value);
  }
  const chain = await chainFacts(bytes, proofs, part.chain);
  const verified = verifyFile(bytesSource(bytes), {
    interpreter: checkScripts,
    chain: chain.times,
    isInChain: chain.isInChain,
    isKnownGroup: part.isKnownGroup,
  });
  if (!verified.ok) return fail(verified.failure);
  return ok({ transitions: read.value, proofs, snapshot: verified.value });
}

interface ChainFacts {
  readonly isInChain: (header: BlockHeader, height: number) => boolean;
  readonly times: ChainTimes;
}

/** Looks up what the verification will ask. */
async function chainFacts(file: Bytes, proofs: readonly Proof[], source: ChainSource): Promise<ChainFacts> {
  const hashes = new Map<number, string>();
  for (const fact of chainFactsOfFile(bytesSource(file))) {
    if (hashes.has(fact.height)) continue;
    const hash = await source.blockHash(height(fact.height));
    if (!hash.ok) throw chainError(hash.failure);
    hashes.set(fact.height, hash.value === null ? '' : toHex(hash.value));
  }
  const heights = new Map(proofs.map((proof) => [toHex(txId(proof.anchorTx)), proof.blockHeight]));
  const medians = new Map<number, number>();
  for (const { asset, blockHeight } of proofs)
    if (asset.lockTime > 0n || asset.relativeLockTime > 0n)
      for (const at of [blockHeight, ...heights.values()]) if (!medians.has(at)) medians.set(at, await medianTime(source, at));
  return {
    isInChain: (header, at) => hashes.get(at) === toHex(blockHash(header)),
    times: { txHeight: (id) => heights.get(toHex(id)) ?? null, medianTime: (at) => medians.get(at) ?? null },
  };
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

export const sameHash = (a: Bytes, b: Bytes): boolean => equal(a, b);
