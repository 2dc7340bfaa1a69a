import type { Bytes } from './bytes.ts';
import type { Brand } from './units.ts';

/** Compressed secp256k1 public key of a node, 33 bytes. */
export type NodeId = Brand<Bytes, 'NodeId'>;
/** BOLT 2 channel_id, 32 bytes. */
export type ChannelId = Brand<Bytes, 'ChannelId'>;
/** SHA-256 of a preimage, 32 bytes. */
export type PaymentHash = Brand<Bytes, 'PaymentHash'>;
/** 32 bytes whose SHA-256 is a payment hash. */
export type Preimage = Brand<Bytes, 'Preimage'>;
/** Double SHA-256 of a transaction, 32 bytes in the order in which it is hashed and sent (people read it reversed). */
export type TxId = Brand<Bytes, 'TxId'>;
/** Hash of a block header, 32 bytes in the order in which it is hashed and sent (people read it reversed). */
export type BlockHash = Brand<Bytes, 'BlockHash'>;
/** BOLT 7: block height (24 bits), transaction index (24 bits), output index (16 bits). */
export type ShortChannelId = Brand<bigint, 'ShortChannelId'>;
/** Names one command of a user, so that its reply finds the way back. */
export type CommandId = Brand<number, 'CommandId'>;

export interface OutPoint {
  readonly txid: TxId;
  readonly vout: number;
}

export function shortChannelId(part: { readonly height: number; readonly txIndex: number; readonly vout: number }): ShortChannelId {
  return ((BigInt(part.height) << 40n) | (BigInt(part.txIndex) << 16n) | BigInt(part.vout)) as ShortChannelId;
}

/** `BxTxO`, the form people read. */
export function formatScid(scid: ShortChannelId): string {
  return `${scid >> 40n}x${(scid >> 16n) & 0xffffffn}x${scid & 0xffffn}`;
}

/** The short channel id of `BxTxO`, or null where it is malformed or out of range. */
export function parseScid(text: string): ShortChannelId | null {
  const match = /^(\d{1,8})x(\d{1,8})x(\d{1,5})$/.exec(text);
  if (match === null) return null;
  const [height, txIndex, vout] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (height > 0xffffff || txIndex > 0xffffff || vout > 0xffff) return null;
  return shortChannelId({ height, txIndex, vout });
}
