import { assert } from '../../base/assert.ts';
import { type Bytes, equalSecret } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { chacha20Stream } from '../../crypto/chacha.ts';
import { secp } from '../../crypto/ec.ts';
import { hmacSha256, sha256 } from '../../crypto/hash.ts';
import { blindingFactor, deriveKey, xorInto } from './keys.ts';

/** BOLT 4: the bytes of `hop_payloads` in a payment's onion, whose packet then has 1366. */
export const PAYMENT_PAYLOADS_LENGTH = 1300;
export const PAYMENT_PACKET_LENGTH = 1366;
/** What a packet has besides its payloads: version, ephemeral key, HMAC. */
export const PACKET_OVERHEAD = 66;
const HEADER = 34;
const HMAC = 32;

/** SHA-256 of the shared point of a public key and the node's own key; null where the key is no point. */
export type Ecdh = (publicKey: Bytes) => Bytes | null;

export const ecdhWith =
  (privateKey: Bytes): Ecdh =>
  (publicKey) =>
    secp.ecdh(publicKey, privateKey);

export interface OnionHop {
  /** The node's id, or its blinded id inside of a blinded path. */
  readonly nodeId: NodeId;
  /** The payload's TLV stream, without the length in front. At least 2 bytes. */
  readonly payload: Bytes;
}

export interface BuiltOnion {
  /** What goes to the first hop. */
  readonly packet: Bytes;
  /** One for each hop, in order: keep them to read what comes back. */
  readonly sharedSecrets: readonly Bytes[];
}

export type BuildOnionFailure =
  /** The payloads do not fit: `length` bytes are needed. */
  { readonly kind: 'too_long'; readonly length: number } | { readonly kind: 'invalid_node_id'; readonly hop: number };

/**
 * Builds an onion (BOLT 4, "Packet Construction"). `sessionKey` is a private key that is never used again; `associatedData` is the payment
 * hash for a payment and empty for a message; `payloadsLength` is 1300 unless it is a message.
 */
export function buildOnion(part: {
  readonly sessionKey: Bytes;
  readonly hops: readonly OnionHop[];
  readonly associatedData: Bytes;
  readonly payloadsLength?: number;
}): Result<BuiltOnion, BuildOnionFailure> {
  const { sessionKey, hops, associatedData, payloadsLength = PAYMENT_PAYLOADS_LENGTH } = part;
  assert(hops.length > 0, 'an onion has a hop');
  const sizes = hops.map(({ payload }) => frameLength(payload));
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  if (needed > payloadsLength) return fail({ kind: 'too_long', length: needed });
  const shared = sharedSecretsOf(sessionKey, hops);
  if (!shared.ok) return shared;

  const streams = shared.value.map((secret, i) => {
    const last = i === hops.length - 1;
    return chacha20Stream(deriveKey('rho', secret), payloadsLength + (last ? 0 : (sizes[i] as number)));
  });
  const filler = fillerOf({ streams, sizes, payloadsLength });
  // The payloads and the associated data lie side by side, because every hop's HMAC goes over both.
  const authenticated = new Uint8Array(payloadsLength + associatedData.length);
  authenticated.set(chacha20Stream(deriveKey('pad', sessionKey), payloadsLength));
  authenticated.set(associatedData, payloadsLength);
  const payloads = authenticated.subarray(0, payloadsLength);
  let hmac: Bytes = new Uint8Array(HMAC);
  for (let i = hops.length - 1; i >= 0; i--) {
    payloads.copyWithin(sizes[i] as number, 0, payloadsLength - (sizes[i] as number));
    writeFrame(payloads, (hops[i] as OnionHop).payload, hmac);
    xorInto({ target: payloads, at: 0, stream: streams[i] as Bytes, from: 0, length: payloadsLength });
    if (i === hops.length - 1) payloads.set(filler, payloadsLength - filler.length);
    hmac = hmacSha256(deriveKey('mu', shared.value[i] as Bytes), authenticated);
  }
  return ok({ packet: packetOf({ publicKey: secp.publicKey(sessionKey), payloads, hmac }), sharedSecrets: shared.value });
}

export interface PeeledOnion {
  /** The TLV stream for this hop. */
  readonly payload: Bytes;
  /** For the next hop, as long as the packet that came; null at the final node. */
  readonly nextPacket: Bytes | null;
  readonly sharedSecret: Bytes;
  /** Inside of a blinded path: the secret that the path key gives, with which the recipient's data is read. */
  readonly blindingSecret: Bytes | null;
}

export type PeelOnionFailure =
  | {
      readonly code: 'invalid_onion_version' | 'invalid_onion_hmac' | 'invalid_onion_key';
      /** SHA-256 of the packet, which the failure message carries. */
      readonly sha256OfOnion: Bytes;
    }
  /** The frame of the payload is broken: the origin is told through the onion, so its secret is here. */
  | { readonly code: 'invalid_onion_payload'; readonly type: bigint; readonly offset: number; readonly sharedSecret: Bytes }
  /** The path key that came along is no point. */
  | { readonly code: 'invalid_path_key' };

/**
 * Removes this node's layer (BOLT 4, "Onion Decryption"). `pathKey` is the one that came along with the onion, not one inside of it.
 * A packet that was seen before peels again: the node compares `onionId(sharedSecret)` with what it remembers.
 */
export function peelOnion(part: {
  readonly packet: Bytes;
  readonly ecdh: Ecdh;
  readonly associatedData: Bytes;
  readonly pathKey?: Bytes | null;
}): Result<PeeledOnion, PeelOnionFailure> {
  const { packet, ecdh, associatedData, pathKey = null } = part;
  const refuse = (code: 'invalid_onion_version' | 'invalid_onion_hmac' | 'invalid_onion_key') =>
    fail({ code, sha256OfOnion: sha256(packet) } as const);
  // BOLT 4: "if version is not 0: MUST abort processing the packet and fail."
  if (packet[0] !== 0) return refuse('invalid_onion_version');
  if (packet.length < PACKET_OVERHEAD) return refuse('invalid_onion_hmac');
  const publicKey = packet.subarray(1, HEADER);
  const blindingSecret = pathKey === null ? null : ecdh(pathKey);
  if (pathKey !== null && blindingSecret === null) return fail({ code: 'invalid_path_key' });
  // BOLT 4: "Tweak public_key by multiplying by HMAC256("blinded_node_id", blinding_ss)", so that the node's key may stay elsewhere.
  const tweaked = blindingSecret === null ? publicKey : secp.publicMultiply(publicKey, deriveKey('blinded_node_id', blindingSecret));
  const sharedSecret = tweaked === null ? null : ecdh(tweaked);
  if (sharedSecret === null) return refuse('invalid_onion_key');

  const payloadsLength = packet.length - PACKET_OVERHEAD;
  const authenticated = new Uint8Array(payloadsLength + associatedData.length);
  authenticated.set(packet.subarray(HEADER, HEADER + payloadsLength));
  authenticated.set(associatedData, payloadsLength);
  const hmac = hmacSha256(deriveKey('mu', sharedSecret), authenticated);
  // BOLT 4: "MUST use a constant time comparison of the computed HMAC and hmac."
  if (!equalSecret(hmac, packet.subarray(HEADER + payloadsLength))) return refuse('invalid_onion_hmac');

  const unwrapped = chacha20Stream(deriveKey('rho', sharedSecret), 2 * payloadsLength);
  xorInto({ target: unwrapped, at: 0, stream: authenticated, from: 0, length: payloadsLength });
  const frame = readFrame(unwrapped, payloadsLength);
  if (frame === null) return fail({ code: 'invalid_onion_payload', type: 0n, offset: 0, sharedSecret });
  const payload = unwrapped.slice(frame.from, frame.to);
  const nextHmac = unwrapped.subarray(frame.to, frame.to + HMAC);
  if (equalSecret(nextHmac, NO_HMAC)) return ok({ payload, nextPacket: null, sharedSecret, blindingSecret });

  const nextKey = secp.publicMultiply(publicKey, blindingFactor(publicKey, sharedSecret));
  if (nextKey === null) return refuse('invalid_onion_key');
  const start = frame.to + HMAC;
  const payloads = unwrapped.subarray(start, start + payloadsLength);
  return ok({ payload, nextPacket: packetOf({ publicKey: nextKey, payloads, hmac: nextHmac }), sharedSecret, blindingSecret });
}

const NO_HMAC = new Uint8Array(HMAC);

/** The bytes that a payload takes in the onion: BOLT 4's `shift_size`. */
export const frameLength = (payload: Bytes): number => payload.length + (payload.length < 0xfd ? 1 : 3) + HMAC;

function sharedSecretsOf(sessionKey: Bytes, hops: readonly OnionHop[]): Result<readonly Bytes[], BuildOnionFailure> {
  const secrets: Bytes[] = [];
  let ephemeral = sessionKey;
  for (const [i, { nodeId }] of hops.entries()) {
    const secret = secp.ecdh(nodeId, ephemeral);
    if (secret === null) return fail({ kind: 'invalid_node_id', hop: i });
    secrets.push(secret);
    if (i < hops.length - 1) ephemeral = secp.privateMultiply(ephemeral, blindingFactor(secp.publicKey(ephemeral), secret));
  }
  return ok(secrets);
}

/** BOLT 4, "Filler Generation": what the end of the payloads will be at the last hop, because every hop shifts in zeros and obfuscates them. */
function fillerOf(part: { readonly streams: readonly Bytes[]; readonly sizes: readonly number[]; readonly payloadsLength: number }): Bytes {
  const { streams, sizes, payloadsLength } = part;
  const length = sizes.slice(0, -1).reduce((sum, size) => sum + size, 0);
  const filler = new Uint8Array(length);
  let done = 0;
  for (let i = 0; i < sizes.length - 1; i++) {
    // The filler lies at the front here and grows at its end; in the packet its end is `size` bytes beyond the payloads.
    const from = payloadsLength - done;
    done += sizes[i] as number;
    xorInto({ target: filler, at: 0, stream: streams[i] as Bytes, from, length: done });
  }
  return filler;
}

function writeFrame(payloads: Bytes, payload: Bytes, hmac: Bytes): void {
  // BOLT 4: lengths 0 and 1 are reserved.
  assert(payload.length >= 2 && payload.length <= 0xffff, 'a payload has 2 bytes or more');
  let at = 0;
  if (payload.length < 0xfd) payloads[at++] = payload.length;
  else {
    payloads[at++] = 0xfd;
    payloads[at++] = payload.length >>> 8;
    payloads[at++] = payload.length & 0xff;
  }
  payloads.set(payload, at);
  payloads.set(hmac, at + payload.length);
}

/** Where the payload lies, or null where its length is malformed, reserved, or passes the end of the payloads. */
function readFrame(unwrapped: Bytes, payloadsLength: number): { readonly from: number; readonly to: number } | null {
  const first = unwrapped[0] as number;
  if (payloadsLength < 3 || first > 0xfd) return null; // 5 and 9 byte lengths are beyond any packet
  const length = first < 0xfd ? first : ((unwrapped[1] as number) << 8) | (unwrapped[2] as number);
  if (first === 0xfd && length < 0xfd) return null;
  const from = first < 0xfd ? 1 : 3;
  if (length < 2 || from + length + HMAC > payloadsLength) return null;
  return { from, to: from + length };
}

function packetOf(part: { readonly publicKey: Bytes; readonly payloads: Bytes; readonly hmac: Bytes }): Bytes {
  const packet = new Uint8Array(PACKET_OVERHEAD + part.payloads.length);
  packet.set(part.publicKey, 1);
  packet.set(part.payloads, HEADER);
  packet.set(part.hmac, HEADER + part.payloads.length);
  return packet;
}
