import type { Bytes } from '../base/bytes.ts';
import { fail, ok, type Result } from '../base/result.ts';
import { CodecError, Reader, within } from './reader.ts';
import { Writer } from './writer.ts';

/** How one type is written and read. `read` throws CodecError on malformed bytes. */
export interface Codec<T> {
  write(to: Writer, value: T): void;
  read(from: Reader): T;
}

export type ValueOf<C> = C extends Codec<infer T> ? T : never;

export interface DecodeFailure {
  readonly kind: 'malformed';
  readonly path: string;
  readonly message: string;
}

/** One buffer for all that is encoded: making and growing a new one each time costs more than writing. Null while it is in use. */
let shared: Writer | null = new Writer(4096);
/** A buffer that has grown beyond this is let go. */
const SHARED_LIMIT = 1 << 20;

export function encodeWith<T>(codec: Codec<T>, value: T): Bytes {
  // A codec that encodes something apart inside of its own `write` finds it taken.
  const writer = shared ?? new Writer();
  shared = null;
  writer.length = 0;
  codec.write(writer, value);
  const bytes = writer.done();
  // Where `write` threw, what it holds is dropped, and the next call makes a new one.
  shared = writer.length <= SHARED_LIMIT ? writer : null;
  return bytes;
}

/** Reads the whole of `bytes`; what is left over is malformed. The door at which a CodecError becomes a returned failure. */
export function decodeWith<T>(codec: Codec<T>, bytes: Bytes): Result<T, DecodeFailure> {
  try {
    const reader = new Reader(bytes);
    const value = codec.read(reader);
    if (reader.left !== 0) throw new CodecError(`${reader.left} bytes left over`);
    return ok(value);
  } catch (error) {
    if (error instanceof CodecError) return fail({ kind: 'malformed', path: error.path, message: error.message });
    throw error;
  }
}

const integer = (name: 'u8' | 'u16' | 'u32', limit: number): Codec<number> => ({
  write(to, value) {
    if (!Number.isInteger(value) || value < 0 || value >= limit) throw new RangeError(`${value} is not a ${name}`);
    to[name](value);
  },
  read: (from) => from[name](),
});

export const u8: Codec<number> = integer('u8', 2 ** 8);
export const u16: Codec<number> = integer('u16', 2 ** 16);
export const u32: Codec<number> = integer('u32', 2 ** 32);
export const u64: Codec<bigint> = { write: (to, value) => void to.u64(value), read: (from) => from.u64() };

/** BOLT 1: unsigned integers without leading zero bytes; only at the end of a record. */
const truncated = (length: number): Codec<bigint> => ({
  write(to, value) {
    if (value < 0n || value >> BigInt(8 * length) !== 0n) throw new RangeError(`${value} is not a tu${8 * length}`);
    for (let shift = 8 * (length - 1); shift >= 0; shift -= 8)
      if (value >> BigInt(shift) !== 0n) to.u8(Number((value >> BigInt(shift)) & 0xffn));
  },
  read(from) {
    if (from.left > length) throw new CodecError(`${from.left} bytes for a tu${8 * length}`);
    let value = 0n;
    const digits = from.rest();
    if (digits[0] === 0) throw new CodecError('not minimal');
    for (const digit of digits) value = (value << 8n) | BigInt(digit);
    return value;
  },
});
export const tu16: Codec<number> = map(truncated(2), Number, BigInt);
export const tu32: Codec<number> = map(truncated(4), Number, BigInt);
export const tu64: Codec<bigint> = truncated(8);

/** BOLT 1: variable-length unsigned integer up to 2^64 - 1, minimal. */
export const bigsize: Codec<bigint> = {
  write(to, value) {
    if (value < 0xfdn) to.u8(Number(value));
    else if (value <= 0xffffn) to.u8(0xfd).u16(Number(value));
    else if (value <= 0xffffffffn) to.u8(0xfe).u32(Number(value));
    else to.u8(0xff).u64(value);
  },
  read(from) {
    const first = from.u8();
    if (first < 0xfd) return BigInt(first);
    const value = first === 0xfd ? BigInt(from.u16()) : first === 0xfe ? BigInt(from.u32()) : from.u64();
    const least = first === 0xfd ? 0xfdn : first === 0xfe ? 0x10000n : 0x100000000n;
    if (value < least) throw new CodecError('decoded bigsize is not canonical');
    return value;
  },
};

/** A bigsize that must be a safe integer (lengths, counts). */
export const bigsizeNumber: Codec<number> = {
  write: (to, value) => bigsize.write(to, BigInt(value)),
  read(from) {
    const value = bigsize.read(from);
    if (value > 0xffffffffn) throw new CodecError('number out of range');
    return Number(value);
  },
};

/** Exactly `length` bytes, copied out of the input. */
export function bytes<B extends Bytes = Bytes>(length: number): Codec<B> {
  return {
    write(to, value) {
      if (value.length !== length) throw new RangeError(`${value.length} bytes where ${length} belong`);
      to.bytes(value);
    },
    read: (from) => from.take(length).slice() as B,
  };
}

/** Everything up to the end of the enclosing record. */
export const restBytes: Codec<Bytes> = { write: (to, value) => void to.bytes(value), read: (from) => from.rest().slice() };

/** A length by `prefix`, then so many bytes. */
export function varBytes<B extends Bytes = Bytes>(prefix: Codec<number>): Codec<B> {
  return {
    write(to, value) {
      prefix.write(to, value.length);
      to.bytes(value);
    },
    read: (from) => from.take(prefix.read(from)).slice() as B,
  };
}

export function constant<const T>(value: T): Codec<T> {
  return { write() {}, read: () => value };
}

/** A codec for another view of the same bytes. `from` may throw CodecError. */
export function map<A, B>(codec: Codec<A>, from: (a: A) => B, to: (b: B) => A): Codec<B> {
  return { write: (writer, value) => codec.write(writer, to(value)), read: (reader) => from(codec.read(reader)) };
}

/** A count by `prefix`, then so many items. */
export function list<T>(prefix: Codec<number>, item: Codec<T>): Codec<readonly T[]> {
  return {
    write(to, values) {
      prefix.write(to, values.length);
      for (const value of values) item.write(to, value);
    },
    read(from) {
      const count = prefix.read(from);
      // Every item takes a byte at least, so a count beyond what is left is a lie, found before memory is spent on it.
      if (count > from.left) throw new CodecError(`${count} items in ${from.left} bytes`);
      return Array.from({ length: count }, (_, i) => within(`${i}`, () => item.read(from)));
    },
  };
}

/** Items up to the end of the enclosing record. */
export function restList<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    write(to, values) {
      for (const value of values) item.write(to, value);
    },
    read(from) {
      const values: T[] = [];
      while (from.left > 0) values.push(within(`${values.length}`, () => item.read(from)));
      return values;
    },
  };
}

/** One byte 0 or 1, then the value where it is 1. */
export function nullable<T>(codec: Codec<T>): Codec<T | null> {
  return {
    write(to, value) {
      to.u8(value === null ? 0 : 1);
      if (value !== null) codec.write(to, value);
    },
    read(from) {
      const flag = from.u8();
      if (flag > 1) throw new CodecError('flag is neither 0 nor 1');
      return flag === 1 ? codec.read(from) : null;
    },
  };
}

export const bool: Codec<boolean> = map(
  u8,
  (v) => {
    if (v > 1) throw new CodecError('flag is neither 0 nor 1');
    return v === 1;
  },
  (v) => (v ? 1 : 0),
);

export type Fields = { readonly [name: string]: Codec<never> | Codec<unknown> };
// biome-ignore lint/suspicious/noExplicitAny: the variance of Codec needs it here and only here
export type AnyFields = { readonly [name: string]: Codec<any> };
export type ValuesOf<F extends AnyFields> = { readonly [K in keyof F]: ValueOf<F[K]> };

/** Named fields one after the other. */
export function struct<F extends AnyFields>(fields: F): Codec<ValuesOf<F>> {
  const names = Object.keys(fields);
  return {
    write(to, value) {
      for (const name of names) fields[name]!.write(to, (value as Record<string, unknown>)[name]);
    },
    read(from) {
      const out: Record<string, unknown> = {};
      for (const name of names) out[name] = within(name, () => fields[name]!.read(from));
      return out as ValuesOf<F>;
    },
  };
}

/** A tagged union: one byte for the tag, then that member's fields. The tag numbers are part of the format. */
export function union<Tag extends string, M extends { readonly [name: string]: readonly [number, Codec<unknown>] }>(
  tag: Tag,
  members: M,
): Codec<{ [K in keyof M & string]: { readonly [T in Tag]: K } & ValueOf<M[K][1]> }[keyof M & string]> {
  type U = { [K in keyof M & string]: { readonly [T in Tag]: K } & ValueOf<M[K][1]> }[keyof M & string];
  const byNumber = new Map(Object.entries(members).map(([name, [number, codec]]) => [number, [name, codec] as const]));
  return {
    write(to, value) {
      const [number, codec] = members[(value as Record<string, string>)[tag] as string] as readonly [number, Codec<unknown>];
      to.u8(number);
      codec.write(to, value);
    },
    read(from) {
      const number = from.u8();
      const member = byNumber.get(number);
      if (member === undefined) throw new CodecError(`no member ${number}`);
      return { [tag]: member[0], ...(within(member[0], () => member[1].read(from)) as object) } as unknown as U;
    },
  };
}
