import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import type { Bytes } from '../base/bytes.ts';
import { fail, ok, type Result } from '../base/result.ts';

export interface MnemonicFailure {
  readonly code: 'MALFORMED' | 'CHECKSUM';
  readonly message: string;
}

/** BIP 39: the English words of 16, 20, 24, 28 or 32 bytes of entropy. */
export const mnemonicOfEntropy = (entropy: Bytes): string => entropyToMnemonic(entropy, wordlist);

/** BIP 39: the entropy of a sentence; spaces and case do not matter. The failure never quotes the words. */
export function entropyOfMnemonic(sentence: string): Result<Bytes, MnemonicFailure> {
  const words = wordsOf(sentence);
  if (![12, 15, 18, 21, 24].includes(words.length))
    return fail({ code: 'MALFORMED', message: `${words.length} words where 12, 15, 18, 21 or 24 belong` });
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown !== -1) return fail({ code: 'MALFORMED', message: `word ${unknown + 1} is not in the English BIP 39 list` });
  try {
    return ok(mnemonicToEntropy(words.join(' '), wordlist));
  } catch {
    return fail({ code: 'CHECKSUM', message: 'the checksum in the last word does not match: a word is wrong or out of place' });
  }
}

/** BIP 39: the 64-byte seed of a valid sentence. 2048 rounds of PBKDF2: tens of milliseconds, so store the seed rather than the words. */
export function seedOfMnemonic(sentence: string, passphrase = ''): Result<Bytes, MnemonicFailure> {
  const entropy = entropyOfMnemonic(sentence);
  return entropy.ok ? ok(mnemonicToSeedSync(wordsOf(sentence).join(' '), passphrase)) : entropy;
}

const wordsOf = (sentence: string): readonly string[] =>
  sentence
    .normalize('NFKD')
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
