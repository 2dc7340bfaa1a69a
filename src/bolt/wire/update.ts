// Messages of BOLT 2 in normal operation: HTLCs, commitments, fees, reestablishment.
import { message } from '../../codec/message.ts';
import {
  array,
  byte,
  bytes,
  channelId,
  feerate,
  list,
  msat,
  paymentHash,
  point,
  preimage,
  secret,
  sha256,
  signature,
  struct,
  txid,
  u16,
  u32,
  u64,
  varBytes,
} from './types.ts';

/** The size of a payment onion (BOLT 4). */
export const ONION_LENGTH = 1366;

export const updateAddHtlc = message(
  128,
  'update_add_htlc',
  { channelId, id: u64, amountMsat: msat, paymentHash, cltvExpiry: u32, onionRoutingPacket: bytes(ONION_LENGTH) },
  { blindedPath: [0n, point] },
);

/** BOLT 4, "Returning Errors": hold times in units of 100 ms, and 210 HMACs cut to 4 bytes, one after the other. */
const attributionTlvs = {
  attributionData: [1n, struct({ htlcHoldTimes: array(20, u32), truncatedHmacs: bytes(210 * 4, '210*sha256[..4]') })],
} as const;

export const updateFulfillHtlc = message(130, 'update_fulfill_htlc', { channelId, id: u64, paymentPreimage: preimage }, attributionTlvs);
export const updateFailHtlc = message(131, 'update_fail_htlc', { channelId, id: u64, reason: varBytes }, attributionTlvs);
/** `failure_code` has BADONION set (BOLT 2); the receiver checks. */
export const updateFailMalformedHtlc = message(135, 'update_fail_malformed_htlc', {
  channelId,
  id: u64,
  sha256OfOnion: sha256,
  failureCode: u16,
});
export const updateFee = message(134, 'update_fee', { channelId, feeratePerKw: feerate });

/** BOLT 2: `message_type` says which messages the batch holds (132 only, today). */
export const startBatch = message(127, 'start_batch', { channelId, batchSize: u16 }, { messageType: [1n, u16] });
export const commitmentSigned = message(
  132,
  'commitment_signed',
  { channelId, signature, htlcSignature: list(signature) },
  { fundingTxid: [1n, txid] },
);
export const revokeAndAck = message(133, 'revoke_and_ack', {
  channelId,
  perCommitmentSecret: secret,
  nextPerCommitmentPoint: point,
});

export const channelReestablish = message(
  136,
  'channel_reestablish',
  {
    channelId,
    nextCommitmentNumber: u64,
    nextRevocationNumber: u64,
    yourLastPerCommitmentSecret: secret,
    myCurrentPerCommitmentPoint: point,
  },
  {
    nextFunding: [1n, struct({ nextFundingTxid: txid, retransmitFlags: byte })],
    myCurrentFundingLocked: [5n, struct({ myCurrentFundingLockedTxid: txid, retransmitFlags: byte })],
  },
);
