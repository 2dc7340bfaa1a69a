import { type Bytes, equal } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { taprootOutputKey, xOnly } from '../../bitcoin/taproot.ts';
import { compactSize } from '../../bitcoin/tx.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { branchPreimage, leafPreimage, PREIMAGE, siblingHash, type TapscriptPreimage } from '../commitment/sibling.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { BIP86_PROOF } from './create.ts';
import { scriptRoot } from './output.ts';
import type { TapscriptProof } from './taproot-proof.ts';

type Failure = AssetFailure<'MALFORMED' | 'INVALID_SIBLING' | 'INVALID_PROOF'>;

/** BIP 341: no control block reaches deeper. */
const MAX_DEPTH = 128;

interface Leaf {
  readonly depth: number;
  readonly preimage: TapscriptPreimage;
}

/**
 * How an output of somebody's wallet shows that no asset is in it, from what its PSBT says (BIP 371): the internal key (33 bytes), and the script tree
 * where it has one (PSBT_OUT_TAP_TREE). Refused where they do not open the output, or a leaf is a commitment to assets.
 */
export function outputWithoutAssets(part: {
  readonly script: Bytes;
  readonly internalKey: Bytes;
  readonly tapTree: Bytes | null;
}): Result<TapscriptProof, Failure> {
  const { script, internalKey, tapTree } = part;
  const proof = tapTree === null ? ok(BIP86_PROOF) : tapscriptProofOf(tapTree);
  if (!proof.ok) return proof;
  const root = scriptRoot(proof.value);
  if (!root.ok) return refuse('INVALID_PROOF', root.failure.message);
  const key = taprootOutputKey(xOnly(internalKey), root.value);
  const isOpen = key !== null && equal(p2trScript(key.key), script);
  return isOpen ? proof : refuse('INVALID_PROOF', 'the internal key and the script tree are not those of the output');
}

/** The two nodes at the top of a script tree, or its one leaf. The tree keeps its shape: another one would have another root. */
export function tapscriptProofOf(tapTree: Bytes): Result<TapscriptProof, Failure> {
  const leaves = leavesOf(tapTree);
  if (!leaves.ok) return leaves;
  const [only, ...more] = leaves.value;
  if (only === undefined) return refuse('MALFORMED', 'an empty script tree');
  if (more.length === 0)
    return only.depth === 0 ? ok({ ...BIP86_PROOF, tapPreimage1: only.preimage, bip86: false }) : refuse('MALFORMED', 'half a script tree');
  const top = topOf(leaves.value);
  if (!top.ok) return top;
  const [left, right] = top.value;
  // A leaf stands before a branch, so that each tree has one form; which of two children comes first is of no matter to the root.
  const isSwapped = left.kind === PREIMAGE.BRANCH && right.kind === PREIMAGE.LEAF;
  return ok({ ...BIP86_PROOF, tapPreimage1: isSwapped ? right : left, tapPreimage2: isSwapped ? left : right, bip86: false });
}

/** BIP 371: depth, leaf version and script of each leaf, depth first. */
function leavesOf(tapTree: Bytes): Result<readonly Leaf[], Failure> {
  const from = new Reader(tapTree);
  const leaves: Leaf[] = [];
  try {
    while (from.left > 0) {
      const [depth, version] = [from.u8(), from.u8()];
      const script = from.take(compactSize.read(from)).slice();
      if (depth > MAX_DEPTH) return refuse('MALFORMED', `a leaf at depth ${depth}`);
      const preimage = leafPreimage(script, version);
      if (!preimage.ok) return preimage;
      leaves.push({ depth, preimage: preimage.value });
    }
    return ok(leaves);
  } catch (error) {
    if (error instanceof CodecError) return refuse('MALFORMED', `the script tree: ${error.message}`);
    throw error;
  }
}

/** The children of the root. Leaves that come depth first are joined as soon as two stand beside each other at one depth. */
function topOf(leaves: readonly Leaf[]): Result<readonly [TapscriptPreimage, TapscriptPreimage], Failure> {
  const open: Leaf[] = [];
  for (const leaf of leaves) {
    if (open.length > 0 && leaf.depth < (open.at(-1) as Leaf).depth) return refuse('MALFORMED', 'the leaves do not come depth first');
    open.push(leaf);
    for (;;) {
      const [left, right] = open.slice(-2);
      if (left === undefined || right === undefined || left.depth !== right.depth || left.depth === 1) break;
      const hashes = [siblingHash(left.preimage), siblingHash(right.preimage)] as const;
      if (!hashes[0].ok) return hashes[0];
      if (!hashes[1].ok) return hashes[1];
      open.splice(-2, 2, { depth: left.depth - 1, preimage: branchPreimage(hashes[0].value, hashes[1].value) });
    }
  }
  const [left, right, ...more] = open;
  if (left?.depth !== 1 || right?.depth !== 1 || more.length > 0) return refuse('MALFORMED', 'the leaves make no whole tree');
  return ok([left.preimage, right.preimage]);
}
