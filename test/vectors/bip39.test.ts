import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { formatXprv, masterKey } from '../../src/bitcoin/bip32.ts';
import { entropyOfMnemonic, mnemonicOfEntropy, seedOfMnemonic } from '../../src/bitcoin/mnemonic.ts';
import vectors from './bip39-english.json' with { type: 'json' };

test.each(vectors.cases)('entropy $entropy: words, seed and master key are the vector’s', ({ entropy, mnemonic, seed, xprv }) => {
  expect(mnemonicOfEntropy(fromHex(entropy))).toBe(mnemonic);
  const back = entropyOfMnemonic(`  ${mnemonic.toUpperCase().replaceAll(' ', '\n ')} `);
  expect(back.ok && toHex(back.value)).toBe(entropy);
  const made = seedOfMnemonic(mnemonic, vectors.passphrase);
  expect(made.ok && toHex(made.value)).toBe(seed);
  expect(made.ok && formatXprv(masterKey(made.value), 'bitcoin')).toBe(xprv);
});

test('a wrong word, a wrong count and a wrong checksum are told apart, and no word is quoted', () => {
  const words = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon'.split(' ');
  expect(entropyOfMnemonic([...words, 'about'].join(' ')).ok).toBe(true);
  const swapped = entropyOfMnemonic([...words, 'abandon'].join(' '));
  expect(!swapped.ok && swapped.failure.code).toBe('CHECKSUM');
  const unknown = entropyOfMnemonic([...words, 'secretword'].join(' '));
  expect(!unknown.ok && unknown.failure).toEqual({ code: 'MALFORMED', message: 'word 12 is not in the English BIP 39 list' });
  expect(entropyOfMnemonic(words.join(' ')).ok).toBe(false);
});
