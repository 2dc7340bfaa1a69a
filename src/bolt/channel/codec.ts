// The stored form of a channel: the durable part behind a version byte. A crash equals a disconnection, so that the session is not stored, and
// neither are updates of the peer that it has not signed.
import type { BlockHash, ChannelId, NodeId, PaymentHash, Preimage, ShortChannelId, TxId } from '../../base/ids.ts';
import type { Blocks, FeeratePerKw, Height, Msat, Sat } from '../../base/units.ts';
import { outPointCodec, type Tx, txCodec } from '../../bitcoin/tx.ts';
import {
  bigsizeNumber,
  bool,
  bytes,
  type Codec,
  list,
  map,
  nullable,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
  varBytes,
} from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { blob, oneOf, text } from '../../codec/stored.ts';
import { shaChainCodec } from '../../crypto/shachain.ts';
import { goOffline } from './force-close.ts';
import {
  type Channel,
  type ChannelParams,
  type Commitments,
  type Durable,
  type FollowedOutput,
  type FundingSpend,
  type HtlcDirection,
  type LiveHtlc,
  NEW_SESSION,
  type Opening,
  type Phase,
  type Removal,
  type SideParams,
} from './state.ts';
import type { CloseKind, HtlcOrigin } from './types.ts';

const VERSION = 1;

/** The same bytes under another (branded) type. */
const as = <B>(codec: Codec<never> | Codec<unknown>): Codec<B> => codec as Codec<B>;

const sat = as<Sat>(u64);
const msat = as<Msat>(u64);
const height = as<Height>(u32);
const blocks = as<Blocks>(u16);
const feerate = as<FeeratePerKw>(u32);
const txid = bytes<TxId>(32);
const scid = as<ShortChannelId>(u64);
const point = bytes(33);
const hash = bytes(32);
const signature = bytes(64);
const script = varBytes(bigsizeNumber);
/** A transaction amid other fields: its length first. */
const tx: Codec<Tx> = txCodec;

const closeKind: Codec<CloseKind> = oneOf('cooperative', 'local_force', 'remote_force', 'revoked', 'data_loss', 'never_funded');
const direction: Codec<HtlcDirection> = oneOf('offered', 'received');

// --- params

const side: Codec<SideParams> = struct({
  basepoints: struct({
    fundingPubkey: point,
    revocationBasepoint: point,
    paymentBasepoint: point,
    delayedPaymentBasepoint: point,
    htlcBasepoint: point,
  }),
  dustLimit: sat,
  maxHtlcValueInFlight: msat,
  maxAcceptedHtlcs: u16,
  htlcMinimum: msat,
  channelReserve: sat,
  toSelfDelay: blocks,
});

const paramsCodec: Codec<ChannelParams> = struct({
  keyIndex: u32,
  peer: bytes<NodeId>(33),
  isFunder: bool,
  isPublic: bool,
  channelId: bytes<ChannelId>(32),
  chainHash: bytes<BlockHash>(32),
  channelType: blob,
  capacity: sat,
  pushMsat: msat,
  minDepth: blocks,
  local: side,
  remote: side,
  fundingOutpoint: nullable(outPointCodec),
  shutdownScript: script,
  upfront: struct({ local: nullable(script), remote: nullable(script) }),
  maxDustHtlcExposure: msat,
});

// --- commitments

const origin: Codec<HtlcOrigin> = union('kind', {
  payment: [0, struct({ paymentHash: bytes<PaymentHash>(32), part: u32 })],
  forward: [1, struct({ channelId: bytes<ChannelId>(32), htlcId: u64 })],
});

const removal: Codec<Removal> = union('kind', {
  fulfill: [0, struct({ attributionData: nullable(blob) })],
  fail: [1, struct({ reason: blob, attributionData: nullable(blob) })],
  fail_malformed: [2, struct({ sha256OfOnion: hash, failureCode: u16 })],
});

const liveHtlc: Codec<LiveHtlc> = struct({
  direction,
  htlc: struct({ id: u64, amountMsat: msat, paymentHash: bytes<PaymentHash>(32), cltvExpiry: height }),
  stage: u8,
  onion: nullable(blob),
  pathKey: nullable(point),
  origin: nullable(origin),
  preimage: nullable(bytes<Preimage>(32)),
  removal: nullable(removal),
});

const commitments: Codec<Commitments> = struct({
  settled: struct({ localMsat: msat, remoteMsat: msat }),
  htlcs: list(bigsizeNumber, liveHtlc),
  fees: list(bigsizeNumber, struct({ feerate, stage: u8 })),
  nextHtlcId: struct({ local: u64, remote: u64 }),
  local: struct({ number: u64, txid, signature, htlcSignatures: list(bigsizeNumber, signature) }),
  remote: struct({ number: u64, txid, point }),
  remoteNext: nullable(struct({ txid, sentAfterLocal: u64 })),
  remoteNextPoint: nullable(point),
  secrets: shaChainCodec,
});

// --- phases

const opening = map(
  union('stage', {
    wait_accept: [0, struct({ feerate, fundingFeerate: feerate })],
    wait_fund: [1, struct({ feerate, remotePoint: point })],
    wait_funding_created: [2, struct({ feerate, remotePoint: point })],
    wait_funding_signed: [3, struct({ feerate, remotePoint: point, fundingTx: tx, remoteTxid: txid })],
  }),
  (value): Opening => ({ kind: 'opening', ...value }) as Opening,
  (value: Opening) => value as never,
);

const followed: Codec<FollowedOutput> = struct({
  vout: u32,
  what: union('kind', { main: [0, struct({})], htlc: [1, struct({ direction, id: u64 })] }) as Codec<FollowedOutput['what']>,
  spent: nullable(struct({ height, preimage: nullable(bytes<Preimage>(32)) })),
  told: bool,
});

const spend: Codec<FundingSpend> = struct({
  tx,
  owner: oneOf('both', 'local', 'remote'),
  height: nullable(height),
  outputs: list(bigsizeNumber, followed),
  settledOthers: bool,
});

const live = {
  commitments,
  funding: struct({
    tx: nullable(tx),
    createdAt: height,
    confirmed: nullable(struct({ height, txIndex: u32 })),
  }),
  readiness: struct({ sent: bool, received: bool }),
  aliases: struct({ local: scid, remote: nullable(scid) }),
  announcement: struct({
    remote: nullable(struct({ scid, nodeSignature: signature, bitcoinSignature: signature })),
    announced: bool,
  }),
  shutdown: struct({
    local: nullable(struct({ script, feerate: nullable(feerate) })),
    sent: bool,
    remote: nullable(script),
  }),
  closingTxs: list(bigsizeNumber, struct({ tx, fee: sat })),
};

const phase: Codec<Phase> = union('kind', {
  opening: [0, opening as Codec<unknown>],
  active: [1, struct(live)],
  closing: [2, struct({ ...live, how: closeKind, why: text, spend: nullable(spend) })],
  closed: [3, struct({ how: closeKind, why: text })],
}) as Codec<unknown> as Codec<Phase>;

const durable: Codec<Durable> = struct({ params: paramsCodec, phase, frozen: nullable(text) });

/** Writes the durable part; reading gives a channel without a connection. */
export const channelCodec: Codec<Channel> = {
  write(to, channel) {
    to.u8(VERSION);
    durable.write(to, goOffline(channel).durable);
  },
  read(from) {
    const version = from.u8();
    if (version !== VERSION) throw new CodecError(`a channel of version ${version}`);
    return { durable: durable.read(from), session: NEW_SESSION };
  },
};
