import { assert, must } from '../../base/assert.ts';
import { type Bytes, compare, EMPTY } from '../../base/bytes.ts';
import type { Preimage } from '../../base/ids.ts';
import type { Sat } from '../../base/units.ts';
import { SIGHASH, sighashV0 } from '../../bitcoin/sighash.ts';
import { witnessSignature } from '../../bitcoin/sign.ts';
import { type Tx, withWitness } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256d } from '../../crypto/hash.ts';
import type { BuiltCommitment, BuiltHtlc, CommitmentFormat, CommitmentParams } from './commitment.ts';
import { derivePrivateKey } from './keys.ts';

export { fundingScript } from './scripts.ts';

// Signatures here are 64 bytes r || s with low s. A commitment is signed by both sides; its HTLC transactions too, the other side's
// signatures being sent with `commitment_signed`.

/** What both sides sign for a commitment, 32 bytes. */
export const commitmentSighash = (built: BuiltCommitment, params: CommitmentParams): Bytes =>
  sighashV0({ tx: built.tx, index: 0, scriptCode: built.fundingWitnessScript, amount: params.capacity, hashType: SIGHASH.ALL });

/** With either side's funding key. */
export const signCommitment = (built: BuiltCommitment, params: CommitmentParams, fundingKey: Bytes): Bytes =>
  secp.sign(commitmentSighash(built, params), fundingKey);

/** `fundingPubkey` is the signer's. False for high s too. */
export const verifyCommitmentSignature = (
  built: BuiltCommitment,
  params: CommitmentParams,
  fundingPubkey: Bytes,
  signature: Bytes,
): boolean => secp.verify(signature, commitmentSighash(built, params), fundingPubkey);

/**
 * The other side's signatures of the HTLC transactions, in the order of `htlc_signature` in `commitment_signed`.
 * `htlcBasepointSecret` is that of `params.other`; the key of this commitment is derived here.
 */
export function signHtlcs(built: BuiltCommitment, params: CommitmentParams, htlcBasepointSecret: Bytes): readonly Bytes[] {
  if (built.htlcs.length === 0) return [];
  const key = derivePrivateKey(htlcBasepointSecret, built.keys.perCommitmentPoint);
  const hashes = htlcSighashes(built, params);
  return built.htlcs.map((_, i) => secp.sign(hashes.subarray(32 * i, 32 * i + 32), key));
}

/** Whether these are `params.other`'s signatures of all HTLC transactions, in order and in number. */
export function verifyHtlcSignatures(built: BuiltCommitment, params: CommitmentParams, signatures: readonly Bytes[]): boolean {
  if (signatures.length !== built.htlcs.length) return false;
  const hashes = htlcSighashes(built, params);
  return signatures.every((signature, i) => secp.verify(signature, hashes.subarray(32 * i, 32 * i + 32), built.keys.otherHtlc));
}

/**
 * The hash type of the other side's HTLC signatures. BOLT 5: with option_anchors SIGHASH_SINGLE|SIGHASH_ANYONECANPAY, so that the owner can
 * add inputs that pay fees.
 */
export const htlcHashType = (format: CommitmentFormat): number =>
  format === 'anchors' ? SIGHASH.SINGLE | SIGHASH.ANYONECANPAY : SIGHASH.ALL;

/**
 * What the other side signs for each HTLC transaction, 32 bytes each, packed in order. BIP 143 written out for one input and one output:
 * one buffer serves all of them, and what they share is hashed once.
 */
export function htlcSighashes(built: BuiltCommitment, params: CommitmentParams): Bytes {
  const out = new Uint8Array(32 * built.htlcs.length);
  const first = built.htlcs[0];
  if (first === undefined) return out;
  const anchors = params.format === 'anchors';
  const buffer = new Uint8Array(PREIMAGE_ROOM);
  const view = new DataView(buffer.buffer);
  view.setUint32(0, 2, true);
  // 4: hashPrevouts, 36: hashSequence; both zero with ANYONECANPAY (with SINGLE, hashSequence is too).
  const sequence = anchors ? 1 : 0;
  if (!anchors) buffer.set(sha256d(Uint8Array.of(sequence, 0, 0, 0)), 36);
  buffer.set(must(first.htlcTx.inputs[0], 'one input').prevout.txid, 68);
  const outpoint = buffer.subarray(68, 104);
  const output = outputTemplate(first);
  const outputView = new DataView(output.buffer);
  let [hashedAmount, outputHash]: [bigint, Bytes] = [-1n, EMPTY];
  for (let i = 0; i < built.htlcs.length; i++) {
    const { htlcTx, witnessScript, outputIndex } = built.htlcs[i] as BuiltHtlc;
    view.setUint32(100, outputIndex, true);
    if (!anchors) buffer.set(sha256d(outpoint), 4);
    buffer[104] = witnessScript.length;
    buffer.set(witnessScript, 105);
    const at = 105 + witnessScript.length;
    view.setBigUint64(at, (built.tx.outputs[outputIndex] as Tx['outputs'][number]).amount, true);
    view.setUint32(at + 8, sequence, true);
    const paid = (htlcTx.outputs[0] as Tx['outputs'][number]).amount;
    if (paid !== hashedAmount) {
      // Outputs are ordered by amount, so equal ones follow each other.
      outputView.setBigUint64(0, paid, true);
      [hashedAmount, outputHash] = [paid, sha256d(output)];
    }
    // One output at the input's index: SINGLE and ALL hash the same bytes.
    buffer.set(outputHash, at + 12);
    view.setUint32(at + 44, htlcTx.locktime, true);
    view.setUint32(at + 48, htlcHashType(params.format), true);
    out.set(sha256d(buffer.subarray(0, at + 52)), 32 * i);
  }
  return out;
}

/** Fields of fixed size, and scripts below 253 bytes (the longest HTLC script has 144). */
const PREIMAGE_ROOM = 105 + 252 + 52;

/** The serialized output that all HTLC transactions of one commitment have, but for its amount. */
function outputTemplate(htlc: BuiltHtlc): Bytes & { readonly buffer: ArrayBuffer } {
  const { script } = must(htlc.htlcTx.outputs[0], 'one output');
  const output = new Uint8Array(9 + script.length);
  output[8] = script.length;
  output.set(script, 9);
  return output;
}

/** The owner's commitment, ready to publish: signed with its funding key and the other side's signature, which was verified before. */
export function completeCommitment(built: BuiltCommitment, params: CommitmentParams, ownFundingKey: Bytes, otherSignature: Bytes): Tx {
  const witness = fundingWitness({
    witnessScript: built.fundingWitnessScript,
    own: { pubkey: params.owner.fundingPubkey, signature: signCommitment(built, params, ownFundingKey) },
    other: { pubkey: params.other.fundingPubkey, signature: otherSignature },
  });
  return withWitness(built.tx, 0, witness);
}

interface FundingSignature {
  readonly pubkey: Bytes;
  readonly signature: Bytes;
}

/** The witness that spends the funding output: `0 <signature_for_pubkey1> <signature_for_pubkey2>` and the script. */
export function fundingWitness(part: {
  readonly witnessScript: Bytes;
  readonly own: FundingSignature;
  readonly other: FundingSignature;
}): readonly Bytes[] {
  const [first, second] = compare(part.own.pubkey, part.other.pubkey) <= 0 ? [part.own, part.other] : [part.other, part.own];
  return [EMPTY, witnessSignature(first.signature), witnessSignature(second.signature), part.witnessScript];
}

export interface HtlcCompletion {
  /** The owner's. */
  readonly htlcBasepointSecret: Bytes;
  /** The other side's, of this HTLC transaction. */
  readonly otherSignature: Bytes;
  /** For an HTLC that the owner received; null for one it offered. */
  readonly preimage: Preimage | null;
}

/**
 * The owner's HTLC-timeout or HTLC-success transaction (`built.htlcs[index]`) with both signatures. With anchors it pays no fee:
 * `htlcTxWithFee` of `claims.ts` adds the inputs that do, and calls this with the larger transaction.
 */
export function completeHtlc(
  built: BuiltCommitment,
  params: CommitmentParams,
  index: number,
  part: HtlcCompletion,
  tx: Tx = must(built.htlcs[index], 'an HTLC of this commitment').htlcTx,
): Tx {
  const htlc = must(built.htlcs[index], 'an HTLC of this commitment');
  assert(htlc.directed.offered === (part.preimage === null), 'a preimage for HTLC-success, none for HTLC-timeout');
  const amount: Sat = must(built.tx.outputs[htlc.outputIndex], 'an output').amount;
  // BOLT 5: the local signature MUST use SIGHASH_ALL, otherwise anyone can attach additional inputs and outputs.
  const hash = sighashV0({ tx, index: 0, scriptCode: htlc.witnessScript, amount, hashType: SIGHASH.ALL });
  const own = secp.sign(hash, derivePrivateKey(part.htlcBasepointSecret, built.keys.perCommitmentPoint));
  return withWitness(tx, 0, [
    EMPTY,
    witnessSignature(part.otherSignature, htlcHashType(params.format)),
    witnessSignature(own),
    part.preimage ?? EMPTY,
    htlc.witnessScript,
  ]);
}
