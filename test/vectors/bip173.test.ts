import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { decodeAddress, encodeAddress } from '../../src/bitcoin/address.ts';
import bip173 from './bip173-bech32.json' with { type: 'json' };

// BIP 350 superseded Bech32 for versions above 0, so only the version 0 addresses of BIP 173 are still valid.
const current = bip173.valid_addresses.filter((v) => v.scriptPubKey.startsWith('00'));
const superseded = bip173.valid_addresses.filter((v) => !v.scriptPubKey.startsWith('00'));

test.each(current)('$address decodes to its script and back', ({ address, scriptPubKey }) => {
  const decoded = decodeAddress(address);
  expect(decoded.ok && toHex(decoded.value.script)).toBe(scriptPubKey);
  expect(decoded.ok && encodeAddress(decoded.value.script, decoded.value.networks[0] ?? 'regtest')).toBe(address.toLowerCase());
});
test.each(superseded)('$address, a later version in bech32, is refused', ({ address }) => {
  expect(decodeAddress(address).ok).toBe(false);
});
test.each(bip173.invalid_addresses)('$address is refused: $reason', ({ address }) => {
  expect(decodeAddress(address).ok).toBe(false);
});
test('there are vectors of each kind', () => {
  expect([current.length, superseded.length, bip173.invalid_addresses.length]).toEqual([3, 3, 10]);
});
