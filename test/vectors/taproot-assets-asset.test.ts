import { expect, test } from 'vitest';
import { ASSET_VERSION } from '../../src/asset/asset.ts';
import { assetLeaf, decodeAsset, encodeAsset } from '../../src/asset/asset-codec.ts';
import { encodeTapscriptPreimage, leafPreimage, siblingHash } from '../../src/asset/commitment/sibling.ts';
import { isTapCommitmentScript, tapCommitmentScript } from '../../src/asset/commitment/tap-commitment.ts';
import { burnKey, channelFundingScriptKey, NUMS_KEY } from '../../src/asset/keys.ts';
import { fromHex, toHex, utf8 } from '../../src/base/bytes.ts';
import { OP, script } from '../../src/bitcoin/script.ts';
import { hash160, sha256 } from '../../src/crypto/hash.ts';
import { assetOfJson, type JsonAsset, type JsonPrevId, prevIdOfJson } from './taproot-assets-json.ts';
import { readHex, readText, readVectors } from './taproot-assets-read.ts';

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

test('8k-metadata.hex: 1 file', () => {
  expect(readText('itest/8k-metadata.hex').length).toBeGreaterThan(0);
});
