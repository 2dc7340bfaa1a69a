import { expect, test } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { decodeTapAddress, encodeTapAddress, type TapAddress } from '../../src/asset/address/address.ts';
import { networksOfPrefix } from '../../src/asset/address/network.ts';
import { tapscriptPreimageCodec } from '../../src/asset/commitment/sibling.ts';
import { decodeWith } from '../../src/codec/codec.ts';
import { type JsonUnknown, keyOf, unknownOf } from './taproot-assets-json.ts';
import { readVectors } from './taproot-assets-read.ts';

interface JsonAddress {
  readonly version?: number;
  readonly chain_params_hrp?: string;
  readonly asset_version?: number;
  readonly asset_id?: string;
  readonly group_key?: string;
  readonly script_key?: string;
  readonly internal_key?: string;
  readonly tapscript_sibling?: string;
  readonly amount?: number | bigint;
  readonly proof_courier_addr?: string;
  readonly unknown_odd_types?: JsonUnknown;
}
interface Vectors {
  readonly valid_test_cases: readonly { readonly address: JsonAddress; readonly expected: string; readonly comment: string }[] | null;
  readonly error_test_cases: readonly { readonly address: JsonAddress; readonly error: string }[] | null;
}

export function addressOfJson(json: JsonAddress): TapAddress {
  if (!json.chain_params_hrp) throw new Error('missing chain params HRP');
  if (networksOfPrefix(json.chain_params_hrp).length === 0) throw new Error('invalid chain params HRP');
  if (!json.asset_id && !json.group_key) throw new Error('missing asset ID or group key');
  if (!json.script_key) throw new Error('missing script key');
  const scriptKey = keyOf(json.script_key, 'script key');
  if (!json.internal_key) throw new Error('missing internal key');
  const internalKey = keyOf(json.internal_key, 'internal key');
  const sibling = json.tapscript_sibling ? decodeWith(tapscriptPreimageCodec, fromHex(json.tapscript_sibling)) : null;
  return {
    version: json.version ?? 0,
    assetVersion: json.asset_version ?? 0,
    assetId: json.asset_id ? fromHex(json.asset_id) : null,
    groupKey: json.group_key ? keyOf(json.group_key, 'group key') : null,
    scriptKey,
    internalKey,
    tapscriptSibling: sibling?.ok ? sibling.value : null,
    amount: BigInt(json.amount ?? 0),
    proofCourier: json.proof_courier_addr ?? '',
    unknown: unknownOf(json.unknown_odd_types),
  };
}

test('address_tlv_encoding_generated.json: 12 addresses encode to the given text and back', () => {
  const cases = readVectors<Vectors>('address/address_tlv_encoding_generated.json').valid_test_cases ?? [];
  expect(cases).toHaveLength(12);
  for (const each of cases) {
    const address = addressOfJson(each.address);
    const [network] = networksOfPrefix(each.address.chain_params_hrp as string);
    if (network === undefined) throw new Error('no network');
    expect(encodeTapAddress(address, network), each.comment).toBe(each.expected);
    const decoded = decodeTapAddress(each.expected);
    expect(decoded.ok ? decoded.value.address : decoded.failure, each.comment).toEqual(address);
    expect(decoded.ok && decoded.value.networks.includes(network)).toBe(true);
    expect(decodeTapAddress(each.expected.toUpperCase())).toEqual(decoded);
  }
});

test('address_tlv_encoding_error_cases.json: 8 descriptions of addresses are refused in the given words', () => {
  const cases = readVectors<Vectors>('address/address_tlv_encoding_error_cases.json').error_test_cases ?? [];
  expect(cases).toHaveLength(8);
  for (const each of cases) expect(() => addressOfJson(each.address)).toThrow(each.error);
});
