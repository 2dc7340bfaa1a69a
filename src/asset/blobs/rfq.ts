import { type Bytes, fromBigInt, toBigInt, tryText, utf8 } from '../../base/bytes.ts';
import type { Result } from '../../base/result.ts';
import { bytes, type Codec, decodeWith, encodeWith, map, restBytes, struct, u8, u64 } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { type TlvValues, tlvStream } from '../../codec/tlv.ts';
import { inline, MAX_RECORD_SIZE, publicKey, record, shortList } from '../codecs.ts';
import { type AssetFailure, malformed } from '../failure.ts';

/** The messages by which two nodes of an asset channel agree on a rate ("request for quote"), and what an HTLC says of assets. */

/** coefficient / 10^scale. */
export interface FixedPoint {
  readonly coefficient: bigint;
  readonly scale: number;
}

const coefficient: Codec<bigint> = map(restBytes, toBigInt, (value) =>
  value === 0n ? new Uint8Array(0) : fromBigInt(value, Math.ceil(value.toString(16).length / 2)),
);
const fixedPoint: Codec<FixedPoint> = {
  write(to, value) {
    u8.write(to, value.scale);
    coefficient.write(to, value.coefficient);
  },
  read(from) {
    const scale = u8.read(from);
    // 256 bits are more than any price.
    if (from.left > 32) throw new CodecError(`a coefficient of ${from.left} bytes`);
    return { coefficient: coefficient.read(from), scale };
  },
};

const text: Codec<string> = map(
  restBytes,
  (value) => {
    const decoded = tryText(value);
    if (decoded === null) throw new CodecError('not text');
    return decoded;
  },
  utf8,
);

/** "in" is what the asker gets, "out" what it gives; an id of zeros stands for bitcoin. Amounts in asset units or msat. */
const requestFields = {
  version: [0n, u8],
  id: [2n, bytes(32)],
  /** 0: to pay an invoice, 1: to receive a payment. */
  transferType: [4n, u8],
  expiry: [6n, u64],
  inAssetId: [9n, bytes(32)],
  inAssetGroupKey: [11n, publicKey],
  outAssetId: [13n, bytes(32)],
  outAssetGroupKey: [15n, publicKey],
  maxInAsset: [16n, u64],
  inAssetRateHint: [19n, fixedPoint],
  outAssetRateHint: [21n, fixedPoint],
  minInAsset: [23n, u64],
  minOutAsset: [25n, u64],
  priceOracleMetadata: [27n, restBytes],
  assetRateLimit: [29n, fixedPoint],
  executionPolicy: [31n, u8],
} as const;

const acceptFields = {
  version: [0n, u8],
  id: [2n, bytes(32)],
  expiry: [4n, u64],
  sig: [6n, bytes(64)],
  inAssetRate: [8n, fixedPoint],
  outAssetRate: [10n, fixedPoint],
  maxInAsset: [11n, u64],
} as const;

const rejectFields = { version: [0n, u8], id: [2n, bytes(32)], error: [5n, struct({ code: u8, message: text })] } as const;

const balanceFields = { assetId: [0n, bytes(32)], amount: [1n, u64] } as const;
export type AssetBalance = TlvValues<typeof balanceFields>;
const htlcFields = {
  amounts: [65536n, shortList(2048, inline(MAX_RECORD_SIZE, tlvStream(balanceFields)))],
  rfqId: [65538n, bytes(32)],
  availableRfqIds: [65540n, shortList(50, bytes(32))],
} as const;

export type RfqRequest = TlvValues<typeof requestFields>;
export type RfqAccept = TlvValues<typeof acceptFields>;
export type RfqReject = TlvValues<typeof rejectFields>;
/** The asset records of an `update_add_htlc`, or the blob that is kept of it. */
export type AssetHtlc = TlvValues<typeof htlcFields>;

export const rfqRequestCodec: Codec<RfqRequest> = record(MAX_RECORD_SIZE, tlvStream(requestFields));
export const rfqAcceptCodec: Codec<RfqAccept> = record(MAX_RECORD_SIZE, tlvStream(acceptFields));
export const rfqRejectCodec: Codec<RfqReject> = record(MAX_RECORD_SIZE, tlvStream(rejectFields));
export const assetHtlcCodec: Codec<AssetHtlc> = record(MAX_RECORD_SIZE, tlvStream(htlcFields));

/** Reads any of the blobs of asset channels. */
export function decodeBlob<T>(codec: Codec<T>, blob: Bytes): Result<T, AssetFailure<'MALFORMED'>> {
  const value = decodeWith(codec, blob);
  return value.ok ? value : malformed(value.failure);
}
export const encodeBlob = <T>(codec: Codec<T>, value: T): Bytes => encodeWith(codec, value);
