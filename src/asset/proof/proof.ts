import { type Bytes, equal, fromHex } from '../../base/bytes.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import { type BlockHeader, blockHeaderCodec } from '../../bitcoin/block.ts';
import { encodeTxWithoutWitness, type Tx, txCodec } from '../../bitcoin/tx.ts';
import { type Codec, decodeWith, encodeWith, u32 } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { type TlvRecord, tlvStream } from '../../codec/tlv.ts';
import { sha256d } from '../../crypto/hash.ts';
import { altLeavesCodec } from '../alt-leaf.ts';
import type { Asset } from '../asset.ts';
import { assetCodec, MAX_ASSET_SIZE } from '../asset-codec.ts';
import { MAX_RECORD_SIZE, outPoint, record, required, shortBytes, shortList, witnessStack } from '../codecs.ts';
import { type AssetFailure, malformed, refuse } from '../failure.ts';
import { type Genesis, genesisCodec } from '../genesis.ts';
import { type GroupKeyReveal, groupKeyRevealCodec } from '../group-key.ts';
import { type MetaReveal, metaRevealCodec } from './meta.ts';
import { type TaprootProof, taprootProofCodec, taprootProofsCodec } from './taproot-proof.ts';
import { type TxMerkleProof, txMerkleProofCodec } from './tx-merkle.ts';

/** One transition of an asset, with everything that shows that the chain holds it. */
export interface Proof {
  readonly version: number;
  /** The output that held the asset before. */
  readonly prevOut: OutPoint;
  readonly blockHeader: BlockHeader;
  readonly blockHeight: number;
  /** The transaction that anchors the asset now. */
  readonly anchorTx: Tx;
  readonly txMerkleProof: TxMerkleProof;
  readonly asset: Asset;
  readonly inclusionProof: TaprootProof;
  /** Of every other taproot output of the anchor: the asset is not there too. */
  readonly exclusionProofs: readonly TaprootProof[];
  /** Of a split output: its root asset in the same transaction. */
  readonly splitRootProof: TaprootProof | null;
  readonly metaReveal: MetaReveal | null;
  /** The proof files of the other inputs, as they stand. */
  readonly additionalInputs: readonly Bytes[];
  /** Of an ownership proof. */
  readonly challengeWitness: readonly Bytes[] | null;
  readonly genesisReveal: Genesis | null;
  readonly groupKeyReveal: GroupKeyReveal | null;
  /** The alternative leaves of the output. */
  readonly altLeaves: readonly Asset[];
  readonly unknown: readonly TlvRecord[];
}

/** V1 asks for proofs of the leaves of spent assets. */
export const TRANSITION_VERSION = { V0: 0, V1: 1 } as const;

/** "TAPP" */
export const PROOF_MAGIC: Bytes = fromHex('54415050');
/** The most that one proof takes: 128 times the most metadata. */
export const MAX_PROOF_SIZE = 128 * 1024 * 1024;
export const MAX_FILE_SIZE = 500 * 1024 * 1024;

const header: Codec<BlockHeader> = {
  write: blockHeaderCodec.write,
  read(from) {
    if (from.left !== 80) throw new CodecError(`a block header of ${from.left} bytes`);
    return blockHeaderCodec.read(from);
  },
};

const stream = tlvStream({
  version: [0n, u32],
  prevOut: [2n, outPoint],
  blockHeader: [4n, header],
  anchorTx: [6n, record(MAX_ASSET_SIZE, txCodec)],
  txMerkleProof: [8n, record(MAX_RECORD_SIZE, txMerkleProofCodec)],
  asset: [10n, assetCodec],
  inclusionProof: [12n, taprootProofCodec],
  exclusionProofs: [13n, taprootProofsCodec],
  splitRootProof: [15n, taprootProofCodec],
  metaReveal: [17n, metaRevealCodec],
  additionalInputs: [19n, record(MAX_FILE_SIZE, shortList(MAX_RECORD_SIZE, shortBytes(MAX_FILE_SIZE)))],
  challengeWitness: [21n, witnessStack],
  blockHeight: [22n, u32],
  genesisReveal: [23n, genesisCodec],
  groupKeyReveal: [25n, groupKeyRevealCodec],
  altLeaves: [27n, altLeavesCodec],
});

export const proofCodec: Codec<Proof> = {
  write(to, proof) {
    const { exclusionProofs, splitRootProof, metaReveal, additionalInputs, challengeWitness, genesisReveal, groupKeyReveal, altLeaves } =
      proof;
    const { version, prevOut, blockHeader, anchorTx, txMerkleProof, asset, inclusionProof, blockHeight, unknown } = proof;
    to.bytes(PROOF_MAGIC);
    stream.write(to, {
      ...{ version, prevOut, blockHeader, anchorTx, txMerkleProof, asset, inclusionProof, blockHeight, unknown },
      ...(exclusionProofs.length === 0 ? {} : { exclusionProofs }),
      ...(splitRootProof === null ? {} : { splitRootProof }),
      ...(metaReveal === null ? {} : { metaReveal }),
      ...(additionalInputs.length === 0 ? {} : { additionalInputs }),
      ...(challengeWitness === null ? {} : { challengeWitness }),
      ...(genesisReveal === null ? {} : { genesisReveal }),
      ...(groupKeyReveal === null ? {} : { groupKeyReveal }),
      ...(altLeaves.length === 0 ? {} : { altLeaves }),
    });
  },
  read(from) {
    if (!equal(from.take(4), PROOF_MAGIC)) throw new CodecError('not a proof');
    const values = stream.read(from);
    return {
      version: required(values.version, 'version'),
      prevOut: required(values.prevOut, 'previous output'),
      blockHeader: required(values.blockHeader, 'block header'),
      blockHeight: values.blockHeight ?? 0,
      anchorTx: required(values.anchorTx, 'anchor transaction'),
      txMerkleProof: required(values.txMerkleProof, 'transaction merkle proof'),
      asset: required(values.asset, 'asset'),
      inclusionProof: required(values.inclusionProof, 'inclusion proof'),
      exclusionProofs: values.exclusionProofs ?? [],
      splitRootProof: values.splitRootProof ?? null,
      metaReveal: values.metaReveal ?? null,
      additionalInputs: values.additionalInputs ?? [],
      challengeWitness: values.challengeWitness ?? null,
      genesisReveal: values.genesisReveal ?? null,
      groupKeyReveal: values.groupKeyReveal ?? null,
      altLeaves: values.altLeaves ?? [],
      unknown: values.unknown ?? [],
    };
  },
};

export const encodeProof = (proof: Proof): Bytes => encodeWith(proofCodec, proof);

/** Reads a proof within all limits; whether it proves anything, `verifyProof` says. */
export function decodeProof(encoded: Bytes): Result<Proof, AssetFailure<'MALFORMED' | 'TOO_LARGE'>> {
  if (encoded.length > MAX_PROOF_SIZE) return refuse('TOO_LARGE', `a proof of ${encoded.length} bytes`);
  const proof = decodeWith(proofCodec, encoded);
  return proof.ok ? proof : malformed(proof.failure);
}

export const isProof = (blob: Bytes): boolean => equal(blob.subarray(0, 4), PROOF_MAGIC);

/** Where the asset is now. Hashes the anchor anew: a file has thousands, each asked for once. */
export const outPointOf = (proof: Proof): OutPoint => ({
  txid: sha256d(encodeTxWithoutWitness(proof.anchorTx)) as TxId,
  vout: proof.inclusionProof.outputIndex,
});
