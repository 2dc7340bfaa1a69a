import { bigsize, bytes, type Codec, struct, u8, u64 } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { type TlvValues, tlvStream } from '../../codec/tlv.ts';
import { inline, MAX_RECORD_SIZE, publicKey, record, shortBytes, shortList } from '../codecs.ts';
import { MAX_PROOF_SIZE, proofCodec } from '../proof/proof.ts';

/** What an asset channel keeps beside the Bitcoin channel: the funded assets, and of each commitment who has which. */

/** BOLT 2: 483 HTLCs in each direction. */
const MAX_HTLCS = 966;
const MAX_OUTPUTS = 2048;
const MAX_OUTPUT_SIZE = 32 + 8 + MAX_PROOF_SIZE;

const outputFields = { assetId: [0n, bytes(32)], amount: [1n, u64], proof: [2n, proofCodec] } as const;
/** Units of one asset, with the proof of where they are. */
export type AssetOutput = TlvValues<typeof outputFields>;
const outputs: Codec<readonly AssetOutput[]> = shortList(MAX_OUTPUTS, inline(MAX_OUTPUT_SIZE, tlvStream(outputFields)));

const fundingFields = { fundedAssets: [0n, outputs], decimalDisplay: [1n, u8], groupKey: [2n, publicKey] } as const;
export type AssetChannelFunding = TlvValues<typeof fundingFields>;
export const assetChannelFundingCodec: Codec<AssetChannelFunding> = record(MAX_PROOF_SIZE, tlvStream(fundingFields));

export interface TapLeaf {
  readonly version: number;
  readonly script: Uint8Array;
}
/** The length of the script stands twice. */
const tapLeaf: Codec<TapLeaf> = {
  write(to, { version, script }) {
    u8.write(to, version);
    bigsize.write(to, BigInt(script.length));
    shortBytes(MAX_RECORD_SIZE).write(to, script);
  },
  read(from) {
    const version = u8.read(from);
    const length = bigsize.read(from);
    const script = shortBytes(MAX_RECORD_SIZE).read(from);
    if (length !== BigInt(script.length)) throw new CodecError('the two lengths of a script differ');
    return { version, script };
  },
};

/** By the index of the HTLC. */
const byHtlc = <T>(most: number, value: Codec<T>): Codec<readonly { readonly htlcIndex: bigint; readonly value: T }[]> =>
  shortList(MAX_HTLCS, struct({ htlcIndex: bigsize, value: inline(most, value) }));

const htlcLeaves = byHtlc(MAX_RECORD_SIZE, tlvStream({ auxLeaf: [0n, tapLeaf], secondLevelLeaf: [1n, tapLeaf] }));
const auxLeavesFields = {
  localAuxLeaf: [0n, tapLeaf],
  remoteAuxLeaf: [1n, tapLeaf],
  outgoingHtlcLeaves: [2n, htlcLeaves],
  incomingHtlcLeaves: [3n, htlcLeaves],
} as const;
/** The commitments of each output of the commitment transaction, as leaves of their script trees. */
export type AuxLeaves = TlvValues<typeof auxLeavesFields>;

const htlcOutputs = byHtlc(MAX_OUTPUT_SIZE, tlvStream({ outputs: [0n, outputs] }));
const commitmentFields = {
  localAssets: [0n, outputs],
  remoteAssets: [1n, outputs],
  outgoingHtlcAssets: [2n, htlcOutputs],
  incomingHtlcAssets: [3n, htlcOutputs],
  auxLeaves: [4n, inline(MAX_RECORD_SIZE, tlvStream(auxLeavesFields))],
  /** 1 where the proofs have those of spent assets. */
  stxo: [5n, u8],
} as const;
export type AssetChannelCommitment = TlvValues<typeof commitmentFields>;
export const assetChannelCommitmentCodec: Codec<AssetChannelCommitment> = record(4 * MAX_PROOF_SIZE, tlvStream(commitmentFields));

export const sumOf = (list: readonly AssetOutput[] | undefined): bigint =>
  (list ?? []).reduce((sum, { amount }) => sum + (amount ?? 0n), 0n);
