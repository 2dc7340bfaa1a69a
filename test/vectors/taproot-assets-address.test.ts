import { expect, test } from 'vitest';
import { decodeTapAddress, encodeTapAddress } from '../../src/asset/address/address.ts';
import { networksOfPrefix } from '../../src/asset/address/network.ts';
import { addressOfJson, type JsonAddress } from './taproot-assets-json.ts';
import { readVectors } from './taproot-assets-read.ts';

interface Vectors {
  readonly valid_test_cases: readonly { readonly address: JsonAddress; readonly expected: string; readonly comment: string }[] | null;
  readonly error_test_cases: readonly { readonly address: JsonAddress; readonly error: string }[] | null;
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
