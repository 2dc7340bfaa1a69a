import { expect, test } from 'vitest';
import { assetHtlcCodec, decodeBlob, encodeBlob, rfqAcceptCodec, rfqRejectCodec, rfqRequestCodec } from '../../src/asset/blobs/rfq.ts';
import { assetChannelCommitmentCodec, assetChannelFundingCodec, sumOf } from '../../src/asset/blobs/state.ts';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Codec } from '../../src/codec/codec.ts';
import { readHex, readHexDump, readVectors } from './taproot-assets-read.ts';

function through<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const decoded = decodeBlob(codec, bytes);
  if (!decoded.ok) throw new Error(decoded.failure.message);
  expect(toHex(encodeBlob(codec, decoded.value))).toBe(toHex(bytes));
  const cut = decodeBlob(codec, bytes.subarray(0, -1));
  expect(cut.ok ? null : cut.failure.code).toBe('MALFORMED');
  return decoded.value;
}

test('rfqmsg/compat/v0.8: 4 messages are read and written back alike', () => {
  const request = through(rfqRequestCodec, readHex('rfqmsg/compat/v0.8/request.hex'));
  expect([request.version, request.transferType, request.maxInAsset]).toEqual([1, 0, 50_000n]);
  const accept = through(rfqAcceptCodec, readHex('rfqmsg/compat/v0.8/accept.hex'));
  expect([accept.inAssetRate, accept.expiry]).toEqual([{ scale: 2, coefficient: 42_000n }, 4_102_444_800n]);
  const reject = through(rfqRejectCodec, readHex('rfqmsg/compat/v0.8/reject.hex'));
  expect(reject.error).toEqual({ code: 1, message: 'rates expired' });
  const htlc = through(assetHtlcCodec, readHex('rfqmsg/compat/v0.8/htlc.hex'));
  expect(htlc.amounts).toHaveLength(1);
});

test('tapchannelmsg: 3 blobs are read and written back alike', () => {
  const funding = through(assetChannelFundingCodec, readHexDump('tapchannelmsg/funding-blob.hexdump'));
  expect([sumOf(funding.fundedAssets), funding.decimalDisplay]).toEqual([100_000_000_000n, 6]);
  const htlc = through(assetHtlcCodec, readHexDump('tapchannelmsg/htlc-blob.hexdump'));
  expect([htlc.amounts, toHex(htlc.rfqId ?? new Uint8Array(0)).slice(0, 8), htlc.unknown?.map(({ type }) => type)]).toEqual([
    undefined,
    'cbe41e5c',
    [106823n],
  ]);
  const commitment = through(assetChannelCommitmentCodec, readHexDump('tapchannelmsg/commitment-blob.hexdump'));
  expect(sumOf(commitment.localAssets) + sumOf(commitment.remoteAssets)).toBe(sumOf(funding.fundedAssets));
  expect([commitment.auxLeaves?.localAuxLeaf?.version, commitment.outgoingHtlcAssets]).toEqual([0xc0, []]);
});

test('channel-and-rfq-blobs.json: the same 7 blobs as plain hexadecimal', () => {
  const { blobs } = readVectors<{ blobs: Record<string, { hex: string }> }>('channel-and-rfq-blobs.json');
  const codecs: Readonly<Record<string, Codec<never>>> = {
    funding_blob: assetChannelFundingCodec,
    htlc_blob: assetHtlcCodec,
    commitment_blob: assetChannelCommitmentCodec,
    rfq_request: rfqRequestCodec,
    rfq_accept: rfqAcceptCodec,
    rfq_reject: rfqRejectCodec,
    rfq_htlc: assetHtlcCodec,
  } as unknown as Readonly<Record<string, Codec<never>>>;
  expect(Object.keys(blobs).sort()).toEqual(Object.keys(codecs).sort());
  for (const [name, { hex }] of Object.entries(blobs)) through(codecs[name] as Codec<never>, fromHex(hex));
});
