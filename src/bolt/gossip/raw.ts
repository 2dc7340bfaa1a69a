// The three announcements of BOLT 7 read at their offsets, from bytes as received: signatures cover the bytes, and a network's worth of them
// (170,000) is read at once. Offsets count from the two bytes of the message type.
import type { Bytes } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { crc32c } from './checksum.ts';

export const CHANNEL_ANNOUNCEMENT = 256;
export const NODE_ANNOUNCEMENT = 257;
export const CHANNEL_UPDATE = 258;

/** BOLT 7: "beginning at offset 256", behind the four signatures and the type. */
const ANNOUNCEMENT_SIGNED_FROM = 2 + 4 * 64;
const SIGNED_FROM = 2 + 64;

/** What a channel_update says of a direction. Amounts are msat in a double: exact up to 90,000 BTC, larger ones are cut off there. */
export interface EdgePolicy {
  readonly timestamp: number;
  readonly disabled: boolean;
  readonly cltvExpiryDelta: number;
  readonly htlcMinimumMsat: number;
  readonly htlcMaximumMsat: number;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  /** CRC32C of the update without signature and timestamp (BOLT 7, checksums). */
  readonly checksum: number;
}

export interface RawChannelAnnouncement {
  readonly kind: 'channel_announcement';
  readonly bytes: Bytes;
  readonly features: Bytes;
  readonly chainHash: Bytes;
  readonly scid: bigint;
  readonly nodeId1: NodeId;
  readonly nodeId2: NodeId;
  readonly bitcoinKey1: Bytes;
  readonly bitcoinKey2: Bytes;
}

export interface RawNodeAnnouncement {
  readonly kind: 'node_announcement';
  readonly bytes: Bytes;
  readonly features: Bytes;
  readonly timestamp: number;
  readonly nodeId: NodeId;
  readonly alias: Bytes;
  readonly addresses: Bytes;
}

export interface RawChannelUpdate {
  readonly kind: 'channel_update';
  readonly bytes: Bytes;
  readonly chainHash: Bytes;
  readonly scid: bigint;
  readonly direction: 0 | 1;
  readonly dontForward: boolean;
  readonly timestamp: number;
  readonly disabled: boolean;
}

export type RawGossip = RawChannelAnnouncement | RawNodeAnnouncement | RawChannelUpdate;

export const messageTypeOf = (bytes: Bytes): number => ((bytes[0] as number) << 8) | (bytes[1] as number);
const u16At = (bytes: Bytes, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
export const u32At = (bytes: Bytes, at: number): number =>
  (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
const u64At = (bytes: Bytes, at: number): bigint => (BigInt(u32At(bytes, at)) << 32n) | BigInt(u32At(bytes, at + 4));
/** Msat as a double, cut off at 2^53 - 1 (90,000 BTC): beyond that no channel can be. */
const msatAt = (bytes: Bytes, at: number): number => Math.min(u32At(bytes, at) * 2 ** 32 + u32At(bytes, at + 4), Number.MAX_SAFE_INTEGER);

/** The message, or null where it is none of the three or malformed. Parts are views on `bytes`. */
export function readGossip(bytes: Bytes): RawGossip | null {
  if (bytes.length < 2) return null;
  switch (messageTypeOf(bytes)) {
    case CHANNEL_ANNOUNCEMENT:
      return readChannelAnnouncement(bytes);
    case NODE_ANNOUNCEMENT:
      return readNodeAnnouncement(bytes);
    case CHANNEL_UPDATE:
      return readChannelUpdate(bytes);
    default:
      return null;
  }
}

/** The short channel id of a channel_announcement or channel_update, without a look at the rest; null where it is cut off before. */
export function scidOf(bytes: Bytes): bigint | null {
  const at = messageTypeOf(bytes) === CHANNEL_UPDATE ? 98 : ANNOUNCEMENT_SIGNED_FROM + 2 + u16At(bytes, ANNOUNCEMENT_SIGNED_FROM) + 32;
  return bytes.length < at + 8 ? null : u64At(bytes, at);
}

const isPoint = (bytes: Bytes, at: number): boolean => bytes[at] === 2 || bytes[at] === 3;

function readChannelAnnouncement(bytes: Bytes): RawChannelAnnouncement | null {
  if (bytes.length < ANNOUNCEMENT_SIGNED_FROM + 2) return null;
  const flen = u16At(bytes, ANNOUNCEMENT_SIGNED_FROM);
  const chain = ANNOUNCEMENT_SIGNED_FROM + 2 + flen;
  const keys = chain + 32 + 8;
  if (bytes.length < keys + 4 * 33) return null;
  for (let i = 0; i < 4; i++) if (!isPoint(bytes, keys + 33 * i)) return null;
  return {
    kind: 'channel_announcement',
    bytes,
    features: bytes.subarray(ANNOUNCEMENT_SIGNED_FROM + 2, chain),
    chainHash: bytes.subarray(chain, chain + 32),
    scid: u64At(bytes, chain + 32),
    nodeId1: bytes.subarray(keys, keys + 33) as NodeId,
    nodeId2: bytes.subarray(keys + 33, keys + 66) as NodeId,
    bitcoinKey1: bytes.subarray(keys + 66, keys + 99),
    bitcoinKey2: bytes.subarray(keys + 99, keys + 132),
  };
}

function readNodeAnnouncement(bytes: Bytes): RawNodeAnnouncement | null {
  if (bytes.length < SIGNED_FROM + 2) return null;
  const flen = u16At(bytes, SIGNED_FROM);
  const at = SIGNED_FROM + 2 + flen;
  if (bytes.length < at + 4 + 33 + 3 + 32 + 2 || !isPoint(bytes, at + 4)) return null;
  const addresses = at + 74;
  const length = u16At(bytes, at + 72);
  if (bytes.length < addresses + length) return null;
  return {
    kind: 'node_announcement',
    bytes,
    features: bytes.subarray(SIGNED_FROM + 2, at),
    timestamp: u32At(bytes, at),
    nodeId: bytes.subarray(at + 4, at + 37) as NodeId,
    alias: bytes.subarray(at + 40, at + 72),
    addresses: bytes.subarray(addresses, addresses + length),
  };
}

function readChannelUpdate(bytes: Bytes): RawChannelUpdate | null {
  if (bytes.length < 138) return null;
  const flags = bytes[111] as number;
  return {
    kind: 'channel_update',
    bytes,
    chainHash: bytes.subarray(66, 98),
    scid: u64At(bytes, 98),
    direction: (flags & 1) as 0 | 1,
    dontForward: ((bytes[110] as number) & 2) !== 0,
    timestamp: u32At(bytes, 106),
    disabled: (flags & 2) !== 0,
  };
}

/** What an update of the right length (see `readGossip`) asks of those who forward. */
export function policyOfUpdate(bytes: Bytes): EdgePolicy {
  return {
    timestamp: u32At(bytes, 106),
    disabled: ((bytes[111] as number) & 2) !== 0,
    cltvExpiryDelta: u16At(bytes, 112),
    htlcMinimumMsat: msatAt(bytes, 114),
    feeBaseMsat: u32At(bytes, 122),
    feeProportionalMillionths: u32At(bytes, 126),
    htlcMaximumMsat: msatAt(bytes, 130),
    checksum: updateChecksum(bytes),
  };
}

/** BOLT 7: "the CRC32C checksum ... of this channel_update without its signature and timestamp fields". */
export const updateChecksum = (bytes: Bytes): number => crc32c(bytes.subarray(110), crc32c(bytes.subarray(66, 106)));

/** BOLT 7: what differs below the timestamp, signature aside (ECDSA signatures are malleable). */
export function sameUpdateBody(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  for (let i = SIGNED_FROM; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Bytes of the known address descriptors behind their type; a DNS name is as long as its own first byte says, and two of port. */
const ADDRESS_BYTES: { readonly [type: number]: number } = { 1: 6, 2: 18, 3: 12, 4: 37 };
const DNS = 5;

/** BOLT 7: "if addrlen is insufficient to hold the address descriptors of the known types": the message is wrong. */
export function addressesAreWellFormed({ addresses }: RawNodeAnnouncement): boolean {
  for (let at = 0; at < addresses.length; ) {
    const type = addresses[at] as number;
    const length = type === DNS ? 3 + (addresses[at + 1] ?? 0) : ADDRESS_BYTES[type];
    // What follows a descriptor that nobody knows cannot be read, and is ignored.
    if (length === undefined) return true;
    at += 1 + length;
    if (at > addresses.length) return false;
  }
  return true;
}

/** Longer ones are nobody's honest gossip, and would be kept at our cost: a message may have 64 KiB, of which a few hundred bytes mean something. */
const MOST_BYTES: { readonly [kind in RawGossip['kind']]: number } = {
  channel_announcement: 2_048,
  channel_update: 1_024,
  node_announcement: 8_192,
};

export const isOversized = ({ kind, bytes }: RawGossip): boolean => bytes.length > MOST_BYTES[kind];

/** Which bytes are signed, by which key, where the signature stands. */
export interface SignatureJob {
  readonly signatureAt: number;
  readonly key: Bytes;
}

export const signedFrom = (message: RawGossip): number =>
  message.kind === 'channel_announcement' ? ANNOUNCEMENT_SIGNED_FROM : SIGNED_FROM;

/** The signatures of a message; `updateKey` is the node that a channel_update must be of. */
export function signatureJobs(message: RawGossip, updateKey: Bytes | null): readonly SignatureJob[] {
  switch (message.kind) {
    case 'channel_announcement':
      return [
        { signatureAt: 2, key: message.nodeId1 },
        { signatureAt: 66, key: message.nodeId2 },
        { signatureAt: 130, key: message.bitcoinKey1 },
        { signatureAt: 194, key: message.bitcoinKey2 },
      ];
    case 'node_announcement':
      return [{ signatureAt: 2, key: message.nodeId }];
    case 'channel_update':
      return updateKey === null ? [] : [{ signatureAt: 2, key: updateKey }];
  }
}
