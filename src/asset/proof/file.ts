import { type Bytes, equal, fromHex } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { bigsizeNumber } from '../../codec/codec.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { Writer } from '../../codec/writer.ts';
import { sha256Pair } from '../../crypto/hash.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { ZERO32 } from '../genesis.ts';
import { MAX_FILE_SIZE, MAX_PROOF_SIZE } from './proof.ts';

/**
 * A proof file: every transition of an asset from its minting on, each hashed with the one before. "TAPF", version, count, and for each proof its
 * length, its bytes and the hash.
 */

export const FILE_MAGIC: Bytes = fromHex('54415046');
export const FILE_VERSION = 0;
/** More transitions than blocks in eight years. */
export const MAX_PROOFS = 420_000;

/** Bytes that may be larger than memory, read in pieces; `read` gives exactly `length` bytes, which lie within `size`. */
export interface ByteSource {
  readonly size: number;
  readonly read: (offset: number, length: number) => Bytes;
}
export const bytesSource = (bytes: Bytes): ByteSource => ({
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

export type FileCode = 'MALFORMED' | 'CHECKSUM' | 'TOO_LARGE' | 'UNKNOWN_VERSION';
type Failure = AssetFailure<FileCode>;

/** Reads the proofs of a file one by one; only one is in memory at a time. */
export interface FileCursor {
  readonly count: number;
  /** The bytes of the next proof, whose hash fits; null after the last. */
  next(): Result<Bytes | null, Failure>;
  /** The hash of all that was read so far. */
  hash(): Bytes;
}

/** Opens a file, looking at its head alone. */
export function openFile(source: ByteSource): Result<FileCursor, Failure> {
  if (source.size > MAX_FILE_SIZE) return refuse('TOO_LARGE', `a proof file of ${source.size} bytes`);
  const head = source.read(0, Math.min(17, source.size));
  if (!equal(head.subarray(0, 4), FILE_MAGIC)) return refuse('MALFORMED', 'not a proof file');
  const start = within(() => {
    const from = new Reader(head, 4);
    return { version: from.u32(), count: bigsizeNumber.read(from), at: from.at };
  });
  if (!start.ok) return start;
  const { version, count } = start.value;
  if (version !== FILE_VERSION) return refuse('UNKNOWN_VERSION', `proof file version ${version}`);
  // Each proof takes a length, something, and a hash.
  if (count > MAX_PROOFS || count * 34 > source.size) return refuse('MALFORMED', `${count} proofs in ${source.size} bytes`);
  let { at } = start.value;
  let read = 0;
  let previous = ZERO32;
  const next = (): Result<Bytes | null, Failure> => {
    if (read === count) return at === source.size ? ok(null) : refuse('MALFORMED', `${source.size - at} bytes follow the last proof`);
    const length = lengthAt(source, at);
    if (!length.ok) return length;
    const { value, width } = length.value;
    if (value > MAX_PROOF_SIZE) return refuse('TOO_LARGE', `proof ${read} has ${value} bytes`);
    if (at + width + value + 32 > source.size) return refuse('MALFORMED', `proof ${read} is cut off`);
    const proof = source.read(at + width, value);
    const hash = source.read(at + width + value, 32);
    if (!equal(hash, hashProof(previous, proof))) return refuse('CHECKSUM', `the hash of proof ${read} does not fit`);
    at += width + value + 32;
    read += 1;
    previous = hash.slice();
    return ok(proof);
  };
  return ok({ count, next, hash: () => previous });
}

/** All proofs of a file that is in memory. */
export function readFile(bytes: Bytes): Result<readonly Bytes[], Failure> {
  const cursor = openFile(bytesSource(bytes));
  if (!cursor.ok) return cursor;
  const proofs: Bytes[] = [];
  for (;;) {
    const proof = cursor.value.next();
    if (!proof.ok) return proof;
    if (proof.value === null) return ok(proofs);
    proofs.push(proof.value);
  }
}

/** The file of `proofs`, oldest first. */
export function writeFile(proofs: readonly Bytes[]): Bytes {
  const to = new Writer(64 + proofs.reduce((sum, proof) => sum + proof.length + 40, 0)).bytes(FILE_MAGIC).u32(FILE_VERSION);
  bigsizeNumber.write(to, proofs.length);
  let hash = ZERO32;
  for (const proof of proofs) {
    hash = hashProof(hash, proof);
    bigsizeNumber.write(to, proof.length);
    to.bytes(proof).bytes(hash);
  }
  return to.done();
}

export const isProofFile = (blob: Bytes): boolean => equal(blob.subarray(0, 4), FILE_MAGIC);

/** The hash that a file has after `proof`, given the one that it has before. */
export const hashProof = (previous: Bytes, proof: Bytes): Bytes => sha256Pair(previous, proof);

function lengthAt(source: ByteSource, at: number): Result<{ readonly value: number; readonly width: number }, Failure> {
  return within(() => {
    const from = new Reader(source.read(at, Math.min(9, source.size - at)));
    return { value: bigsizeNumber.read(from), width: from.at };
  });
}

function within<T>(run: () => T): Result<T, Failure> {
  try {
    return ok(run());
  } catch (error) {
    if (error instanceof CodecError) return fail({ code: 'MALFORMED', message: error.message });
    throw error;
  }
}
