import type { Bytes } from '../../base/bytes.ts';
import { sha256 } from '../../crypto/hash.ts';
import { packWords } from './bech32.ts';

/** BOLT 11, "Tagged Fields": the 5-bit types (their bech32 characters are the names) and the fixed lengths in words. */
export const FIELD = { p: 1, r: 3, features: 5, x: 6, f: 9, d: 13, s: 16, n: 19, h: 23, c: 24, m: 27 } as const;

/** 32 bytes: `p`, `s`, `h`. */
export const HASH_WORDS = 52;
/** 33 bytes: `n`. */
export const NODE_ID_WORDS = 53;
export const TIMESTAMP_WORDS = 7;
/** r || s and the recovery id, 65 bytes. */
export const SIGNATURE_WORDS = 104;
/** Bytes of one hop of an `r` field. */
export const HINT_LENGTH = 51;
/** The ten bits of `data_length`. */
export const MAX_FIELD_WORDS = 1023;

/** What is signed. BOLT 11: SHA-256 of the human-readable part and of the data part without the signature, padded with zero bits to whole bytes. */
export function signedHash(hrp: string, words: Bytes): Bytes {
  const message = new Uint8Array(hrp.length + Math.ceil((words.length * 5) / 8));
  for (let i = 0; i < hrp.length; i++) message[i] = hrp.charCodeAt(i);
  const left = packWords({ words, from: 0, to: words.length }, message, hrp.length);
  if ((words.length * 5) % 8 !== 0) message[message.length - 1] = left;
  return sha256(message);
}
