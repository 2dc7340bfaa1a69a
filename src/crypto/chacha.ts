import { chacha20poly1305, chacha20 as nobleChacha20, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { type Bytes, EMPTY } from '../base/bytes.ts';

/** What seals and opens: a key of 32 bytes, a nonce of 12 (XChaCha: 24) that the key never sees twice, and associated data (none by default). */
export interface AeadKey {
  readonly key: Bytes;
  readonly nonce: Bytes;
  readonly ad?: Bytes;
}

/** ChaCha20-Poly1305 (RFC 8439): the ciphertext followed by its tag of 16 bytes. Written to `output` (16 bytes longer) where given. */
export function seal({ key, nonce, ad = EMPTY }: AeadKey, plaintext: Bytes, output?: Bytes): Bytes {
  return chacha20poly1305(key, nonce, ad).encrypt(plaintext, output);
}

/** The plaintext of `sealed`, or null where the tag does not match or is missing. Written to `output` (16 bytes shorter) where given. */
export function open({ key, nonce, ad = EMPTY }: AeadKey, sealed: Bytes, output?: Bytes): Bytes | null {
  if (sealed.length < 16) return null;
  try {
    return chacha20poly1305(key, nonce, ad).decrypt(sealed, output);
  } catch {
    return null;
  }
}

/** XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha): the same with a nonce of 24 bytes, which may be random. */
export const sealX = ({ key, nonce, ad = EMPTY }: AeadKey, plaintext: Bytes): Bytes => xchacha20poly1305(key, nonce, ad).encrypt(plaintext);

/** The plaintext, or null where the tag does not match or is missing. */
export function openX({ key, nonce, ad = EMPTY }: AeadKey, sealed: Bytes): Bytes | null {
  if (sealed.length < 16) return null;
  try {
    return xchacha20poly1305(key, nonce, ad).decrypt(sealed);
  } catch {
    return null;
  }
}

/** `data` XOR the ChaCha20 stream (RFC 8439) of a 12-byte nonce, from block 0. */
export function chacha20Xor({ key, nonce }: { readonly key: Bytes; readonly nonce: Bytes }, data: Bytes): Bytes {
  return nobleChacha20(key, nonce, data);
}

/** The first `length` bytes of the ChaCha20 stream, which BOLT 4 uses with a nonce of zeros. */
export function chacha20Stream(key: Bytes, length: number): Bytes {
  return nobleChacha20(key, ZERO_NONCE, new Uint8Array(length));
}

const ZERO_NONCE = new Uint8Array(12);
