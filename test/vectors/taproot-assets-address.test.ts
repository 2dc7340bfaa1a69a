import { bech32m } from '@scure/base';
import { expect, test } from 'vitest';
import { decodeTapAddress, encodeTapAddress } from '../../src/asset/address/address.ts';
import { networksOfPrefix } from '../../src/asset/address/network.ts';
import { decodeWith, encodeWith } from '../../src/codec/codec.ts';
import { rawTlvStream, type TlvRecord } from '../../src/codec/tlv.ts';
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
  // The same as text, of an address that is valid but for this.
  const [valid] = readVectors<Vectors>('address/address_tlv_encoding_generated.json').valid_test_cases ?? [];
  const { prefix, words } = bech32m.decode(valid?.expected as `${string}1${string}`, false);
  const records = decodeWith(rawTlvStream, bech32m.fromWords(words));
  if (!records.ok) throw new Error(records.failure.message);
  const without = (...types: readonly bigint[]) => records.value.filter((each) => !types.includes(each.type));
  const withValue = (type: bigint, length: number) =>
    [...without(type), { type, value: new Uint8Array(length).fill(2) }].sort((a, b) => Number(a.type - b.type));
  const text = (stream: readonly TlvRecord[], hrp: string = prefix) =>
    bech32m.encode(hrp, bech32m.toWords(encodeWith(rawTlvStream, stream)), false);
  const bent: Record<string, readonly [text: string, code: string]> = {
    'missing chain params HRP': [text(records.value).slice(prefix.length), 'MALFORMED'],
    'invalid chain params HRP': [text(records.value, 'tapxx'), 'WRONG_NETWORK'],
    'missing asset ID or group key': [text(without(4n, 5n)), 'MALFORMED'],
    'missing script key': [text(without(6n)), 'MALFORMED'],
    'invalid script key length': [text(withValue(6n, 32)), 'MALFORMED'],
    'missing internal key': [text(without(8n)), 'MALFORMED'],
    'invalid internal key length': [text(withValue(8n, 32)), 'MALFORMED'],
    'invalid group key length': [text(withValue(5n, 32)), 'MALFORMED'],
  };
  for (const { error } of cases) {
    const [given, code] = bent[error] ?? ['', ''];
    const decoded = decodeTapAddress(given);
    expect([error, decoded.ok ? 'read' : decoded.failure.code]).toEqual([error, code]);
  }
});
