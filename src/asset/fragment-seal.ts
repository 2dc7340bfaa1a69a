import { must } from '../base/assert.ts';
import { type Bytes, concat, utf8 } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { openX, sealX } from '../crypto/chacha.ts';
import { secp } from '../crypto/ec.ts';
import { hkdfSha256 } from '../crypto/hash.ts';
import { type AssetFailure, refuse } from './failure.ts';

/**
 * How a message to a public key is sealed (ECIES): the shared secret of that key and one that is made for the message, stretched by HKDF-SHA256
 * with the nonce as salt, is the key of XChaCha20-Poly1305. On the wire: version, length and bytes of what is only authenticated (the key that
 * was made for it), nonce, ciphertext with its tag.
 */

const VERSION = 1;
const NONCE = 24;
const TAG = 16;
const INFO = utf8('ECIES-HKDF-SHA256-XCHA20POLY1305');

/** `ephemeral` (32 bytes, a private key) and `nonce` (24 bytes) must be fresh. */
export function sealTo(receiver: Bytes, message: Bytes, { ephemeral, nonce }: { readonly ephemeral: Bytes; readonly nonce: Bytes }): Bytes {
  const ad = secp.publicKey(ephemeral);
  const secret = must(secp.ecdh(receiver, ephemeral) ?? undefined, "the receiver's key is a point");
  const sealed = sealX({ key: stretched(secret, nonce), nonce, ad }, message);
  return concat(Uint8Array.of(VERSION, ad.length), ad, nonce, sealed);
}

/** The message to the key of `privateKey`. Whoever sealed it need not be the sender: what it says has to be verified. */
export function openSealed(
  sealed: Bytes,
  privateKey: Bytes,
): Result<Bytes, AssetFailure<'MALFORMED' | 'UNKNOWN_VERSION' | 'NOT_DECRYPTED'>> {
  const [version, length] = sealed;
  if (version === undefined || length === undefined) return refuse('MALFORMED', 'an empty message');
  if (version !== VERSION) return refuse('UNKNOWN_VERSION', `a message sealed in version ${version}`);
  const body = 2 + length;
  if (sealed.length < body + NONCE + TAG) return refuse('MALFORMED', 'a message that is cut off');
  const ad = sealed.subarray(2, body);
  const nonce = sealed.subarray(body, body + NONCE);
  const secret = secp.isPublicKey(ad) ? secp.ecdh(ad, privateKey) : null;
  if (secret === null) return refuse('MALFORMED', 'the message names no key');
  const opened = openX({ key: stretched(secret, nonce), nonce, ad }, sealed.subarray(body + NONCE));
  return opened === null ? refuse('NOT_DECRYPTED', 'the message is for another key, or was changed') : ok(opened);
}

const stretched = (secret: Bytes, nonce: Bytes): Bytes => hkdfSha256({ ikm: secret, salt: nonce, info: INFO, length: 32 });
