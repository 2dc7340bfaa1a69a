import type { Bytes } from '../base/bytes.ts';
import type { OutPoint, TxId } from '../base/ids.ts';
import { bigsizeNumber, bytes, type Codec, encodeWith, list } from '../codec/codec.ts';
import { CodecError, Reader } from '../codec/reader.ts';
import { secp } from '../crypto/ec.ts';
import type { NodeRef } from './mssmt/node.ts';

/** Pieces that many Taproot Assets encodings share. Integers are big-endian, lengths BigSize (BOLT 1). */

/** The largest record that the protocol's peers accept in nested streams. */
export const MAX_RECORD_SIZE = 65_535;

/** The index is big-endian here, unlike Bitcoin's own encoding. */
export const outPoint: Codec<OutPoint> = {
  write: (to, value) => void to.bytes(value.txid).u32(value.vout),
  read: (from) => ({ txid: from.take(32).slice() as TxId, vout: from.u32() }),
};

/** 33 bytes that are a point of secp256k1, compressed. */
export const publicKey: Codec<Bytes> = {
  write: (to, value) => bytes(33).write(to, value),
  read(from) {
    const key = from.take(33).slice();
    if (!secp.isPublicKey(key)) throw new CodecError('not a public key');
    return key;
  },
};

/** A public key, or 33 zeros where there is none. */
export const publicKeyOrZero: Codec<Bytes> = {
  write: publicKey.write,
  read(from) {
    const zero = from.left >= 33 && from.bytes.subarray(from.at, from.at + 33).every((byte) => byte === 0);
    return zero ? from.take(33).slice() : publicKey.read(from);
  },
};

/** The hash and sum of a merkle-sum tree's root. */
export const nodeRef: Codec<NodeRef> = {
  write: (to, value) => void to.bytes(value.hash).u64(value.sum),
  read: (from) => ({ hash: from.take(32).slice(), sum: from.u64() }),
};

/** BigSize length and bytes, at most `most`. */
export const shortBytes = (most: number): Codec<Bytes> => ({
  write(to, value) {
    bigsizeNumber.write(to, value.length);
    to.bytes(value);
  },
  read(from) {
    const length = bigsizeNumber.read(from);
    if (length > most) throw new CodecError(`${length} bytes where ${most} are allowed`);
    return from.take(length).slice();
  },
});

/** A whole value behind its BigSize length of at most `most` bytes. */
export function inline<T>(most: number, codec: Codec<T>): Codec<T> {
  return {
    write(to, value) {
      const encoded = encodeWith(codec, value);
      bigsizeNumber.write(to, encoded.length);
      to.bytes(encoded);
    },
    read(from) {
      const length = bigsizeNumber.read(from);
      if (length > most) throw new CodecError(`${length} bytes where ${most} are allowed`);
      const end = from.at + length;
      from.take(length);
      return whole(codec, new Reader(from.bytes, end - length, end));
    },
  };
}

/** A BigSize count of at most `most`, then so many items. */
export function shortList<T>(most: number, item: Codec<T>): Codec<readonly T[]> {
  const count: Codec<number> = {
    write: bigsizeNumber.write,
    read(from) {
      const value = bigsizeNumber.read(from);
      if (value > most) throw new CodecError(`${value} items where ${most} are allowed`);
      return value;
    },
  };
  return list(count, item);
}

/** For values that end with their record: refuses records of more than `most` bytes before anything is read. */
export function record<T>(most: number, codec: Codec<T>): Codec<T> {
  return {
    write: codec.write,
    read(from) {
      if (from.left > most) throw new CodecError(`${from.left} bytes where ${most} are allowed`);
      return codec.read(from);
    },
  };
}

/** The items of a Bitcoin witness. */
export const witnessStack: Codec<readonly Bytes[]> = shortList(MAX_RECORD_SIZE, shortBytes(MAX_RECORD_SIZE));

/** A codec that exists only when it is first used: for types that contain themselves. */
export const lazy = <T>(make: () => Codec<T>): Codec<T> => {
  let codec: Codec<T> | null = null;
  const get = (): Codec<T> => {
    codec ??= make();
    return codec;
  };
  return { write: (to, value) => get().write(to, value), read: (from) => get().read(from) };
};

export function whole<T>(codec: Codec<T>, from: Reader): T {
  const value = codec.read(from);
  if (from.left !== 0) throw new CodecError(`${from.left} bytes left over`);
  return value;
}

/** The item of a stream that must be there. */
export function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new CodecError(`no ${name}`);
  return value;
}
