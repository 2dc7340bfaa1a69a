// What both `open_channel` and `accept_channel` say and must not say (BOLT 2), and the first commitments that follow from them.
import type { Bytes } from '../../base/bytes.ts';
import type { OutPoint, ShortChannelId, TxId } from '../../base/ids.ts';
import { shortChannelId } from '../../base/ids.ts';
import { type Blocks, blocks, type FeeratePerKw, type Msat, msat, type Sat, sat, satToMsat } from '../../base/units.ts';
import { MAX_MONEY } from '../../bitcoin/amount.ts';
import { secp } from '../../crypto/ec.ts';
import { emptyShaChain } from '../../crypto/shachain.ts';
import { channelType, decodeChannelType, type FeatureName, supports } from '../wire/features.ts';
import type { MessageNamed } from '../wire/message.ts';
import { isShutdownScript } from './closing.ts';
import { type CommitmentFormat, funderCost } from './commitment.ts';
import { basepoints } from './keys.ts';
import { LARGE_CHANNEL, MAX_ACCEPTED_HTLCS, MAX_DUST_LIMIT, MIN_DUST_LIMIT, reserveFor } from './limits.ts';
import type { Active, ChannelParams, Commitments, Funding, SideParams } from './state.ts';
import type { Env } from './types.ts';
import { STAGE } from './update.ts';

/** The fields that both messages have. */
export type Announcement = Pick<
  MessageNamed<'open_channel'>,
  | 'dustLimitSatoshis'
  | 'maxHtlcValueInFlightMsat'
  | 'channelReserveSatoshis'
  | 'htlcMinimumMsat'
  | 'toSelfDelay'
  | 'maxAcceptedHtlcs'
  | 'fundingPubkey'
  | 'revocationBasepoint'
  | 'paymentBasepoint'
  | 'delayedPaymentBasepoint'
  | 'htlcBasepoint'
  | 'firstPerCommitmentPoint'
>;

/** Our own side, within the operator's bounds. */
export function localSide(env: Env, part: { readonly keyIndex: number; readonly capacity: Sat; readonly theirDustLimit: Sat }): SideParams {
  const { limits } = env;
  const dustLimit = limits.dustLimit > part.theirDustLimit ? limits.dustLimit : part.theirDustLimit;
  const capacity = satToMsat(part.capacity);
  return {
    basepoints: basepoints(env.keys.channelSecrets(part.keyIndex)),
    dustLimit: limits.dustLimit,
    maxHtlcValueInFlight: limits.maxHtlcValueInFlight < capacity ? limits.maxHtlcValueInFlight : capacity,
    maxAcceptedHtlcs: Math.min(limits.maxAcceptedHtlcs, MAX_ACCEPTED_HTLCS),
    htlcMinimum: limits.htlcMinimum,
    channelReserve: reserveFor(part.capacity, dustLimit),
    toSelfDelay: limits.toSelfDelay,
  };
}

export const announce = (side: SideParams, firstPerCommitmentPoint: Bytes): Announcement => ({
  dustLimitSatoshis: side.dustLimit,
  maxHtlcValueInFlightMsat: side.maxHtlcValueInFlight,
  channelReserveSatoshis: side.channelReserve,
  htlcMinimumMsat: side.htlcMinimum,
  toSelfDelay: side.toSelfDelay,
  maxAcceptedHtlcs: side.maxAcceptedHtlcs,
  ...side.basepoints,
  firstPerCommitmentPoint,
});

export function remoteSide(message: Announcement): SideParams {
  const { fundingPubkey, revocationBasepoint, paymentBasepoint, delayedPaymentBasepoint, htlcBasepoint } = message;
  return {
    basepoints: { fundingPubkey, revocationBasepoint, paymentBasepoint, delayedPaymentBasepoint, htlcBasepoint },
    dustLimit: message.dustLimitSatoshis,
    maxHtlcValueInFlight: message.maxHtlcValueInFlightMsat,
    maxAcceptedHtlcs: message.maxAcceptedHtlcs,
    htlcMinimum: message.htlcMinimumMsat,
    channelReserve: message.channelReserveSatoshis,
    toSelfDelay: blocks(message.toSelfDelay),
  };
}

/** The rule of BOLT 2 that the peer's announcement breaks, or null. `ours` is what we announce. */
export function announcementProblem(message: Announcement, ours: SideParams, capacity: Sat, env: Env): string | null {
  const points = [
    ...[message.fundingPubkey, message.revocationBasepoint, message.paymentBasepoint],
    ...[message.delayedPaymentBasepoint, message.htlcBasepoint, message.firstPerCommitmentPoint],
  ];
  if (!points.every((point) => secp.isPublicKey(point))) return 'a key is not a point';
  // BOLT 2: "to_self_delay is unreasonably large"
  if (message.toSelfDelay > env.limits.maxToSelfDelay) return `to_self_delay ${message.toSelfDelay} is above ${env.limits.maxToSelfDelay}`;
  if (message.maxAcceptedHtlcs > MAX_ACCEPTED_HTLCS) return `max_accepted_htlcs ${message.maxAcceptedHtlcs} is above ${MAX_ACCEPTED_HTLCS}`;
  if (message.maxAcceptedHtlcs === 0) return 'max_accepted_htlcs is 0';
  const dust = message.dustLimitSatoshis;
  if (dust < MIN_DUST_LIMIT) return `dust_limit_satoshis ${dust} is below ${MIN_DUST_LIMIT}`;
  if (dust > MAX_DUST_LIMIT) return `dust_limit_satoshis ${dust} is above ${MAX_DUST_LIMIT}`;
  // BOLT 2: neither side's reserve is dust to either side.
  if (dust > message.channelReserveSatoshis) return 'dust_limit_satoshis is above channel_reserve_satoshis';
  if (dust > ours.channelReserve) return `dust_limit_satoshis ${dust} is above our channel_reserve_satoshis ${ours.channelReserve}`;
  if (message.channelReserveSatoshis < ours.dustLimit) return 'channel_reserve_satoshis is below our dust limit';
  if (message.channelReserveSatoshis * 5n > capacity) return `channel_reserve_satoshis ${message.channelReserveSatoshis} is above a fifth`;
  // A tenth of a channel that cannot be used in one payment, or an amount that nobody pays at once.
  if (message.htlcMinimumMsat * 10n > satToMsat(capacity)) return `htlc_minimum_msat ${message.htlcMinimumMsat} is too large`;
  if (message.maxHtlcValueInFlightMsat * 20n < satToMsat(capacity))
    return `max_htlc_value_in_flight_msat ${message.maxHtlcValueInFlightMsat} is too small`;
  return null;
}

/** Why a channel cannot be of this size, or null. */
export function capacityProblem(capacity: Sat, features: Bytes, env: Env): { readonly rule: string; readonly message: string } | null {
  const { minFundingSat } = env.limits;
  if (capacity < minFundingSat) return { rule: 'funding_satoshis', message: `funding_satoshis ${capacity} is below ${minFundingSat}` };
  if (capacity > MAX_MONEY) return { rule: 'funding_satoshis', message: `funding_satoshis ${capacity} is more than there will ever be` };
  // BOLT 2: "if both nodes advertised option_support_large_channel: MAY set funding_satoshis greater than or equal to 2^24 satoshi"
  if (capacity >= LARGE_CHANNEL && !supports(features, 'option_support_large_channel'))
    return { rule: 'option_support_large_channel', message: `funding_satoshis ${capacity} needs option_support_large_channel` };
  return null;
}

/** BOLT 2, on the first commitment: the funder pays its fee, and one side at least is above its reserve. */
export function firstCommitmentProblem(part: {
  readonly capacity: Sat;
  readonly pushMsat: Msat;
  readonly feerate: FeeratePerKw;
  readonly format: CommitmentFormat;
  readonly reserves: readonly Sat[];
}): string | null {
  const total = satToMsat(part.capacity);
  if (part.pushMsat > total) return `push_msat ${part.pushMsat} is above funding_satoshis * 1000`;
  const cost = satToMsat(funderCost(part.format, part.feerate, 0));
  const funder = total - part.pushMsat - cost;
  if (funder < 0n) return 'the funder cannot pay the fee of the first commitment';
  const reserve = part.reserves.reduce((most, value) => (value > most ? value : most), sat(0));
  if (funder <= satToMsat(reserve) && part.pushMsat <= satToMsat(reserve)) return 'both balances are within channel_reserve_satoshis';
  return null;
}

/** The types we take, with the format each has; null for any other. */
export function channelTypeProblem(
  type: Bytes | undefined,
  part: { readonly isPublic: boolean; readonly features: Bytes; readonly trustedForZeroConf: boolean },
): string | null {
  // BOLT 2: "if the message doesn't include a channel_type: fail the channel."
  if (type === undefined) return 'no channel_type';
  const names = decodeChannelType(type);
  if (names === null) return 'channel_type is not a defined one';
  for (const name of names) {
    if (name === 'option_static_remotekey') continue;
    if (name === 'option_zeroconf') {
      if (!part.trustedForZeroConf) return 'channel_type has option_zeroconf, for which this peer is not trusted';
    } else if (!supports(part.features, name)) return `channel_type has ${name}, which was not negotiated`;
  }
  if (part.isPublic && names.includes('option_scid_alias')) return 'option_scid_alias is for unannounced channels';
  return null;
}

/** The type we ask for: anchors where both have them. */
export function wantedChannelType(part: { readonly features: Bytes; readonly scidAlias: boolean; readonly zeroConf: boolean }): Bytes {
  const names: FeatureName[] = ['option_static_remotekey'];
  if (supports(part.features, 'option_anchors')) names.push('option_anchors');
  if (part.scidAlias) names.push('option_scid_alias');
  if (part.zeroConf) names.push('option_zeroconf');
  return channelType(...names);
}

/** The peer's `upfront_shutdown_script`: null where it fixes none, `invalid` where it is not of a form of `shutdown`. */
export function upfrontScript(script: Bytes | undefined, features: Bytes): Bytes | null | 'invalid' {
  // BOLT 2: it binds "if both nodes advertised the option_upfront_shutdown_script feature".
  if (script === undefined || script.length === 0 || !supports(features, 'option_upfront_shutdown_script')) return null;
  return isShutdownScript(script, shutdownForms(features)) ? script : 'invalid';
}

export const shutdownForms = (features: Bytes): { readonly anySegwit: boolean; readonly simpleClose: boolean } => ({
  anySegwit: supports(features, 'option_shutdown_anysegwit'),
  simpleClose: supports(features, 'option_simple_close'),
});

/** The balances of the first commitments; what is signed on them is added when it is known. */
export function firstCommitments(
  params: ChannelParams,
  part: {
    readonly feerate: FeeratePerKw;
    readonly remotePoint: Bytes;
    readonly remoteTxid: TxId;
    readonly localTxid: TxId;
    readonly signature: Bytes;
  },
): Commitments {
  const funder = msat(satToMsat(params.capacity) - params.pushMsat);
  return {
    settled: params.isFunder ? { localMsat: funder, remoteMsat: params.pushMsat } : { localMsat: params.pushMsat, remoteMsat: funder },
    htlcs: [],
    fees: [{ feerate: part.feerate, stage: STAGE.committed }],
    nextHtlcId: { local: 0n, remote: 0n },
    local: { number: 0n, txid: part.localTxid, signature: part.signature, htlcSignatures: [] },
    remote: { number: 0n, txid: part.remoteTxid, point: part.remotePoint },
    remoteNext: null,
    remoteNextPoint: null,
    secrets: emptyShaChain,
  };
}

/** The channel as it stands when the first signatures are there. */
export function firstPhase(commitments: Commitments, funding: Funding, env: Env): Active {
  return {
    kind: 'active',
    commitments,
    funding,
    readiness: { sent: false, received: false },
    aliases: { local: freshAlias(env), remote: null },
    announcement: { remote: null, announced: false },
    shutdown: { local: null, sent: false, remote: null },
    closingTxs: [],
  };
}

/** BOLT 2: "a value not related to the real short_channel_id": heights from 16,000,000 on, which the chain reaches in three centuries. */
function freshAlias(env: Env): ShortChannelId {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = env.random(8);
  const height = 16_000_000 + (((a << 16) | (b << 8) | c) % 250_000);
  return shortChannelId({ height, txIndex: (d << 16) | (e << 8) | f, vout: (g << 8) | h });
}

export const announceFlag = 1;

/** BOLT 2, `upfront_shutdown_script`: empty where none is fixed. */
export const openingTlvs = (part: {
  readonly upfront: Bytes | null;
  readonly channelType: Bytes;
}): {
  readonly upfrontShutdownScript: Bytes;
  readonly channelType: Bytes;
} => ({ upfrontShutdownScript: part.upfront ?? new Uint8Array(0), channelType: part.channelType });

/** `minimum_depth` beyond which a fundee asks for too much. */
export const MAX_MIN_DEPTH: Blocks = blocks(144);

export const fundingOutpointOf = (created: MessageNamed<'funding_created'>): OutPoint => ({
  txid: created.fundingTxid,
  vout: created.fundingOutputIndex,
});
