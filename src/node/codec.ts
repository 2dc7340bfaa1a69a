import type { BlockHash, ChannelId, NodeId, PaymentHash, Preimage, ShortChannelId } from '../base/ids.ts';
import type { Blocks, Height, Msat, UnixTime } from '../base/units.ts';
import { bool, bytes, type Codec, constant, list, map, nullable, struct, u8, u16, u32, u64 } from '../codec/codec.ts';
import { CodecError } from '../codec/reader.ts';
import { blob, oneOf, text, versioned } from '../codec/stored.ts';
import { DOWN } from './peers.ts';
import type {
  BlockPoint,
  ChannelExtras,
  EdgeLesson,
  Invoice,
  InvoiceHtlc,
  PartFailure,
  Payment,
  PaymentPart,
  Peer,
  Policy,
  Route,
  RouteHop,
} from './types.ts';

const msat = u64 as Codec<Msat>;
const time = u32 as Codec<number> as Codec<UnixTime>;
const height = u32 as Codec<number> as Codec<Height>;
const blocks = u32 as Codec<number> as Codec<Blocks>;
const scid = u64 as Codec<ShortChannelId>;
const nodeId = bytes<NodeId>(33);
const channelId = bytes<ChannelId>(32);
const paymentHash = bytes<PaymentHash>(32);
const preimage = bytes<Preimage>(32);
/** Signed, for hop numbers of which -1 is one. */
const small: Codec<number> = map(
  u8,
  (value) => value - 1,
  (value) => value + 1,
);

const hop: Codec<RouteHop> = struct({ nodeId, scid, amountMsat: msat, cltvExpiry: height });
const route: Codec<Route> = struct({
  channelId,
  hops: map(
    list(u8, hop),
    (hops) => {
      if (hops.length === 0) throw new CodecError('a route without hops');
      return hops as Route['hops'];
    },
    (hops) => hops,
  ),
});
const partFailure: Codec<PartFailure> = struct({ hop: nullable(small), reason: text, code: nullable(u16), final: bool });
const part: Codec<PaymentPart> = struct({
  id: u16,
  status: oneOf('in_flight', 'settled', 'failed'),
  amountMsat: msat,
  feeMsat: msat,
  route,
  sharedSecrets: list(u8, bytes(32)),
  sentAt: time,
  resolvedAt: nullable(time),
  failure: nullable(partFailure),
});
const policyNumbers = struct({ feeBaseMsat: u32, feeProportionalMillionths: u32, cltvExpiryDelta: u16 });
const lesson: Codec<EdgeLesson> = struct({ scid, to: nodeId, failsFromMsat: nullable(msat), policy: nullable(policyNumbers) });
const hintHop = struct({ nodeId, scid, feeBaseMsat: u32, feeProportionalMillionths: u32, cltvExpiryDelta: u16 });
const paymentError: Codec<NonNullable<Payment['error']>> = struct({
  code: oneOf('PAYMENT_FAILED', 'NO_ROUTE', 'REJECTED_BY_DESTINATION'),
  message: text,
  hint: text,
});

export const paymentCodec: Codec<Payment> = versioned(
  struct({
    paymentHash,
    status: oneOf('pending', 'settled', 'failed'),
    destination: nodeId,
    amountMsat: msat,
    maxFeeMsat: msat,
    maxParts: u16,
    bolt11: nullable(text),
    paymentSecret: nullable(bytes(32)),
    paymentMetadata: nullable(blob),
    keysendPreimage: nullable(preimage),
    key: nullable(text),
    finalCltvDelta: blocks,
    hints: list(u8, list(u8, hintHop)),
    outgoing: list(u8, scid),
    excludedNodes: list(u16, nodeId),
    excludedChannels: list(u16, scid),
    multipart: bool,
    createdAt: time,
    retryUntil: time,
    finishedAt: nullable(time),
    preimage: nullable(preimage),
    parts: list(u16, part),
    lessons: list(u16, lesson),
    error: nullable(paymentError),
  }),
);

const invoiceHtlc: Codec<InvoiceHtlc> = struct({
  channelId,
  htlcId: u64,
  amountMsat: msat,
  totalMsat: msat,
  cltvExpiry: height,
  sharedSecret: bytes(32),
  receivedAt: time,
});

export const invoiceCodec: Codec<Invoice> = versioned(
  struct({
    paymentHash,
    preimage: nullable(preimage),
    hold: bool,
    paymentSecret: blob,
    bolt11: text,
    amountMsat: nullable(msat),
    description: text,
    createdAt: time,
    expiresAt: time,
    minFinalCltvExpiryDelta: blocks,
    state: oneOf('open', 'accepted', 'settled', 'cancelled', 'expired'),
    receivedMsat: msat,
    settledAt: nullable(time),
    htlcs: list(u16, invoiceHtlc),
  }),
);

const policy: Codec<Policy> = struct({
  feeBaseMsat: msat,
  feeProportionalMillionths: u32,
  cltvExpiryDelta: blocks,
  htlcMinimumMsat: msat,
  htlcMaximumMsat: nullable(msat),
});

const extras = struct({
  channelId,
  policy,
  updateTimestamp: time,
  remoteUpdate: nullable(blob),
  announcement: nullable(blob),
  openedAt: time,
});
const TOLD_DISABLED = 2;

/** Version 2 is version 1 of a channel whose last update told everybody that its peer is away. */
export const extrasCodec: Codec<ChannelExtras> = {
  write(to, value) {
    to.u8(value.toldDisabled === true ? TOLD_DISABLED : 1);
    extras.write(to, value);
  },
  read(from) {
    const version = from.u8();
    if (version !== 1 && version !== TOLD_DISABLED) throw new CodecError(`version ${version}, expected 1 or ${TOLD_DISABLED}`);
    const read = extras.read(from);
    return version === TOLD_DISABLED ? { ...read, toldDisabled: true } : read;
  },
};

const address = struct({ host: text, port: u16 });

/** What is stored of a peer; the session is rebuilt. */
export const peerCodec: Codec<Peer> = versioned(
  struct({ nodeId, address: nullable(address), trustedForZeroConf: bool, wanted: bool, session: constant(DOWN) as Codec<Peer['session']> }),
);

export const cursorCodec: Codec<readonly BlockPoint[]> = versioned(list(u16, struct({ height, hash: bytes<BlockHash>(32) })));
export const numberCodec: Codec<number> = versioned(u32);
