import { assert } from '../../base/assert.ts';
import { type Bytes, equalSecret } from '../../base/bytes.ts';
import { chacha20Xor } from '../../crypto/chacha.ts';
import { hmacSha256 } from '../../crypto/hash.ts';
import { ATTRIBUTION_DATA_LENGTH, addAttribution, MAX_ATTRIBUTED_HOPS, readAttribution } from './attribution.ts';
import { deriveKey } from './keys.ts';

/** BOLT 4: "SHOULD set pad such that the failure_len plus pad_len is equal to 256." */
const FAILURE_LENGTH = 256;
const HMAC = 32;
/** BOLT 4: "SHOULD continue decrypting, until the loop has been repeated 27 times" */
const DECRYPTIONS = 27;
const NONCE = new Uint8Array(12);
const DUMMY_SECRET = new Uint8Array(32).fill(1);

/** What goes back upstream for a failed HTLC: the `reason` of `update_fail_htlc` and its `attribution_data`. */
export interface FailurePacket {
  readonly packet: Bytes;
  /** null where it is not offered or not made. */
  readonly attributionData: Bytes | null;
}

/**
 * The return packet of the erring node. `message` is an encoded failure message, which is padded to `length` (256 or more) bytes.
 * `holdTime` in units of 100 ms; null makes no attribution data.
 */
export function buildFailure(part: {
  readonly sharedSecret: Bytes;
  readonly message: Bytes;
  readonly holdTime: number | null;
  readonly length?: number;
}): FailurePacket {
  const { sharedSecret, message, holdTime, length = FAILURE_LENGTH } = part;
  // BOLT 4: "MUST set pad such that the failure_len plus pad_len is at least 256."
  assert(length >= FAILURE_LENGTH && length <= 0xffff, 'a failure is padded to 256 bytes or more');
  const padded = Math.max(length, message.length);
  const packet = new Uint8Array(HMAC + 2 + padded + 2);
  const view = new DataView(packet.buffer);
  view.setUint16(HMAC, message.length);
  packet.set(message, HMAC + 2);
  view.setUint16(HMAC + 2 + message.length, padded - message.length);
  packet.set(hmacSha256(deriveKey('um', sharedSecret), packet.subarray(HMAC)));
  return wrapFailure({ sharedSecret, packet, received: null, holdTime });
}

/** The same packet on its way upstream through one more hop. `received` is the attribution data that came with it. */
export function wrapFailure(part: {
  readonly sharedSecret: Bytes;
  readonly packet: Bytes;
  readonly received: Bytes | null;
  readonly holdTime: number | null;
}): FailurePacket {
  const { sharedSecret, packet, received, holdTime } = part;
  return {
    packet: obfuscated(packet, sharedSecret),
    attributionData: holdTime === null ? null : addAttribution({ sharedSecret, packet, received, holdTime }),
  };
}

/** The `attribution_data` of `update_fulfill_htlc`: the same without a packet. */
export const wrapFulfill = (part: { readonly sharedSecret: Bytes; readonly received: Bytes | null; readonly holdTime: number }): Bytes =>
  addAttribution({ ...part, packet: NOTHING });

const NOTHING = new Uint8Array(0);

export interface Attribution {
  /** Of the hops whose data was right, nearest first, in units of 100 ms. */
  readonly holdTimes: readonly number[];
  /** The first hop whose HMAC was wrong: it or the hop behind it tampered, or does not support attribution. null: none was. */
  readonly brokenAt: number | null;
}

export type DecodedFailure =
  /** `hopIndex` counts from 0, the first hop of the route. `message` is an encoded failure message that the hop authenticated. */
  | { readonly kind: 'failure'; readonly hopIndex: number; readonly message: Bytes; readonly attribution: Attribution | null }
  /** No hop of the route made it, or one tampered with it on the way. */
  | { readonly kind: 'unreadable'; readonly attribution: Attribution | null };

/** The origin's reading of a return packet, with the secrets that building the onion gave. */
export function decodeFailure(part: {
  readonly packet: Bytes;
  readonly sharedSecrets: readonly Bytes[];
  readonly attributionData?: Bytes | null;
}): DecodedFailure {
  const { sharedSecrets, attributionData = null } = part;
  let packet = part.packet;
  let found: { readonly hopIndex: number; readonly message: Bytes } | null = null;
  const peeled: Bytes[] = [];
  // The decryptions after the erring hop are for nothing but time: it must not tell where on the route that hop was.
  for (let i = 0; i < Math.max(DECRYPTIONS, sharedSecrets.length); i++) {
    const secret = sharedSecrets[i] ?? DUMMY_SECRET;
    packet = obfuscated(packet, secret);
    const message = authenticated(packet, secret);
    if (i >= sharedSecrets.length || found !== null) continue;
    peeled.push(packet);
    if (message !== null) found = { hopIndex: i, message };
  }
  const attribution = attributionData === null ? null : attributionOf({ packets: peeled, sharedSecrets, attributionData });
  return found === null ? { kind: 'unreadable', attribution } : { kind: 'failure', ...found, attribution };
}

/** The origin's reading of the attribution data of a fulfilled HTLC. */
export const decodeFulfill = (part: { readonly sharedSecrets: readonly Bytes[]; readonly attributionData: Bytes }): Attribution =>
  attributionOf({ ...part, packets: part.sharedSecrets.map(() => NOTHING) });

/** `packets[i]` is the return packet with the streams of hops 0 to i removed; there is none beyond the erring hop. */
function attributionOf(part: {
  readonly packets: readonly Bytes[];
  readonly sharedSecrets: readonly Bytes[];
  readonly attributionData: Bytes;
}): Attribution {
  const holdTimes: number[] = [];
  if (part.attributionData.length !== ATTRIBUTION_DATA_LENGTH) return { holdTimes, brokenAt: 0 };
  let received = part.attributionData;
  for (let i = 0; i < Math.min(part.packets.length, MAX_ATTRIBUTED_HOPS); i++) {
    const distance = Math.min(part.sharedSecrets.length, MAX_ATTRIBUTED_HOPS) - 1 - i;
    const hop = readAttribution({ sharedSecret: part.sharedSecrets[i] as Bytes, packet: part.packets[i] as Bytes, received, distance });
    if (!hop.valid) return { holdTimes, brokenAt: i };
    holdTimes.push(hop.holdTime);
    received = hop.rest;
  }
  return { holdTimes, brokenAt: null };
}

/** The failure message inside, where the HMAC in front is by the node with this secret. */
function authenticated(packet: Bytes, sharedSecret: Bytes): Bytes | null {
  const um = deriveKey('um', sharedSecret);
  const hmac = hmacSha256(um, packet.subarray(HMAC));
  if (packet.length < HMAC + 4 || !equalSecret(hmac, packet.subarray(0, HMAC))) return null;
  const length = ((packet[HMAC] as number) << 8) | (packet[HMAC + 1] as number);
  const end = HMAC + 2 + length;
  if (end > packet.length) return null;
  return packet.slice(HMAC + 2, end);
}

const obfuscated = (packet: Bytes, sharedSecret: Bytes): Bytes =>
  chacha20Xor({ key: deriveKey('ammag', sharedSecret), nonce: NONCE }, packet);
