import { type Bytes, EMPTY, equal, reversed, toHex, tryHex } from '../base/bytes.ts';
import type { OutPoint, TxId } from '../base/ids.ts';
import type { Result } from '../base/result.ts';
import type { Sat } from '../base/units.ts';
import { type Codec, type DecodeFailure, decodeWith, encodeWith } from '../codec/codec.ts';
import { CodecError, type Reader, within } from '../codec/reader.ts';
import type { Writer } from '../codec/writer.ts';
import { sha256d } from '../crypto/hash.ts';

/** A Bitcoin transaction (BIP 144). `version` is signed 32 bits, `locktime` and `sequence` unsigned 32 bits. */
export interface Tx {
  readonly version: number;
  readonly inputs: readonly TxInput[];
  readonly outputs: readonly TxOutput[];
  readonly locktime: number;
}

export interface TxInput {
  readonly prevout: OutPoint;
  readonly scriptSig: Bytes;
  readonly sequence: number;
  readonly witness: readonly Bytes[];
}

export interface TxOutput {
  readonly amount: Sat;
  readonly script: Bytes;
}

/** Bitcoin's CompactSize; minimal encodings only. */
export const compactSize: Codec<number> = {
  write(to, value) {
    if (value < 0xfd) to.u8(value);
    else if (value <= 0xffff) to.u8(0xfd).u16le(value);
    else if (value <= 0xffffffff) to.u8(0xfe).u32le(value);
    else throw new RangeError(`${value} is too large`);
  },
  read(from) {
    const first = from.u8();
    if (first < 0xfd) return first;
    if (first === 0xff) throw new CodecError('size out of range');
    const value = first === 0xfd ? from.u16le() : from.u32le();
    if (value < (first === 0xfd ? 0xfd : 0x10000)) throw new CodecError('size is not minimal');
    return value;
  },
};

export const outPointCodec: Codec<OutPoint> = {
  write: (to, value) => void to.bytes(value.txid).u32le(value.vout),
  read: (from) => ({ txid: from.take(32).slice() as TxId, vout: from.u32le() }),
};

export const txOutputCodec: Codec<TxOutput> = {
  write(to, value) {
    to.u64le(value.amount);
    writeBytes(to, value.script);
  },
  read: (from) => ({ amount: from.u64le() as Sat, script: readBytes(from) }),
};

/** With witnesses where any input has one. */
export const txCodec: Codec<Tx> = {
  write: (to, tx) =>
    write(
      to,
      tx,
      tx.inputs.some((i) => i.witness.length > 0),
    ),
  read,
};

export const encodeTx = (tx: Tx): Bytes => encodeWith(txCodec, tx);
export const decodeTx = (bytes: Bytes): Result<Tx, DecodeFailure> => decodeWith(txCodec, bytes);

/** The serialization that the txid commits to. */
export const encodeTxWithoutWitness = (tx: Tx): Bytes => encodeWith({ write: (to, value: Tx) => write(to, value, false), read }, tx);

const ids = new WeakMap<Tx, TxId>();

export function txId(tx: Tx): TxId {
  let id = ids.get(tx);
  if (id === undefined) {
    id = sha256d(encodeTxWithoutWitness(tx)) as TxId;
    ids.set(tx, id);
  }
  return id;
}

/** BIP 141: three times the size without witnesses, plus the whole size. */
export function txWeight(tx: Tx): number {
  return 3 * encodeTxWithoutWitness(tx).length + encodeTx(tx).length;
}

/** Virtual bytes: a quarter of the weight, rounded up. */
export const txVsize = (tx: Tx): number => Math.ceil(txWeight(tx) / 4);

/** The form people read: hexadecimal of the reversed bytes. */
export const formatTxId = (txid: TxId): string => toHex(reversed(txid));
export const formatOutPoint = (outpoint: OutPoint): string => `${formatTxId(outpoint.txid)}:${outpoint.vout}`;
export const equalOutPoint = (a: OutPoint, b: OutPoint): boolean => a.vout === b.vout && equal(a.txid, b.txid);

export function parseTxId(text: string): TxId | null {
  const bytes = text.length === 64 ? tryHex(text) : null;
  return bytes === null ? null : (reversed(bytes) as TxId);
}

/** An input without scriptSig and witness. */
export const txInput = (prevout: OutPoint, sequence: number, witness: readonly Bytes[] = []): TxInput => ({
  prevout,
  scriptSig: EMPTY,
  sequence,
  witness,
});

/** The transaction with the witness of one input replaced. */
export function withWitness(tx: Tx, index: number, witness: readonly Bytes[]): Tx {
  return { ...tx, inputs: tx.inputs.map((input, i) => (i === index ? { ...input, witness } : input)) };
}

function write(to: Writer, tx: Tx, withWitnesses: boolean): void {
  to.i32le(tx.version);
  if (withWitnesses) to.u8(0).u8(1);
  compactSize.write(to, tx.inputs.length);
  for (const input of tx.inputs) {
    outPointCodec.write(to, input.prevout);
    writeBytes(to, input.scriptSig);
    to.u32le(input.sequence);
  }
  compactSize.write(to, tx.outputs.length);
  for (const output of tx.outputs) txOutputCodec.write(to, output);
  if (withWitnesses)
    for (const input of tx.inputs) {
      compactSize.write(to, input.witness.length);
      for (const item of input.witness) writeBytes(to, item);
    }
  to.u32le(tx.locktime);
}

function read(from: Reader): Tx {
  const version = from.i32le();
  const segwit = from.left >= 2 && from.bytes[from.at] === 0 && from.bytes[from.at + 1] === 1;
  if (segwit) from.take(2);
  const inputs = within('inputs', () =>
    items(from, 41, () => ({
      prevout: outPointCodec.read(from),
      scriptSig: readBytes(from),
      sequence: from.u32le(),
      witness: [] as readonly Bytes[],
    })),
  );
  const outputs = within('outputs', () => items(from, 9, () => txOutputCodec.read(from)));
  if (segwit) {
    for (const input of inputs) input.witness = within('witness', () => items(from, 1, () => readBytes(from)));
    // BIP 144: a transaction without witness data is serialized the old way.
    if (inputs.every((input) => input.witness.length === 0)) throw new CodecError('superfluous witness marker');
  }
  return { version, inputs, outputs, locktime: from.u32le() };
}

function items<T>(from: Reader, leastSize: number, item: () => T): T[] {
  const count = compactSize.read(from);
  if (count * leastSize > from.left) throw new CodecError(`${count} items in ${from.left} bytes`);
  return Array.from({ length: count }, item);
}

function writeBytes(to: Writer, value: Bytes): void {
  compactSize.write(to, value.length);
  to.bytes(value);
}

const readBytes = (from: Reader): Bytes => from.take(compactSize.read(from)).slice();
