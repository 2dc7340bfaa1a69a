import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { ripemd160 as nobleRipemd160, sha1 as nobleSha1 } from '@noble/hashes/legacy.js';
import { sha256 as nobleSha256, sha512 as nobleSha512 } from '@noble/hashes/sha2.js';
import { type Bytes, concat, utf8 } from '../base/bytes.ts';

export const sha256 = (data: Bytes): Bytes => nobleSha256(data);
/** Of two parts one after the other, without a copy of both. */
export const sha256Pair = (first: Bytes, second: Bytes): Bytes => nobleSha256.create().update(first).update(second).digest();
export const sha512 = (data: Bytes): Bytes => nobleSha512(data);
export const sha256d = (data: Bytes): Bytes => nobleSha256(nobleSha256(data));
/** Only where a script asks for it: collisions are known. */
export const sha1 = (data: Bytes): Bytes => nobleSha1(data);
export const ripemd160 = (data: Bytes): Bytes => nobleRipemd160(data);
export const hash160 = (data: Bytes): Bytes => nobleRipemd160(nobleSha256(data));
export const hmacSha256 = (key: Bytes, data: Bytes): Bytes => hmac(nobleSha256, key, data);
export const hmacSha512 = (key: Bytes, data: Bytes): Bytes => hmac(nobleSha512, key, data);
/** RFC 5869 with SHA-256. */
export const hkdfSha256 = (part: { readonly salt: Bytes; readonly ikm: Bytes; readonly info: Bytes; readonly length: number }): Bytes =>
  nobleHkdf(nobleSha256, part.ikm, part.salt, part.info, part.length);

const tags = new Map<string, Bytes>();

/** BIP 340: SHA-256 with the tag's hash twice in front. */
export function taggedHash(tag: string, ...parts: readonly Bytes[]): Bytes {
  let prefix = tags.get(tag);
  if (prefix === undefined) {
    const digest = nobleSha256(utf8(tag));
    prefix = concat(digest, digest);
    tags.set(tag, prefix);
  }
  return nobleSha256(concat(prefix, ...parts));
}
