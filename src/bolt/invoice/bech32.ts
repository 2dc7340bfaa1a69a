import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';

/**
 * Bech32 (BIP 173) without its limit of 90 characters, as BOLT 11 uses it. "Words" are 5-bit groups, one in each byte of an array.
 * Plain loops over typed arrays: decoding invoices is a hot path.
 */
export interface Bech32 {
  /** Lower case. */
  readonly hrp: string;
  /** The data part without the checksum. */
  readonly words: Bytes;
}

export type Bech32Failure = 'character' | 'mixed_case' | 'no_separator' | 'too_short' | 'checksum';

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const CHECKSUM_LENGTH = 6;
const NONE = 255;
const SEPARATOR = 0x31;
const BECH32 = 1;

/** Word of a character code of either case, NONE elsewhere. */
const WORD_OF = new Uint8Array(128).fill(NONE);
/** What the checksum folds in for the five bits that fall out at the top. */
const FOLD = new Int32Array(32);

for (let i = 0; i < 32; i++) {
  WORD_OF[CHARSET.charCodeAt(i)] = i;
  WORD_OF[CHARSET.toUpperCase().charCodeAt(i)] = i;
  const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let fold = 0;
  for (let bit = 0; bit < 5; bit++) if ((i >>> bit) & 1) fold ^= generators[bit] as number;
  FOLD[i] = fold;
}

/** Human-readable part and words of `text`; the whole text in one case, the checksum right. */
export function decodeBech32(text: string): Result<Bech32, Bech32Failure> {
  const length = text.length;
  let cases = 0;
  let separator = -1;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    // BIP 173: the human-readable part holds US-ASCII characters 33 to 126.
    if (code < 33 || code > 126) return fail('character');
    if (code === SEPARATOR) separator = i;
    else if (code >= 0x61 && code <= 0x7a) cases |= 1;
    else if (code >= 0x41 && code <= 0x5a) cases |= 2;
  }
  if (cases === 3) return fail('mixed_case');
  if (separator < 1) return fail('no_separator');
  const count = length - separator - 1;
  if (count < CHECKSUM_LENGTH) return fail('too_short');

  const hrp = text.slice(0, separator).toLowerCase();
  const words = new Uint8Array(count);
  let checksum = checksumOfHrp(hrp);
  for (let i = 0; i < count; i++) {
    const word = WORD_OF[text.charCodeAt(separator + 1 + i)] as number;
    if (word === NONE) return fail('character');
    words[i] = word;
    checksum = ((checksum & 0x1ffffff) << 5) ^ word ^ (FOLD[checksum >>> 25] as number);
  }
  if (checksum !== BECH32) return fail('checksum');
  return ok({ hrp, words: words.subarray(0, count - CHECKSUM_LENGTH) });
}

/** The text of `words` behind a lower-case `hrp`. */
export function encodeBech32(hrp: string, words: Bytes): string {
  let checksum = checksumOfHrp(hrp);
  let text = `${hrp}1`;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    checksum = ((checksum & 0x1ffffff) << 5) ^ word ^ (FOLD[checksum >>> 25] as number);
    text += CHARSET[word];
  }
  for (let i = 0; i < CHECKSUM_LENGTH; i++) checksum = ((checksum & 0x1ffffff) << 5) ^ (FOLD[checksum >>> 25] as number);
  checksum ^= BECH32;
  for (let i = 0; i < CHECKSUM_LENGTH; i++) text += CHARSET[(checksum >>> (5 * (5 - i))) & 31];
  return text;
}

function checksumOfHrp(hrp: string): number {
  let checksum = 1;
  for (let i = 0; i < hrp.length; i++)
    checksum = ((checksum & 0x1ffffff) << 5) ^ (hrp.charCodeAt(i) >>> 5) ^ (FOLD[checksum >>> 25] as number);
  checksum = ((checksum & 0x1ffffff) << 5) ^ (FOLD[checksum >>> 25] as number);
  for (let i = 0; i < hrp.length; i++)
    checksum = ((checksum & 0x1ffffff) << 5) ^ (hrp.charCodeAt(i) & 31) ^ (FOLD[checksum >>> 25] as number);
  return checksum;
}

/** Whole bytes of `words[from, to)`; the bits left over at the end are padding and dropped. */
export function bytesOfWords(words: Bytes, from = 0, to = words.length): Bytes {
  const out = new Uint8Array(((to - from) * 5) >>> 3);
  packWords({ words, from, to }, out, 0);
  return out;
}

/** Writes the bits of `words[from, to)` to `out` from `at` on, as far as whole bytes go, and returns the bits left over, left-aligned in a byte. */
export function packWords(part: { readonly words: Bytes; readonly from: number; readonly to: number }, out: Bytes, at: number): number {
  const { words, to } = part;
  let bits = 0;
  let held = 0;
  let next = at;
  for (let i = part.from; i < to; i++) {
    held = (held << 5) | (words[i] as number);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[next++] = held >>> bits;
    }
  }
  return (held << (8 - bits)) & 0xff;
}

/** Words of `bytes`, the last one padded with zero bits. */
export function wordsOfBytes(bytes: Bytes): Bytes {
  const out = new Uint8Array(Math.ceil((bytes.length * 8) / 5));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < bytes.length; i++) {
    held = (held << 8) | (bytes[i] as number);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out[at++] = (held >>> bits) & 31;
    }
  }
  if (bits > 0) out[at] = (held << (5 - bits)) & 31;
  return out;
}

/** Big-endian number of `words[from, to)`, at most ten of them (50 bits). */
export function numberOfWords(words: Bytes, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) value = value * 32 + (words[i] as number);
  return value;
}

/** The shortest big-endian words of a number: none for 0. */
export function wordsOfNumber(value: number): Bytes {
  const words: number[] = [];
  for (let left = value; left > 0; left = Math.floor(left / 32)) words.unshift(left % 32);
  return Uint8Array.from(words);
}
