// Announcements made from what a digest tells, so that the database holds one kind of row. Their signatures are zeros: they are never sent, and
// a signed announcement of the same channel takes their place.
import type { Bytes } from '../../base/bytes.ts';
import type { BlockHash, NodeId, ShortChannelId } from '../../base/ids.ts';
import type { Msat } from '../../base/units.ts';
import { encodeAddresses, type NetAddress } from '../wire/address.ts';
import { encodeMessage } from '../wire/message.ts';
import type { RapidChannel } from './rapid.ts';

const NO_SIGNATURE = new Uint8Array(64);

export const unsignedAnnouncement = (chainHash: BlockHash, channel: RapidChannel): Bytes =>
  encodeMessage({
    name: 'channel_announcement',
    nodeSignature1: NO_SIGNATURE,
    nodeSignature2: NO_SIGNATURE,
    bitcoinSignature1: NO_SIGNATURE,
    bitcoinSignature2: NO_SIGNATURE,
    features: channel.features,
    chainHash,
    shortChannelId: channel.scid as ShortChannelId,
    nodeId1: channel.nodeId1,
    nodeId2: channel.nodeId2,
    bitcoinKey1: channel.nodeId1,
    bitcoinKey2: channel.nodeId2,
    tlvs: {},
  });

/** Its timestamp is 0: whatever the node itself announced is newer. */
export const unsignedNodeAnnouncement = (node: {
  readonly nodeId: NodeId;
  readonly features: Bytes;
  readonly addresses: readonly NetAddress[];
}): Bytes =>
  encodeMessage({
    name: 'node_announcement',
    signature: NO_SIGNATURE,
    features: node.features,
    timestamp: 0,
    nodeId: node.nodeId,
    rgbColor: new Uint8Array(3),
    alias: new Uint8Array(32),
    addresses: encodeAddresses(node.addresses),
    tlvs: {},
  });

export const unsignedUpdate = (part: {
  readonly chainHash: BlockHash;
  readonly scid: bigint;
  readonly direction: 0 | 1;
  readonly disabled: boolean;
  readonly timestamp: number;
  readonly cltvExpiryDelta: number;
  readonly htlcMinimumMsat: number;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly htlcMaximumMsat: number;
}): Bytes =>
  encodeMessage({
    name: 'channel_update',
    signature: NO_SIGNATURE,
    chainHash: part.chainHash,
    shortChannelId: part.scid as ShortChannelId,
    timestamp: part.timestamp,
    messageFlags: 1,
    channelFlags: part.direction | (part.disabled ? 2 : 0),
    cltvExpiryDelta: part.cltvExpiryDelta,
    htlcMinimumMsat: BigInt(Math.min(part.htlcMinimumMsat, Number.MAX_SAFE_INTEGER)) as Msat,
    feeBaseMsat: part.feeBaseMsat,
    feeProportionalMillionths: part.feeProportionalMillionths,
    htlcMaximumMsat: BigInt(Math.min(part.htlcMaximumMsat, Number.MAX_SAFE_INTEGER)) as Msat,
    tlvs: {},
  });

/** Made by this module: nobody signed it. */
export function isUnsigned(message: Bytes): boolean {
  for (let i = 2; i < 66; i++) if (message[i] !== 0) return false;
  return true;
}
