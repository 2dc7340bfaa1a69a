// Messages of BOLT 7.
import { message } from '../../codec/message.ts';
import {
  bigsize,
  byte,
  bytes,
  chainHash,
  channelId,
  msat,
  nodeId,
  point,
  restBytes,
  restList,
  shortChannelId,
  signature,
  struct,
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
