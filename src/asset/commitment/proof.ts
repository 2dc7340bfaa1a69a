import type { Bytes } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { bytes, type Codec, encodeWith, u8 } from '../../codec/codec.ts';
import { type TlvRecord, tlvStream } from '../../codec/tlv.ts';
import { type Asset, assetCommitmentKey } from '../asset.ts';
import { assetLeaf } from '../asset-codec.ts';
import { MAX_RECORD_SIZE, record, required } from '../codecs.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import type { Leaf } from '../mssmt/node.ts';
import { type Proof, proofCodec, proofRoot } from '../mssmt/proof.ts';
import { tapCommitmentLeaf } from './asset-commitment.ts';
import { isKnownTapVersion, type TapRoot } from './tap-commitment.ts';

/** In the tree of one asset or group. */
export interface AssetProof {
  /** Of the inner tree: the highest asset version in it. */
  readonly version: number;
  readonly tapKey: Bytes;
  readonly proof: Proof;
  readonly unknown: readonly TlvRecord[];
}

/** In the outer tree. */
export interface TaprootAssetProof {
  /** Of the commitment. */
  readonly version: number;
  readonly proof: Proof;
  readonly unknown: readonly TlvRecord[];
}

/** Both halves; without the first it shows that an asset or group is not there at all. */
export interface CommitmentProof {
  readonly assetProof: AssetProof | null;
  readonly taprootAssetProof: TaprootAssetProof;
  readonly unknown: readonly TlvRecord[];
}

const assetProofStream = tlvStream({ version: [0n, u8], tapKey: [2n, bytes(32)], proof: [4n, record(MAX_RECORD_SIZE, proofCodec)] });
const assetProofCodec: Codec<AssetProof> = record(MAX_RECORD_SIZE, {
  write: (to, value) => assetProofStream.write(to, value),
  read(from) {
    const { version, tapKey, proof, unknown = [] } = assetProofStream.read(from);
    return { version: required(version, 'version'), tapKey: required(tapKey, 'key'), proof: required(proof, 'proof'), unknown };
  },
});

const taprootAssetProofStream = tlvStream({ version: [0n, u8], proof: [2n, record(MAX_RECORD_SIZE, proofCodec)] });
const taprootAssetProofCodec: Codec<TaprootAssetProof> = record(MAX_RECORD_SIZE, {
  write: (to, value) => taprootAssetProofStream.write(to, value),
  read(from) {
    const { version, proof, unknown = [] } = taprootAssetProofStream.read(from);
    return { version: required(version, 'version'), proof: required(proof, 'proof'), unknown };
  },
});

/** The two halves as records of the stream around them. */
export const commitmentProofFields = { assetProof: [1n, assetProofCodec], taprootAssetProof: [2n, taprootAssetProofCodec] } as const;

const stream = tlvStream(commitmentProofFields);
export const commitmentProofCodec: Codec<CommitmentProof> = {
  write: (to, { assetProof, taprootAssetProof, unknown }) =>
    stream.write(to, { taprootAssetProof, unknown, ...(assetProof === null ? {} : { assetProof }) }),
  read(from) {
    const { assetProof = null, taprootAssetProof, unknown = [] } = stream.read(from);
    return { assetProof, taprootAssetProof: required(taprootAssetProof, 'taproot asset proof'), unknown };
  },
};
export const encodeCommitmentProof = (proof: CommitmentProof): Bytes => encodeWith(commitmentProofCodec, proof);

export type DeriveFailure = AssetFailure<'INVALID_PROOF' | 'UNKNOWN_VERSION' | 'SUM_OVERFLOW'>;

/** The commitment in which `asset` stands, if the proof is one of it. */
export function rootWithAsset(proof: CommitmentProof, asset: Asset): Result<TapRoot, DeriveFailure> {
  const leaf = assetLeaf(asset);
  return leaf.ok ? rootWithLeaf(proof, assetCommitmentKey(asset), leaf.value) : leaf;
}

/** The commitment in which no asset stands at `assetKey` of an existing inner tree. */
export const rootWithoutAsset = (proof: CommitmentProof, assetKey: Bytes): Result<TapRoot, DeriveFailure> =>
  rootWithLeaf(proof, assetKey, null);

/** The commitment that has no inner tree at `tapKey`. */
export function rootWithoutCommitment(proof: CommitmentProof, tapKey: Bytes): Result<TapRoot, DeriveFailure> {
  if (proof.assetProof !== null) return refuse('INVALID_PROOF', 'a proof that a commitment is absent has an asset proof');
  return outerRoot(proof, tapKey, null);
}

function rootWithLeaf(proof: CommitmentProof, assetKey: Bytes, leaf: Leaf | null): Result<TapRoot, DeriveFailure> {
  const inner = proof.assetProof;
  if (inner === null) return refuse('INVALID_PROOF', 'the asset proof is missing');
  const root = proofRoot(inner.proof, assetKey, leaf);
  if (root === null) return refuse('SUM_OVERFLOW', 'the sums of the asset proof overflow');
  return outerRoot(proof, inner.tapKey, tapCommitmentLeaf({ ...root, version: inner.version, tapKey: inner.tapKey }));
}

function outerRoot({ taprootAssetProof }: CommitmentProof, tapKey: Bytes, leaf: Leaf | null): Result<TapRoot, DeriveFailure> {
  const { version, proof } = taprootAssetProof;
  if (!isKnownTapVersion(version)) return refuse('UNKNOWN_VERSION', `commitment version ${version}`);
  const root = proofRoot(proof, tapKey, leaf);
  if (root === null) return refuse('SUM_OVERFLOW', 'the sums of the commitment proof overflow');
  return ok({ version, root: { hash: root.hash, sum: root.sum } });
}
