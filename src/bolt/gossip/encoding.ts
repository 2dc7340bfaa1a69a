// BOLT 7, "Query Messages": arrays behind a byte for their encoding.
import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { bigsize } from '../../codec/codec.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { Writer } from '../../codec/writer.ts';

const UNCOMPRESSED = 0;
/** BOLT 7: "1: Previously used for zlib compression, this encoding MUST NOT be used." */
const ZLIB = 1;

export interface EncodingFailure {
  readonly message: string;
}

const wrong = (message: string): Result<never, EncodingFailure> => fail({ message });

function checkEncoding(encoding: number | undefined): string | null {
  if (encoding === UNCOMPRESSED) return null;
  if (encoding === ZLIB) return 'zlib encoding is not allowed any more';
  return encoding === undefined ? 'an empty array without encoding' : `unknown encoding ${encoding}`;
}

export function encodeScids(scids: readonly bigint[]): Bytes {
  const out = new Uint8Array(1 + 8 * scids.length);
  const view = new DataView(out.buffer);
  scids.forEach((scid, i) => {
    view.setBigUint64(1 + 8 * i, scid);
  });
  return out;
}

/** Short channel ids in strictly ascending order, as BOLT 7 demands. */
export function decodeScids(bytes: Bytes): Result<readonly bigint[], EncodingFailure> {
  const encoding = checkEncoding(bytes[0]);
  if (encoding !== null) return wrong(encoding);
  if ((bytes.length - 1) % 8 !== 0) return wrong('not a whole number of short channel ids');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scids: bigint[] = [];
  for (let at = 1; at < bytes.length; at += 8) {
    const scid = view.getBigUint64(at);
    if (scids.length > 0 && scid <= (scids.at(-1) as bigint)) return wrong('short channel ids are not in ascending order');
    scids.push(scid);
  }
  return ok(scids);
}

export interface EncodedArray {
  readonly encodingType: number;
}

/** BOLT 7: one minimally encoded bigsize for each short channel id. */
export function encodeFlags(flags: readonly number[]): Bytes {
  const writer = new Writer(flags.length);
  for (const flag of flags) bigsize.write(writer, BigInt(flag));
  return writer.done();
}

export function decodeFlags(
  record: { readonly encodingType: number; readonly encodedQueryFlags: Bytes },
  count: number,
): Result<readonly number[], EncodingFailure> {
  const encoding = checkEncoding(record.encodingType);
  if (encoding !== null) return wrong(encoding);
  const reader = new Reader(record.encodedQueryFlags);
  const flags: number[] = [];
  try {
    while (reader.left > 0 && flags.length <= count) flags.push(Number(bigsize.read(reader) & 0xffn));
  } catch (error) {
    if (error instanceof CodecError) return wrong(error.message);
    throw error;
  }
  return flags.length === count ? ok(flags) : wrong('not one query flag for each short channel id');
}

export interface TwoSides {
  readonly node1: number;
  readonly node2: number;
}

export function encodeTimestamps(timestamps: readonly TwoSides[]): Bytes {
  const writer = new Writer(8 * timestamps.length);
  for (const { node1, node2 } of timestamps) writer.u32(node1).u32(node2);
  return writer.done();
}

export function decodeTimestamps(
  record: { readonly encodingType: number; readonly encodedTimestamps: Bytes },
  count: number,
): Result<readonly TwoSides[], EncodingFailure> {
  const encoding = checkEncoding(record.encodingType);
  if (encoding !== null) return wrong(encoding);
  if (record.encodedTimestamps.length !== 8 * count) return wrong('not two timestamps for each short channel id');
  const reader = new Reader(record.encodedTimestamps);
  return ok(Array.from({ length: count }, () => ({ node1: reader.u32(), node2: reader.u32() })));
}
