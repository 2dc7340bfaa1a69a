// Messages of BOLT 7.
import { message } from '../../codec/message.ts';
import type { TlvFields } from '../../codec/tlv.ts';
import {
  bigsize,
  byte,
  bytes,
  chainHash,
  channelId,
  msat,
  nodeId,
  point,
  present,
  restBytes,
  restList,
  sat,
  shortChannelId,
  signature,
  struct,
  txid,
  u16,
  u32,
  varBytes,
} from './types.ts';

export const announcementSignatures = message(259, 'announcement_signatures', {
  channelId,
  shortChannelId,
  nodeSignature: signature,
  bitcoinSignature: signature,
});

/** The signatures cover the double SHA-256 of all that follows them, unknown records at the end included. */
export const channelAnnouncement = message(256, 'channel_announcement', {
  nodeSignature1: signature,
  nodeSignature2: signature,
  bitcoinSignature1: signature,
  bitcoinSignature2: signature,
  features: varBytes,
  chainHash,
  shortChannelId,
  nodeId1: nodeId,
  nodeId2: nodeId,
  bitcoinKey1: point,
  bitcoinKey2: point,
});

/** `alias` is 32 bytes of UTF-8 padded with zeros; `addresses` are descriptors (`address.ts`). */
export const nodeAnnouncement = message(257, 'node_announcement', {
  signature,
  features: varBytes,
  timestamp: u32,
  nodeId,
  rgbColor: bytes(3),
  alias: bytes(32),
  addresses: varBytes,
});

/**
 * Bit 0 of `message_flags` is must_be_one, bit 1 dont_forward; bit 0 of `channel_flags` is the direction, bit 1 disable.
 * `fee_base_msat` is a 32-bit number of millisatoshi.
 */
export const channelUpdate = message(258, 'channel_update', {
  signature,
  chainHash,
  shortChannelId,
  timestamp: u32,
  messageFlags: byte,
  channelFlags: byte,
  cltvExpiryDelta: u16,
  htlcMinimumMsat: msat,
  feeBaseMsat: u32,
  feeProportionalMillionths: u32,
  htlcMaximumMsat: msat,
});

// Query messages. Encoded short channel ids begin with a byte for the encoding; 0 means as they are, 1 (zlib) is no longer allowed.
export const queryShortChannelIds = message(
  261,
  'query_short_channel_ids',
  { chainHash, encodedShortIds: varBytes },
  { queryFlags: [1n, struct({ encodingType: byte, encodedQueryFlags: restBytes })] },
);
export const replyShortChannelIdsEnd = message(262, 'reply_short_channel_ids_end', { chainHash, fullInformation: byte });
export const queryChannelRange = message(
  263,
  'query_channel_range',
  { chainHash, firstBlocknum: u32, numberOfBlocks: u32 },
  { queryOption: [1n, bigsize] },
);
const checksums = struct({ checksumNodeId1: u32, checksumNodeId2: u32 }, 'channel_update_checksums');
export const replyChannelRange = message(
  264,
  'reply_channel_range',
  { chainHash, firstBlocknum: u32, numberOfBlocks: u32, syncComplete: byte, encodedShortIds: varBytes },
  {
    timestampsTlv: [1n, struct({ encodingType: byte, encodedTimestamps: restBytes })],
    checksumsTlv: [3n, restList(checksums)],
  },
);
export const gossipTimestampFilter = message(265, 'gossip_timestamp_filter', {
  chainHash,
  firstTimestamp: u32,
  timestampRange: u32,
});

// Gossip version 2 (taproot gossip): a draft of lightning/bolts pull request 1059, numbers and records as lnd has them. Each message is one TLV
// stream; `bolt/gossip/version-2.ts` says which records a message must have.
const version2 = <const N extends string, T extends TlvFields>(type: number, name: N, tlvs: T) => message(type, name, {}, tlvs);

/** What a side contributes to the signature of `channel_announcement_2`: its partial signatures for node and Bitcoin key in one. */
export const announcementSignatures2 = version2(260, 'announcement_signatures_2', {
  channelId: [0n, channelId],
  shortChannelId: [2n, shortChannelId],
  partialSignature: [4n, bytes(32)],
});

/** Without `chain_hash` it is of the main network. Without Bitcoin keys the signature is of the funding output's own key and the two nodes. */
export const channelAnnouncement2 = version2(267, 'channel_announcement_2', {
  chainHash: [0n, chainHash],
  features: [2n, restBytes],
  shortChannelId: [4n, shortChannelId],
  capacitySatoshis: [6n, sat],
  nodeId1: [8n, nodeId],
  nodeId2: [10n, nodeId],
  bitcoinKey1: [12n, point],
  bitcoinKey2: [14n, point],
  merkleRootHash: [16n, bytes(32)],
  outpoint: [18n, struct({ txid, outputIndex: u16 })],
  signature: [160n, signature],
});

/** `block_height` takes the place of a timestamp. A Tor v3 address is its 35 decoded bytes; the host name ends with two bytes of port. */
export const nodeAnnouncement2 = version2(269, 'node_announcement_2', {
  features: [0n, restBytes],
  color: [1n, bytes(3)],
  blockHeight: [2n, u32],
  alias: [3n, restBytes],
  nodeId: [4n, nodeId],
  ipv4Addresses: [5n, restList(struct({ address: bytes(4), port: u16 }))],
  ipv6Addresses: [7n, restList(struct({ address: bytes(16), port: u16 }))],
  torV3Addresses: [9n, restList(struct({ address: bytes(35), port: u16 }))],
  dnsHostname: [11n, restBytes],
  signature: [160n, signature],
});

/** Records left out have defaults: main network, enabled, of node 1, 80 blocks, 1 msat minimum, 1000 msat base fee, 1 millionth. Amounts are in msat. */
export const channelUpdate2 = version2(271, 'channel_update_2', {
  chainHash: [0n, chainHash],
  shortChannelId: [2n, shortChannelId],
  blockHeight: [4n, u32],
  disableFlags: [6n, byte],
  secondPeer: [8n, present],
  cltvExpiryDelta: [10n, u16],
  htlcMinimumMsat: [12n, bigsize],
  htlcMaximumMsat: [14n, bigsize],
  feeBaseMsat: [16n, u32],
  feeProportionalMillionths: [18n, u32],
  signature: [160n, signature],
});
