// Messages of BOLT 2 that make, resize and close channels.
import { message } from '../../codec/message.ts';
import {
  byte,
  chainHash,
  channelId,
  feerate,
  list,
  msat,
  point,
  present,
  restBytes,
  sat,
  shortChannelId,
  signature,
  signedSat,
  struct,
  temporaryChannelId,
  txid,
  u8,
  u16,
  u32,
  u64,
  varBytes,
  witness,
} from './types.ts';

const openingTlvs = { upfrontShutdownScript: [0n, restBytes], channelType: [1n, restBytes] } as const;
const opening2Tlvs = { ...openingTlvs, requireConfirmedInputs: [2n, present] } as const;

/** BOLT 2, v1: the least significant bit of `channel_flags` is announce_channel. `channel_type` is the bitmap of even bits. */
export const openChannel = message(
  32,
  'open_channel',
  {
    chainHash,
    temporaryChannelId,
    fundingSatoshis: sat,
    pushMsat: msat,
    dustLimitSatoshis: sat,
    maxHtlcValueInFlightMsat: msat,
    channelReserveSatoshis: sat,
    htlcMinimumMsat: msat,
    feeratePerKw: feerate,
    toSelfDelay: u16,
    maxAcceptedHtlcs: u16,
    fundingPubkey: point,
    revocationBasepoint: point,
    paymentBasepoint: point,
    delayedPaymentBasepoint: point,
    htlcBasepoint: point,
    firstPerCommitmentPoint: point,
    channelFlags: byte,
  },
  openingTlvs,
);

export const acceptChannel = message(
  33,
  'accept_channel',
  {
    temporaryChannelId,
    dustLimitSatoshis: sat,
    maxHtlcValueInFlightMsat: msat,
    channelReserveSatoshis: sat,
    htlcMinimumMsat: msat,
    minimumDepth: u32,
    toSelfDelay: u16,
    maxAcceptedHtlcs: u16,
    fundingPubkey: point,
    revocationBasepoint: point,
    paymentBasepoint: point,
    delayedPaymentBasepoint: point,
    htlcBasepoint: point,
    firstPerCommitmentPoint: point,
  },
  openingTlvs,
);

/** `funding_txid` in the order in which it is hashed. */
export const fundingCreated = message(34, 'funding_created', {
  temporaryChannelId,
  fundingTxid: txid,
  fundingOutputIndex: u16,
  signature,
});
export const fundingSigned = message(35, 'funding_signed', { channelId, signature });
/** The record `short_channel_id` is an alias under which the sender takes forwards for this channel. */
export const channelReady = message(
  36,
  'channel_ready',
  { channelId, secondPerCommitmentPoint: point },
  { shortChannelId: [1n, shortChannelId] },
);

export const openChannel2 = message(
  64,
  'open_channel2',
  {
    chainHash,
    temporaryChannelId: channelId,
    fundingFeeratePerkw: feerate,
    commitmentFeeratePerkw: feerate,
    fundingSatoshis: sat,
    dustLimitSatoshis: sat,
    maxHtlcValueInFlightMsat: msat,
    htlcMinimumMsat: msat,
    toSelfDelay: u16,
    maxAcceptedHtlcs: u16,
    locktime: u32,
    fundingPubkey: point,
    revocationBasepoint: point,
    paymentBasepoint: point,
    delayedPaymentBasepoint: point,
    htlcBasepoint: point,
    firstPerCommitmentPoint: point,
    secondPerCommitmentPoint: point,
    channelFlags: byte,
  },
  opening2Tlvs,
);

export const acceptChannel2 = message(
  65,
  'accept_channel2',
  {
    temporaryChannelId: channelId,
    fundingSatoshis: sat,
    dustLimitSatoshis: sat,
    maxHtlcValueInFlightMsat: msat,
    htlcMinimumMsat: msat,
    minimumDepth: u32,
    toSelfDelay: u16,
    maxAcceptedHtlcs: u16,
    fundingPubkey: point,
    revocationBasepoint: point,
    paymentBasepoint: point,
    delayedPaymentBasepoint: point,
    htlcBasepoint: point,
    firstPerCommitmentPoint: point,
    secondPerCommitmentPoint: point,
  },
  opening2Tlvs,
);

// BOLT 2, "Interactive Transaction Construction".
export const txAddInput = message(
  66,
  'tx_add_input',
  { channelId, serialId: u64, prevtx: varBytes, prevtxVout: u32, sequence: u32 },
  { sharedInputTxid: [0n, txid] },
);
export const txAddOutput = message(67, 'tx_add_output', { channelId, serialId: u64, sats: sat, script: varBytes });
export const txRemoveInput = message(68, 'tx_remove_input', { channelId, serialId: u64 });
export const txRemoveOutput = message(69, 'tx_remove_output', { channelId, serialId: u64 });
export const txComplete = message(70, 'tx_complete', { channelId });
export const txSignatures = message(
  71,
  'tx_signatures',
  { channelId, txid, witnesses: list(witness) },
  { sharedInputSignature: [0n, signature] },
);
const rbfTlvs = { fundingOutputContribution: [0n, signedSat], requireConfirmedInputs: [2n, present] } as const;
export const txInitRbf = message(72, 'tx_init_rbf', { channelId, locktime: u32, feerate }, rbfTlvs);
export const txAckRbf = message(73, 'tx_ack_rbf', { channelId }, rbfTlvs);
export const txAbort = message(74, 'tx_abort', { channelId, data: varBytes });

/** BOLT 2, "Channel Quiescence": `initiator` is 0 or 1. */
export const stfu = message(2, 'stfu', { channelId, initiator: u8 });

// BOLT 2, "Channel Splicing".
const spliceTlvs = { requireConfirmedInputs: [2n, present] } as const;
export const spliceInit = message(
  80,
  'splice_init',
  { channelId, fundingContributionSatoshis: signedSat, fundingFeeratePerkw: feerate, locktime: u32, fundingPubkey: point },
  spliceTlvs,
);
export const spliceAck = message(81, 'splice_ack', { channelId, fundingContributionSatoshis: signedSat, fundingPubkey: point }, spliceTlvs);
export const spliceLocked = message(77, 'splice_locked', { channelId, spliceTxid: txid });

// BOLT 2, "Channel Close".
export const shutdown = message(38, 'shutdown', { channelId, scriptpubkey: varBytes });
const closingTlvs = {
  closerOutputOnly: [1n, signature],
  closeeOutputOnly: [2n, signature],
  closerAndCloseeOutputs: [3n, signature],
} as const;
const closingFields = { channelId, closerScriptpubkey: varBytes, closeeScriptpubkey: varBytes, feeSatoshis: sat, locktime: u32 };
export const closingComplete = message(40, 'closing_complete', closingFields, closingTlvs);
export const closingSig = message(41, 'closing_sig', closingFields, closingTlvs);
export const closingSigned = message(
  39,
  'closing_signed',
  { channelId, feeSatoshis: sat, signature },
  { feeRange: [1n, struct({ minFeeSatoshis: sat, maxFeeSatoshis: sat })] },
);
