import { expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { encodeAddress } from '../../src/bitcoin/address.ts';
import { parsePath } from '../../src/bitcoin/bip32.ts';
import { fullPath, hdKeys, type KeyPath } from '../../src/bitcoin/hd.ts';
import { seedOfMnemonic } from '../../src/bitcoin/mnemonic.ts';
import vectors from './bip84-p2wpkh.json' with { type: 'json' };

const seed = seedOfMnemonic(vectors.mnemonic);
if (!seed.ok) throw new Error('mnemonic');
const keys = hdKeys(seed.value, 'bitcoin').wallet;

test.each(vectors.keys.filter((key) => 'address' in key))('$label has the BIP’s key and address', ({ path, pubkey, address }) => {
  const at = pathOf(path);
  expect(fullPath(at, 'bitcoin')).toEqual(parsePath(path));
  expect(toHex(keys.publicKey(at))).toBe(pubkey);
  expect(encodeAddress(keys.script(at), 'bitcoin')).toBe(address);
});

function pathOf(path: string): KeyPath {
  const [chain, index] = path.split('/').slice(-2).map(Number);
  return { account: 'p2wpkh', chain: chain === 0 ? 'receive' : 'change', index: index ?? 0 };
}
