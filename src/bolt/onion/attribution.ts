import { assert } from '../../base/assert.ts';
import { type Bytes, equalSecret } from '../../base/bytes.ts';
import { chacha20Stream } from '../../crypto/chacha.ts';
import { hmacSha256 } from '../../crypto/hash.ts';
import { deriveKey, xorInto } from './keys.ts';

/**
 * BOLT 4, `attribution_data`: for each hop how long it held the HTLC, and truncated HMACs by which the origin finds the hop that tampered.
 * Hold times come first, 20 of them with the nearest hop's in front. Then the HMACs: `hmac_x_y` is by node x (0 is the one that handles the
 * data now) for the case that it is y hops away from the erring node, in the order 0_19 .. 0_0, 1_18 .. 1_0, ..., 19_0.
 */
export const MAX_ATTRIBUTED_HOPS = 20;
const HOLD_TIME = 4;
const HMAC = 4;
const HOLD_TIMES_LENGTH = MAX_ATTRIBUTED_HOPS * HOLD_TIME;
const HMACS_LENGTH = ((MAX_ATTRIBUTED_HOPS * (MAX_ATTRIBUTED_HOPS + 1)) / 2) * HMAC;
/** 80 bytes of hold times and 840 of HMACs. */
export const ATTRIBUTION_DATA_LENGTH = HOLD_TIMES_LENGTH + HMACS_LENGTH;
const MAX_HOLD_TIME = 0xffff_ffff;

/** What one hop adds to the way back of an HTLC. */
export interface AttributionStep {
  readonly sharedSecret: Bytes;
  /** The return packet as it was before this hop's stream was applied; empty for a fulfilled HTLC. */
  readonly packet: Bytes;
  /** What came from downstream; null at the erring or final node, and where the downstream node sent none. */
  readonly received: Bytes | null;
  /** In units of 100 ms, rounded down; 0 where it is not known. */
  readonly holdTime: number;
}

/** The attribution data that this hop sends upstream. */
export function addAttribution({ sharedSecret, packet, received, holdTime }: AttributionStep): Bytes {
  assert(Number.isInteger(holdTime) && holdTime >= 0, 'a hold time is a whole number of 100 ms');
  const data =
    received !== null && received.length === ATTRIBUTION_DATA_LENGTH ? shifted(received) : new Uint8Array(ATTRIBUTION_DATA_LENGTH);
  new DataView(data.buffer).setUint32(0, Math.min(holdTime, MAX_HOLD_TIME));
  const um = deriveKey('um', sharedSecret);
  for (let distance = 0; distance < MAX_ATTRIBUTED_HOPS; distance++)
    data.set(truncatedHmac({ um, packet, data, distance }), positionOf(0, distance));
  obfuscate(data, sharedSecret);
  return data;
}

export interface ReadAttribution {
  /** Whether the HMAC of this hop is right. */
  readonly valid: boolean;
  /** In units of 100 ms. */
  readonly holdTime: number;
  /** The data as the hop got it from downstream. */
  readonly rest: Bytes;
}

/**
 * The origin's side of `addAttribution` for one hop. `packet` is the return packet with this hop's stream removed, `distance` how many hops
 * of the route lie behind it. `received` has 920 bytes.
 */
export function readAttribution(part: {
  readonly sharedSecret: Bytes;
  readonly packet: Bytes;
  readonly received: Bytes;
  readonly distance: number;
}): ReadAttribution {
  const data = part.received.slice();
  obfuscate(data, part.sharedSecret);
  const um = deriveKey('um', part.sharedSecret);
  const at = positionOf(0, part.distance);
  const valid = equalSecret(truncatedHmac({ um, packet: part.packet, data, distance: part.distance }), data.subarray(at, at + HMAC));
  return { valid, holdTime: new DataView(data.buffer).getUint32(0), rest: unshifted(data) };
}

/** Where `hmac_x_y` lies. */
function positionOf(node: number, distance: number): number {
  const before = node * MAX_ATTRIBUTED_HOPS - (node * (node - 1)) / 2;
  return HOLD_TIMES_LENGTH + (before + MAX_ATTRIBUTED_HOPS - 1 - node - distance) * HMAC;
}

/** BOLT 4: the HMAC goes over the return packet, the first y + 1 hold times, and the y downstream HMACs of the same assumption. */
function truncatedHmac(part: { readonly um: Bytes; readonly packet: Bytes; readonly data: Bytes; readonly distance: number }): Bytes {
  const { packet, data, distance } = part;
  const times = (distance + 1) * HOLD_TIME;
  const message = new Uint8Array(packet.length + times + distance * HMAC);
  message.set(packet);
  message.set(data.subarray(0, times), packet.length);
  for (let node = 1; node <= distance; node++) {
    const at = positionOf(node, distance - node);
    message.set(data.subarray(at, at + HMAC), packet.length + times + (node - 1) * HMAC);
  }
  return hmacSha256(part.um, message).subarray(0, HMAC);
}

/** BOLT 4: hold times move right by one, `hmac_x_y` becomes `hmac_x+1_y`, and each node's HMAC for the farthest place is dropped. */
function shifted(data: Bytes): Bytes {
  const out = new Uint8Array(ATTRIBUTION_DATA_LENGTH);
  out.set(data.subarray(0, HOLD_TIMES_LENGTH - HOLD_TIME), HOLD_TIME);
  for (let node = 0; node < MAX_ATTRIBUTED_HOPS - 1; node++) {
    const kept = MAX_ATTRIBUTED_HOPS - 1 - node;
    const from = positionOf(node, kept - 1);
    out.set(data.subarray(from, from + kept * HMAC), positionOf(node + 1, kept - 1));
  }
  return out;
}

/** The reverse of `shifted`; what was dropped stays zero. */
function unshifted(data: Bytes): Bytes {
  const out = new Uint8Array(ATTRIBUTION_DATA_LENGTH);
  out.set(data.subarray(HOLD_TIME, HOLD_TIMES_LENGTH));
  for (let node = 0; node < MAX_ATTRIBUTED_HOPS - 1; node++) {
    const kept = MAX_ATTRIBUTED_HOPS - 1 - node;
    const from = positionOf(node + 1, kept - 1);
    out.set(data.subarray(from, from + kept * HMAC), positionOf(node, kept - 1));
  }
  return out;
}

function obfuscate(data: Bytes, sharedSecret: Bytes): void {
  const stream = chacha20Stream(deriveKey('ammagext', sharedSecret), ATTRIBUTION_DATA_LENGTH);
  xorInto({ target: data, at: 0, stream, from: 0, length: ATTRIBUTION_DATA_LENGTH });
}
