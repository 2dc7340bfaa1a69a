import type { Bytes } from '../../base/bytes.ts';
import { bytes, type Codec, struct, u8, u32 } from '../../codec/codec.ts';
import { type TlvRecord, tlvStream } from '../../codec/tlv.ts';
import { inline, MAX_RECORD_SIZE, publicKey, record, required, shortList } from '../codecs.ts';
import { type CommitmentProof, commitmentProofCodec, commitmentProofFields } from '../commitment/proof.ts';
import { type TapscriptPreimage, tapscriptPreimageCodec } from '../commitment/sibling.ts';

/** Of one taproot output: that it commits to an asset, or that it does not, or that it commits to no assets at all. */
export interface TaprootProof {
  readonly outputIndex: number;
  /** 33 bytes. */
  readonly internalKey: Bytes;
  readonly commitmentProof: OutputCommitmentProof | null;
  readonly tapscriptProof: TapscriptProof | null;
  readonly unknown: readonly TlvRecord[];
}

/** A proof in the commitment of an output, with what stands beside that in the script tree. */
export interface OutputCommitmentProof extends CommitmentProof {
  readonly tapSiblingPreimage: TapscriptPreimage | null;
  /** Of the leaves of spent assets, by their script keys. */
  readonly stxoProofs: readonly StxoProof[];
}

export interface StxoProof {
  /** 33 bytes. */
  readonly scriptKey: Bytes;
  readonly proof: CommitmentProof;
}

/** The top of a script tree that holds no commitment; or none at all, where the key is a BIP 86 key. */
export interface TapscriptProof {
  readonly tapPreimage1: TapscriptPreimage | null;
  readonly tapPreimage2: TapscriptPreimage | null;
  readonly bip86: boolean;
  readonly unknown: readonly TlvRecord[];
}

/** No block has room for more taproot outputs: one million bytes without witnesses, 43 bytes each. */
export const MAX_TAPROOT_PROOFS = 23_255;

const stxoProofs = shortList(MAX_TAPROOT_PROOFS, struct({ scriptKey: bytes(33), proof: inline(MAX_RECORD_SIZE, commitmentProofCodec) }));

const commitmentStream = tlvStream({
  ...commitmentProofFields,
  tapSiblingPreimage: [5n, tapscriptPreimageCodec],
  stxoProofs: [7n, record(MAX_RECORD_SIZE, stxoProofs)],
});
const outputCommitmentCodec: Codec<OutputCommitmentProof> = record(MAX_RECORD_SIZE, {
  write: (to, { assetProof, taprootAssetProof, tapSiblingPreimage, stxoProofs: spent, unknown }) =>
    commitmentStream.write(to, {
      taprootAssetProof,
      unknown,
      ...(assetProof === null ? {} : { assetProof }),
      ...(tapSiblingPreimage === null ? {} : { tapSiblingPreimage }),
      ...(spent.length === 0 ? {} : { stxoProofs: spent }),
    }),
  read(from) {
    const values = commitmentStream.read(from);
    return {
      assetProof: values.assetProof ?? null,
      taprootAssetProof: required(values.taprootAssetProof, 'taproot asset proof'),
      tapSiblingPreimage: values.tapSiblingPreimage ?? null,
      stxoProofs: values.stxoProofs ?? [],
      unknown: values.unknown ?? [],
    };
  },
});

/** One byte, of which tapd reads 1 as true and writes no other. */
export const flag: Codec<boolean> = { write: (to, value) => u8.write(to, value ? 1 : 0), read: (from) => u8.read(from) === 1 };

const tapscriptStream = tlvStream({
  tapPreimage1: [1n, tapscriptPreimageCodec],
  tapPreimage2: [3n, tapscriptPreimageCodec],
  bip86: [4n, flag],
});
const tapscriptCodec: Codec<TapscriptProof> = record(2 * MAX_RECORD_SIZE, {
  write: (to, { tapPreimage1, tapPreimage2, bip86, unknown }) =>
    tapscriptStream.write(to, {
      bip86,
      unknown,
      ...(tapPreimage1 === null ? {} : { tapPreimage1 }),
      ...(tapPreimage2 === null ? {} : { tapPreimage2 }),
    }),
  read(from) {
    const { tapPreimage1 = null, tapPreimage2 = null, bip86 = false, unknown = [] } = tapscriptStream.read(from);
    return { tapPreimage1, tapPreimage2, bip86, unknown };
  },
});

const stream = tlvStream({
  outputIndex: [0n, u32],
  internalKey: [2n, publicKey],
  commitmentProof: [3n, outputCommitmentCodec],
  tapscriptProof: [5n, tapscriptCodec],
});
export const taprootProofCodec: Codec<TaprootProof> = record(MAX_RECORD_SIZE, {
  write: (to, { outputIndex, internalKey, commitmentProof, tapscriptProof, unknown }) =>
    stream.write(to, {
      outputIndex,
      internalKey,
      unknown,
      ...(commitmentProof === null ? {} : { commitmentProof }),
      ...(tapscriptProof === null ? {} : { tapscriptProof }),
    }),
  read(from) {
    const { outputIndex, internalKey, commitmentProof = null, tapscriptProof = null, unknown = [] } = stream.read(from);
    return {
      outputIndex: required(outputIndex, 'output index'),
      internalKey: required(internalKey, 'internal key'),
      commitmentProof,
      tapscriptProof,
      unknown,
    };
  },
});

export const taprootProofsCodec: Codec<readonly TaprootProof[]> = shortList(MAX_TAPROOT_PROOFS, inline(MAX_RECORD_SIZE, taprootProofCodec));
