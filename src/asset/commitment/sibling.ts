import { type Bytes, concat } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { tapBranchHash, tapLeafHash } from '../../bitcoin/taproot.ts';
import { compactSize } from '../../bitcoin/tx.ts';
import { type Codec, encodeWith, restBytes, struct, u8 } from '../../codec/codec.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { Writer } from '../../codec/writer.ts';
import { MAX_RECORD_SIZE, record } from '../codecs.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { isTapCommitmentScript } from './tap-commitment.ts';

/** What stands beside a commitment in the script tree, shown so that a verifier sees that it is no second commitment. */
export interface TapscriptPreimage {
  /** 0 a leaf (version, CompactSize, script), 1 a branch (two hashes). */
  readonly kind: number;
  readonly preimage: Bytes;
}
export const PREIMAGE = { LEAF: 0, BRANCH: 1 } as const;

export const tapscriptPreimageCodec: Codec<TapscriptPreimage> = record(MAX_RECORD_SIZE, struct({ kind: u8, preimage: restBytes }));
export const encodeTapscriptPreimage = (preimage: TapscriptPreimage): Bytes => encodeWith(tapscriptPreimageCodec, preimage);

type Failure = AssetFailure<'INVALID_SIBLING'>;

/** The leaf inside a preimage; refused where it is a commitment itself. */
function leafOf(preimage: Bytes): Result<{ readonly version: number; readonly script: Bytes }, Failure> {
  try {
    const from = new Reader(preimage);
    const version = from.u8();
    const script = from.take(compactSize.read(from)).slice();
    if (from.left > 0) return refuse('INVALID_SIBLING', 'bytes follow the sibling leaf');
    if (isTapCommitmentScript(script)) return refuse('INVALID_SIBLING', 'the sibling is a Taproot Assets commitment itself');
    return ok({ version, script });
  } catch (error) {
    if (error instanceof CodecError) return refuse('INVALID_SIBLING', `the sibling leaf is malformed: ${error.message}`);
    throw error;
  }
}

/** The hash that the preimage stands for in the script tree. */
export function siblingHash({ kind, preimage }: TapscriptPreimage): Result<Bytes, Failure> {
  if (preimage.length === 0) return refuse('INVALID_SIBLING', 'the preimage of the sibling is empty');
  if (kind === PREIMAGE.LEAF) {
    const leaf = leafOf(preimage);
    return leaf.ok ? ok(tapLeafHash(leaf.value.script, leaf.value.version)) : leaf;
  }
  if (kind !== PREIMAGE.BRANCH) return refuse('INVALID_SIBLING', `sibling of kind ${kind}`);
  if (preimage.length !== 64) return refuse('INVALID_SIBLING', `a branch of ${preimage.length} bytes`);
  return ok(tapBranchHash(preimage.slice(0, 32), preimage.slice(32)));
}

/** The preimage of a leaf; refused where it is a commitment or empty. */
export function leafPreimage(script: Bytes, version = 0xc0): Result<TapscriptPreimage, Failure> {
  if (version !== 0xc0) return refuse('INVALID_SIBLING', `leaf version ${version}`);
  if (script.length === 0) return refuse('INVALID_SIBLING', 'an empty script');
  if (isTapCommitmentScript(script)) return refuse('INVALID_SIBLING', 'the sibling is a Taproot Assets commitment itself');
  const to = new Writer(script.length + 6).u8(version);
  compactSize.write(to, script.length);
  return ok({ kind: PREIMAGE.LEAF, preimage: to.bytes(script).done() });
}

/** The preimage of a branch of two hashes. */
export const branchPreimage = (left: Bytes, right: Bytes): TapscriptPreimage => ({ kind: PREIMAGE.BRANCH, preimage: concat(left, right) });

/** The hash of an optional sibling. */
export const optionalSiblingHash = (preimage: TapscriptPreimage | null): Result<Bytes | null, Failure> =>
  preimage === null ? ok(null) : siblingHash(preimage);
