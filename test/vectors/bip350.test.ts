import { bech32m } from '@scure/base';
import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { decodeAddress, encodeAddress } from '../../src/bitcoin/address.ts';
import bip350 from './bip350-bech32m.json' with { type: 'json' };

test.each(bip350.valid_addresses)('$address decodes to its script and back', ({ address, scriptPubKey }) => {
  const decoded = decodeAddress(address);
  expect(decoded.ok && toHex(decoded.value.script)).toBe(scriptPubKey);
  expect(decoded.ok && encodeAddress(decoded.value.script, decoded.value.networks[0] ?? 'regtest')).toBe(address.toLowerCase());
});
test.each(bip350.invalid_addresses)('$address is refused: $reason', ({ address }) => {
  expect(decodeAddress(address).ok).toBe(false);
});
test.each(bip350.valid)('the bech32m string %s is accepted by the library behind addresses', (text) => {
  expect(() => bech32m.decode(text as `${string}1${string}`, 90)).not.toThrow();
});
test.each(bip350.invalid)('the bech32m string $string is refused by the library behind addresses: $reason', ({ string }) => {
  expect(() => bech32m.decode(string as `${string}1${string}`, 90)).toThrow();
});
