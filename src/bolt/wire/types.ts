import type { Bytes } from '../../base/bytes.ts';
import type { BlockHash, ChannelId, NodeId, PaymentHash, Preimage, ShortChannelId, TxId } from '../../base/ids.ts';
import type { FeeratePerKw, Msat, Sat } from '../../base/units.ts';
import type { AnyFields, Codec, ValuesOf } from '../../codec/codec.ts';
import * as codec from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';

/**
 * What a field looks like on the wire, in data: JSON, fuzzing and the comparison with the specification are derived from it.
 * `bolt` is the notation of the BOLTs with counts folded in: `u16`, `point`, `1366*byte`, `u16*byte` (a u16 counts), `...*byte`.
 */
export type Shape =
  | { readonly kind: 'number'; readonly bolt: string; readonly bits: 8 | 16 | 32 }
  | { readonly kind: 'bigint'; readonly bolt: string; readonly signed: boolean }
  | { readonly kind: 'bytes'; readonly bolt: string; readonly length: number }
  | { readonly kind: 'point'; readonly bolt: string }
  | { readonly kind: 'var_bytes'; readonly bolt: string; readonly max: number }
  | { readonly kind: 'list'; readonly bolt: string; readonly item: Shape; readonly count: number | 'u16' | 'rest' }
  | { readonly kind: 'struct'; readonly bolt: string; readonly fields: readonly (readonly [string, Shape])[] }
  | { readonly kind: 'present'; readonly bolt: string };

/** A codec that says what it looks like. */
export interface WireCodec<T> extends Codec<T> {
  readonly shape: Shape;
}

const wire = <T>(shape: Shape, inner: Codec<T>): WireCodec<T> => ({ shape, write: inner.write, read: inner.read });

const number = <T extends number = number>(bits: 8 | 16 | 32, bolt = `u${bits}`): WireCodec<T> =>
  wire({ kind: 'number', bolt, bits }, { 8: codec.u8, 16: codec.u16, 32: codec.u32 }[bits] as Codec<number> as Codec<T>);

const unsigned64 = <T extends bigint = bigint>(bolt = 'u64'): WireCodec<T> =>
  wire({ kind: 'bigint', bolt, signed: false }, unsigned as Codec<bigint> as Codec<T>);

/** A value beyond 64 bits would wrap silently in a DataView. */
const unsigned: Codec<bigint> = {
  write(to, value) {
    if (value < 0n || value >> 64n !== 0n) throw new RangeError(`${value} is not a u64`);
    to.u64(value);
  },
  read: (from) => from.u64(),
};

const signed: Codec<bigint> = {
  write(to, value) {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} is not an s64`);
    to.u64(BigInt.asUintN(64, value));
  },
  read: (from) => BigInt.asIntN(64, from.u64()),
};

export const u8 = number(8);
/** A byte of flags or of a number: the same as `u8`, under the name that most of the tables use. */
export const byte = number(8, 'byte');
export const u16 = number(16);
export const u32 = number(32);
export const feerate = number<FeeratePerKw>(32);
export const u64 = unsigned64();
export const msat = unsigned64<Msat>();
export const sat = unsigned64<Sat>();
/** BOLT 2: a contribution may be negative (a splice that takes out). */
export const signedSat: WireCodec<Sat> = wire({ kind: 'bigint', bolt: 's64', signed: true }, signed as Codec<bigint> as Codec<Sat>);
export const shortChannelId = unsigned64<ShortChannelId>('short_channel_id');

/** BOLT 1: flags in the fewest bytes; beyond 64 bits there are none. */
export const bigsize: WireCodec<bigint> = wire({ kind: 'bigint', bolt: 'bigsize', signed: false }, codec.bigsize);

/** Exactly `length` bytes. */
export const bytes = <B extends Bytes = Bytes>(length: number, bolt = `${length}*byte`): WireCodec<B> =>
  wire({ kind: 'bytes', bolt, length }, codec.bytes<B>(length));

export const channelId = bytes<ChannelId>(32, 'channel_id');
export const temporaryChannelId = bytes<ChannelId>(32);
export const chainHash = bytes<BlockHash>(32, 'chain_hash');
export const txid = bytes<TxId>(32, 'sha256');
export const paymentHash = bytes<PaymentHash>(32, 'sha256');
export const sha256 = bytes(32, 'sha256');
export const preimage = bytes<Preimage>(32);
export const secret = bytes(32);
/** r || s in 64 bytes; whether it is in range and has low s is for whoever verifies it. */
export const signature = bytes(64, 'signature');

/**
 * A compressed point of 33 bytes. Only the first byte is checked (2 or 3), which costs nothing; whether x is on the curve takes a square
 * root, which whoever uses the point pays anyway (`secp` returns null there).
 */
export const point = wirePoint<Bytes>();
export const nodeId = wirePoint<NodeId>();

function wirePoint<B extends Bytes>(): WireCodec<B> {
  const inner = codec.bytes<B>(33);
  return {
    shape: { kind: 'point', bolt: 'point' },
    write: inner.write,
    read(from) {
      const value = inner.read(from);
      if (value[0] !== 2 && value[0] !== 3) throw new CodecError('not a compressed point');
      return value;
    },
  };
}

/** A u16 that counts, then so many bytes. */
export const varBytes: WireCodec<Bytes> = wire({ kind: 'var_bytes', bolt: 'u16*byte', max: 0xffff }, codec.varBytes(codec.u16));
/** Bytes up to the end of the record. */
export const restBytes: WireCodec<Bytes> = wire({ kind: 'var_bytes', bolt: '...*byte', max: 0xffff }, codec.restBytes);

/** A u16 that counts, then so many items. */
export const list = <T>(item: WireCodec<T>): WireCodec<readonly T[]> =>
  wire({ kind: 'list', bolt: `u16*${item.shape.bolt}`, item: item.shape, count: 'u16' }, codec.list(codec.u16, item));
/** Items up to the end of the record. */
export const restList = <T>(item: WireCodec<T>): WireCodec<readonly T[]> =>
  wire({ kind: 'list', bolt: `...*${item.shape.bolt}`, item: item.shape, count: 'rest' }, codec.restList(item));

/** Exactly `count` items. */
export function array<T>(count: number, item: WireCodec<T>): WireCodec<readonly T[]> {
  return {
    shape: { kind: 'list', bolt: `${count}*${item.shape.bolt}`, item: item.shape, count },
    write(to, values) {
      if (values.length !== count) throw new RangeError(`${values.length} items where ${count} belong`);
      for (const value of values) item.write(to, value);
    },
    read: (from) => Array.from({ length: count }, () => item.read(from)),
  };
}

/** Several fields in one TLV record, or a subtype with the name `bolt`. */
export function struct<F extends WireFields>(fields: F, bolt = 'struct'): WireCodec<ValuesOf<F>> {
  const shapes = Object.entries(fields).map(([name, field]) => [name, field.shape] as const);
  return wire({ kind: 'struct', bolt, fields: shapes }, codec.struct(fields));
}

/** A TLV record without content: that it is there is what it says. */
export const present: WireCodec<true> = wire({ kind: 'present', bolt: '' }, codec.constant(true));

// biome-ignore lint/suspicious/noExplicitAny: as in AnyFields
export type WireFields = AnyFields & { readonly [name: string]: WireCodec<any> };

/** BOLT 2: the witness of an input of a splice or dual-funded transaction, each as Bitcoin serialises it. */
export const witness: WireCodec<Bytes> = wire({ kind: 'var_bytes', bolt: 'witness', max: 0xffff }, codec.varBytes(codec.u16));
