import type { Bytes } from '../../base/bytes.ts';

/** Zooko's human-oriented base-32 encoding: lower case, no padding. */
const ALPHABET = 'ybndrfg8ejkmcpqxot1uwisza345h769';

export function encodeZbase32(bytes: Bytes): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >>> bits) & 31];
    }
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

/** The bytes, or null where the text has another character, a length that no bytes have, or bits left over that are not zero. */
export function decodeZbase32(text: string): Bytes | null {
  const out = new Uint8Array((text.length * 5) >>> 3);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value === -1) return null;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = held >>> bits;
    }
  }
  return bits >= 5 || (held & ((1 << bits) - 1)) !== 0 ? null : out;
}
