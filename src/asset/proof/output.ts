import { type Bytes, equal } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { witnessProgram } from '../../bitcoin/script.ts';
import { tapBranchHash, taprootOutputKey, xOnly } from '../../bitcoin/taproot.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import { type Asset, assetCommitmentKey, tapCommitmentKey, withoutSplitCommitment } from '../asset.ts';
import { type CommitmentProof, rootWithAsset, rootWithoutAsset, rootWithoutCommitment } from '../commitment/proof.ts';
import { optionalSiblingHash, PREIMAGE, siblingHash } from '../commitment/sibling.ts';
import { commitmentOutputKey, downgraded, type TapRoot } from '../commitment/tap-commitment.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import type { TaprootProof, TapscriptProof } from './taproot-proof.ts';

/** Whether a taproot output of an anchor is what a proof says of it. */

type Code = 'INVALID_PROOF' | 'UNKNOWN_VERSION' | 'SUM_OVERFLOW' | 'INVALID_SIBLING';
export type OutputFailure = AssetFailure<Code>;

/** The x-only key of a taproot output, or null where the output is none. */
export function taprootKeyOf(tx: Tx, index: number): Bytes | null {
  const output = tx.outputs[index];
  const program = output === undefined ? null : witnessProgram(output.script);
  return program !== null && program.version === 1 && program.program.length === 32 ? program.program : null;
}

/** The commitment of the output in which `asset` stands. */
export function verifyInclusion(anchor: Tx, proof: TaprootProof, asset: Asset): Result<TapRoot, OutputFailure> {
  const { commitmentProof } = proof;
  if (commitmentProof === null || proof.tapscriptProof !== null) return refuse('INVALID_PROOF', 'an inclusion proof is a commitment proof');
  const root = rootWith(commitmentProof, asset);
  return root.ok ? matchOutput(anchor, proof, root.value) : root;
}

/** The commitment of the output in which `asset` does not stand; null where the output commits to nothing. */
export function verifyExclusion(anchor: Tx, proof: TaprootProof, asset: Asset): Result<TapRoot | null, OutputFailure> {
  const { commitmentProof, tapscriptProof } = proof;
  if (commitmentProof !== null && tapscriptProof === null) {
    const root = rootWithout(commitmentProof, asset);
    return root.ok ? matchOutput(anchor, proof, root.value) : root;
  }
  if (commitmentProof !== null || tapscriptProof === null)
    return refuse('INVALID_PROOF', 'an exclusion proof that is neither or both kinds');
  const expected = taprootKeyOf(anchor, proof.outputIndex);
  if (expected === null) return refuse('INVALID_PROOF', `output ${proof.outputIndex} is no taproot output`);
  const top = scriptRoot(tapscriptProof);
  if (!top.ok) return top;
  const key = taprootOutputKey(xOnly(proof.internalKey), top.value);
  return key !== null && equal(key.key, expected)
    ? ok(null)
    : refuse('INVALID_PROOF', `output ${proof.outputIndex} has another script tree than the tapscript proof`);
}

/** The commitment in which `asset` stands at its own place. */
export function rootWith(proof: CommitmentProof, asset: Asset): Result<TapRoot, OutputFailure> {
  // Without this an asset could stand in a second place, which no exclusion proof looks at.
  if (proof.assetProof !== null && !equal(proof.assetProof.tapKey, tapCommitmentKey(asset)))
    return refuse('INVALID_PROOF', 'the asset proof is of the tree of another asset');
  return rootWithAsset(proof, withoutSplitCommitment(asset));
}

/** The commitment in which `asset` does not stand at its place. */
export function rootWithout(proof: CommitmentProof, asset: Asset): Result<TapRoot, OutputFailure> {
  const tapKey = tapCommitmentKey(asset);
  if (proof.assetProof === null) return rootWithoutCommitment(proof, tapKey);
  if (!equal(proof.assetProof.tapKey, tapKey)) return refuse('INVALID_PROOF', 'the asset proof is of the tree of another asset');
  return rootWithoutAsset(proof, assetCommitmentKey(asset));
}

/** A commitment counts where its own key, or that of its V0 form, is the output's. */
function matchOutput(anchor: Tx, proof: TaprootProof, root: TapRoot): Result<TapRoot, OutputFailure> {
  const expected = taprootKeyOf(anchor, proof.outputIndex);
  if (expected === null) return refuse('INVALID_PROOF', `output ${proof.outputIndex} is no taproot output`);
  const sibling = optionalSiblingHash(proof.commitmentProof?.tapSiblingPreimage ?? null);
  if (!sibling.ok) return sibling;
  const part = { internalKey: proof.internalKey, sibling: sibling.value };
  for (const candidate of root.version === 0 ? [root] : [root, downgraded(root)]) {
    const key = commitmentOutputKey(candidate, part);
    if (key !== null && equal(key, expected)) return ok(candidate);
  }
  return refuse('INVALID_PROOF', `output ${proof.outputIndex} does not commit to what the proof says`);
}

/** The root of a script tree without a commitment: one leaf, two nodes, or none for a BIP 86 key. */
export function scriptRoot({ tapPreimage1: first, tapPreimage2: second, bip86 }: TapscriptProof): Result<Bytes | null, OutputFailure> {
  if (first !== null && second !== null) {
    // Branches stand second, so that each tree has one form.
    if (first.kind === PREIMAGE.BRANCH && second.kind === PREIMAGE.LEAF)
      return refuse('INVALID_PROOF', 'the preimages are in the wrong order');
    const [left, right] = [siblingHash(first), siblingHash(second)];
    if (!left.ok) return left;
    return right.ok ? ok(tapBranchHash(left.value, right.value)) : right;
  }
  if (first !== null && first.kind === PREIMAGE.LEAF) return siblingHash(first);
  if (first === null && second === null && bip86) return ok(null);
  return refuse('INVALID_PROOF', 'the tapscript proof has no valid preimages');
}
