import { type Bytes, utf8 } from '../../base/bytes.ts';
import { hmacSha256, sha256 } from '../../crypto/hash.ts';

/** BOLT 4, "Key Generation": the key types, ASCII without a terminating zero. */
const KEY_TYPES = {
  rho: utf8('rho'),
  mu: utf8('mu'),
  um: utf8('um'),
  pad: utf8('pad'),
  ammag: utf8('ammag'),
  ammagext: utf8('ammagext'),
  blinded_node_id: utf8('blinded_node_id'),
} as const;

/** A key of 32 bytes for one purpose, of a secret of 32 bytes. BOLT 4: the HMAC with the key type as key and the secret as message. */
export const deriveKey = (type: keyof typeof KEY_TYPES, secret: Bytes): Bytes => hmacSha256(KEY_TYPES[type], secret);

/**
 * What identifies an onion that was received, 32 bytes: the node remembers it for as long as the HTLC could be replayed. A packet that is
 * sent again has the same shared secret, and nobody can make another packet with it.
 */
export const onionId = (sharedSecret: Bytes): Bytes => sha256(sharedSecret);

/** BOLT 4, "Blinding Ephemeral Onion Keys": the factor from one hop's ephemeral (or path) key to the next one's. */
export function blindingFactor(publicKey: Bytes, sharedSecret: Bytes): Bytes {
  const both = new Uint8Array(65);
  both.set(publicKey);
  both.set(sharedSecret, 33);
  return sha256(both);
}

/** `target[at + i] ^= stream[from + i]` for `length` bytes. */
export function xorInto(part: {
  readonly target: Bytes;
  readonly at: number;
  readonly stream: Bytes;
  readonly from: number;
  readonly length: number;
}): void {
  const { target, at, stream, from, length } = part;
  for (let i = 0; i < length; i++) target[at + i]! ^= stream[from + i] as number;
}
