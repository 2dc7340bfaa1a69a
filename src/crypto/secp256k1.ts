import type { Bytes } from '../base/bytes.ts';

/**
 * What lnkit needs of secp256k1 (SEC 2, BIP 340), behind which a native and a pure implementation stand.
 *
 * Keys: private 32 bytes, public 33 bytes compressed. ECDSA signatures: 64 bytes r || s; `sign` gives the RFC 6979 nonce and low s.
 * Hashes are 32 bytes. Functions on outside data return null or false for what is invalid; `privateKey` arguments are our own and throw.
 */
export interface Secp256k1 {
  readonly name: 'native' | 'noble';
  publicKey(privateKey: Bytes): Bytes;
  isPrivateKey(bytes: Bytes): boolean;
  isPublicKey(bytes: Bytes): boolean;
  sign(hash: Bytes, privateKey: Bytes): Bytes;
  signRecoverable(hash: Bytes, privateKey: Bytes): { readonly signature: Bytes; readonly recovery: number };
  /** High s is refused, as BOLT 2 and Bitcoin's standardness do; see `normalize`. */
  verify(signature: Bytes, hash: Bytes, publicKey: Bytes): boolean;
  recover(signature: Bytes, recovery: number, hash: Bytes): Bytes | null;
  /** The same signature with low s. */
  normalize(signature: Bytes): Bytes | null;
  /** SHA-256 of the compressed shared point (libsecp256k1's default, what BOLT 4 and 8 use). */
  ecdh(publicKey: Bytes, privateKey: Bytes): Bytes | null;
  /** publicKey + tweak * G. */
  publicAddTweak(publicKey: Bytes, tweak: Bytes): Bytes | null;
  /** publicKey * tweak. */
  publicMultiply(publicKey: Bytes, tweak: Bytes): Bytes | null;
  /** Sum of points. */
  publicAdd(keys: readonly Bytes[]): Bytes | null;
  privateAdd(privateKey: Bytes, tweak: Bytes): Bytes;
  privateMultiply(privateKey: Bytes, tweak: Bytes): Bytes;
  privateNegate(privateKey: Bytes): Bytes;
  /** BIP 340 with `aux` of 32 bytes. */
  schnorrSign(message: Bytes, privateKey: Bytes, aux: Bytes): Bytes;
  schnorrVerify(signature: Bytes, message: Bytes, xOnlyKey: Bytes): boolean;
}
