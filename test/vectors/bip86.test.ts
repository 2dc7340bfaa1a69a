import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { encodeAddress } from '../../src/bitcoin/address.ts';
import { formatXpub, parsePath } from '../../src/bitcoin/bip32.ts';
import { fullPath, hdKeys, type KeyPath } from '../../src/bitcoin/hd.ts';
import { seedOfMnemonic } from '../../src/bitcoin/mnemonic.ts';
import vectors from './bip86-p2tr.json' with { type: 'json' };

const seed = seedOfMnemonic(vectors.mnemonic);
if (!seed.ok) throw new Error('mnemonic');
const keys = hdKeys(seed.value, 'bitcoin').wallet;
const [account, ...addresses] = vectors.keys;

test('the account key is the BIP’s', () => {
  expect(formatXpub(keys.accountKey('p2tr'), 'bitcoin')).toBe(account?.xpub);
});

test.each(addresses)('$label has the BIP’s internal key, script and address', ({ path, internal_key, scriptPubKey, address }) => {
  const at = pathOf(path);
  expect(fullPath(at, 'bitcoin')).toEqual(parsePath(path));
  expect(toHex(keys.publicKey(at)).slice(2)).toBe(internal_key);
  expect(toHex(keys.script(at))).toBe(scriptPubKey);
  expect(encodeAddress(keys.script(at), 'bitcoin')).toBe(address);
});

function pathOf(path: string): KeyPath {
  const [chain, index] = path.split('/').slice(-2).map(Number);
  return { account: 'p2tr', chain: chain === 0 ? 'receive' : 'change', index: index ?? 0 };
}
