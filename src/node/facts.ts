import type { Bytes } from '../base/bytes.ts';
import { utf8 } from '../base/bytes.ts';
import type { ChannelId, PaymentHash } from '../base/ids.ts';
import type { Height, Msat, UnixTime } from '../base/units.ts';
import type { ChannelFact, Htlc } from '../bolt/channel/types.ts';
import { bool, bytes, type Codec, encodeWith, list, struct, u8, u16, u32, u64 } from '../codec/codec.ts';
import { versioned } from '../codec/stored.ts';
import type { HistoryRow } from './batch.ts';
import type { FactRow, Forward } from './types.ts';

const VERSION = 1;

const htlcCodec: Codec<Htlc> = struct({
  id: u64,
  amountMsat: u64 as Codec<Msat>,
  paymentHash: bytes<PaymentHash>(32),
  cltvExpiry: u32 as Codec<number> as Codec<Height>,
});

const revokedCodec = struct({
  version: u8,
  commitmentNumber: u64,
  txid: bytes(32),
  htlcs: list(u16, struct({ htlc: htlcCodec, offeredByUs: bool })),
});

/** The stored form of a channel's fact. A revoked commitment is binary: there is one for every state the channel had. */
export function factBlob(fact: ChannelFact): Bytes {
  if (fact.kind === 'note') return utf8(JSON.stringify({ what: fact.what, ...fact.details }));
  return encodeWith(revokedCodec, { version: VERSION, commitmentNumber: fact.commitmentNumber, txid: fact.txid, htlcs: fact.htlcs });
}

export const revokedCommitmentCodec = revokedCodec;

export const forwardCodec: Codec<Forward> = versioned(
  struct({
    inChannel: bytes<ChannelId>(32),
    inHtlcId: u64,
    outChannel: bytes<ChannelId>(32),
    sharedSecret: bytes(32),
    paymentHash: bytes<PaymentHash>(32),
    amountInMsat: u64 as Codec<Msat>,
    amountOutMsat: u64 as Codec<Msat>,
    createdAt: u32 as Codec<number> as Codec<UnixTime>,
  }),
);

/** A forward that ended keeps no secret in the history. */
const forwardingBlob = (forward: Forward): Bytes => encodeWith(forwardCodec, { ...forward, sharedSecret: new Uint8Array(32) });

export function historyRow(row: FactRow): HistoryRow {
  if (row.kind === 'channel') return { subject: row.channelId, at: row.at, what: row.what, blob: row.blob };
  return { subject: row.forward.inChannel, at: row.at, what: `forward_${row.outcome}`, blob: forwardingBlob(row.forward) };
}
