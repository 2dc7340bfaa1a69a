import { expect, test } from 'vitest';
import { ASSET_VERSION } from '../../src/asset/asset.ts';
import { assetLeaf, decodeAsset, encodeAsset } from '../../src/asset/asset-codec.ts';
import { encodeTapscriptPreimage, leafPreimage, siblingHash } from '../../src/asset/commitment/sibling.ts';
import { isTapCommitmentScript, tapCommitmentScript } from '../../src/asset/commitment/tap-commitment.ts';
import { burnKey, channelFundingScriptKey, NUMS_KEY } from '../../src/asset/keys.ts';
import { checkMeta, decodeMetaReveal, encodeMetaReveal, META_TYPE, type MetaReveal } from '../../src/asset/proof/meta.ts';
import { fromHex, toHex, utf8 } from '../../src/base/bytes.ts';
import { OP, script } from '../../src/bitcoin/script.ts';
import { decodeWith, encodeWith } from '../../src/codec/codec.ts';
import { rawTlvStream } from '../../src/codec/tlv.ts';
import { hash160, sha256 } from '../../src/crypto/hash.ts';
import { assetOfJson, type JsonAsset, type JsonPrevId, prevIdOfJson } from './taproot-assets-json.ts';
import { readHex, readVectors } from './taproot-assets-read.ts';

interface Vectors {
  readonly valid_test_cases: readonly { readonly asset: JsonAsset; readonly expected: string; readonly comment: string }[] | null;
  readonly error_test_cases: readonly { readonly asset: JsonAsset; readonly error: string }[] | null;
}

test('asset_tlv_encoding_generated.json: 4 assets encode to the given bytes and back', () => {
  const cases = readVectors<Vectors>('asset/asset_tlv_encoding_generated.json').valid_test_cases ?? [];
  expect(cases).toHaveLength(4);
  for (const each of cases) {
    const asset = assetOfJson(each.asset);
    expect(toHex(encodeAsset(asset)), each.comment).toBe(each.expected);
    const decoded = decodeAsset(fromHex(each.expected));
    expect(decoded.ok ? decoded.value : decoded.failure, each.comment).toEqual(asset);
  }
});

test('asset_tlv_encoding_error_cases.json: 5 descriptions of assets are refused in the given words', () => {
  const cases = readVectors<Vectors>('asset/asset_tlv_encoding_error_cases.json').error_test_cases ?? [];
  expect(cases).toHaveLength(5);
  for (const each of cases) expect(() => assetOfJson(each.asset)).toThrow(each.error);
  // The same as bytes, of an asset that is valid but for this.
  const [valid] = readVectors<Vectors>('asset/asset_tlv_encoding_generated.json').valid_test_cases ?? [];
  const records = decodeWith(rawTlvStream, fromHex(valid?.expected ?? ''));
  if (!records.ok) throw new Error(records.failure.message);
  const without = (type: bigint) => records.value.filter((each) => each.type !== type);
  const withValue = (type: bigint, length: number) => {
    const value = new Uint8Array(length).fill(2);
    return [...without(type), { type, value }].sort((a, b) => Number(a.type - b.type));
  };
  const bent: Record<string, ReturnType<typeof without>> = {
    'missing genesis fields': without(2n),
    'missing script key': without(16n),
    'invalid script key length': withValue(16n, 32),
    // A group of which nothing is said but that there is one.
    'missing group key': withValue(17n, 0),
    'invalid group key length': withValue(17n, 32),
  };
  for (const each of cases) {
    const stream = bent[each.error];
    if (stream === undefined) throw new Error(each.error);
    const decoded = decodeAsset(encodeWith(rawTlvStream, stream));
    expect(decoded.ok ? 'read' : decoded.failure.code, each.error).toBe('MALFORMED');
    expect(decoded.ok ? '' : decoded.failure.message.toLowerCase()).toContain(
      (each.error.match(/genesis|script|group/) as RegExpMatchArray)[0],
    );
  }
});

test('asset_burn_key_generated.json: 3 burn keys', () => {
  const { valid_test_cases: cases } = readVectors<{ valid_test_cases: { prev_id: JsonPrevId; expected: string; comment: string }[] }>(
    'asset/asset_burn_key_generated.json',
  );
  expect(cases).toHaveLength(3);
  for (const each of cases) expect(toHex(burnKey(prevIdOfJson(each.prev_id)).subarray(1)), each.comment).toBe(each.expected);
});

test('asset.hex: 1 asset, read and written back alike', () => {
  const bytes = readHex('asset/asset.hex');
  const decoded = decodeAsset(bytes);
  if (!decoded.ok) throw new Error(decoded.failure.message);
  expect(encodeAsset(decoded.value)).toEqual(bytes);
  expect(decoded.value.version).toBe(ASSET_VERSION.V1);
  const leaf = assetLeaf(decoded.value);
  expect(leaf.ok && leaf.value.value.length < bytes.length).toBe(true);
});

test('constants.json: NUMS key, marker, channel funding key, sibling preimage, commitment script (5 values)', () => {
  const constants = readVectors<{
    nums_key: string;
    taproot_assets_marker: string;
    channel_funding_script_key: string;
    tapscript_sibling_preimage_leaf: { hash_lock_preimage_text: string; encoded: string };
    tap_commitment_leaf_script_v0: string;
  }>('constants.json');
  expect(toHex(NUMS_KEY)).toBe(constants.nums_key);
  expect(toHex(sha256(utf8('taproot-assets')))).toBe(constants.taproot_assets_marker);
  expect(toHex(channelFundingScriptKey().publicKey).slice(2)).toBe(constants.channel_funding_script_key.slice(2));
  const lock = script(OP.DUP, OP.HASH160, hash160(utf8(constants.tapscript_sibling_preimage_leaf.hash_lock_preimage_text)), OP.EQUALVERIFY);
  const preimage = leafPreimage(lock);
  if (!preimage.ok) throw new Error(preimage.failure.message);
  expect(toHex(encodeTapscriptPreimage(preimage.value))).toBe(constants.tapscript_sibling_preimage_leaf.encoded);
  expect(siblingHash(preimage.value).ok).toBe(true);
  const leaf = fromHex(constants.tap_commitment_leaf_script_v0);
  const rebuilt = tapCommitmentScript({ version: 0, root: { hash: leaf.slice(33, 65), sum: 0x1389n } });
  expect(toHex(rebuilt)).toBe(constants.tap_commitment_leaf_script_v0);
  expect(isTapCommitmentScript(leaf)).toBe(true);
});

test('8k-metadata.hex: 1 picture as the metadata of an asset, written and read back, and no JSON', () => {
  const data = readHex('itest/8k-metadata.hex');
  const meta: MetaReveal = {
    type: META_TYPE.OPAQUE,
    data,
    decimalDisplay: 0,
    universeCommitments: false,
    canonicalUniverses: null,
    delegationKey: null,
    unknown: [],
  };
  expect([data.length, checkMeta(meta)]).toEqual([2331, { ok: true, value: meta }]);
  expect(decodeMetaReveal(encodeMetaReveal(meta))).toEqual({ ok: true, value: meta });
  const asJson = checkMeta({ ...meta, type: META_TYPE.JSON });
  expect(asJson.ok ? 'valid' : asJson.failure.code).toBe('INVALID_META');
});
