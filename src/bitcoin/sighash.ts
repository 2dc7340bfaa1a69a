import { type Bytes, EMPTY } from '../base/bytes.ts';
import type { Sat } from '../base/units.ts';
import { Writer } from '../codec/writer.ts';
import { sha256, sha256d, taggedHash } from '../crypto/hash.ts';
import { compactSize, outPointCodec, type Tx, type TxOutput, txOutputCodec } from './tx.ts';

/** Signature hash types: a base of ALL, NONE or SINGLE, with ANYONECANPAY added; DEFAULT exists in taproot only. */
export const SIGHASH = { DEFAULT: 0x00, ALL: 0x01, NONE: 0x02, SINGLE: 0x03, ANYONECANPAY: 0x80 } as const;

export interface SighashV0 {
  readonly tx: Tx;
  readonly index: number;
  /** BIP 143 scriptCode without its length: the witness script, or the P2PKH script of a P2WPKH program. */
  readonly scriptCode: Bytes;
  /** Of the output being spent. */
  readonly amount: Sat;
  readonly hashType: number;
}

const ZERO32: Bytes = new Uint8Array(32);

/** BIP 143: what an ECDSA signature of a version 0 witness signs. 32 bytes. */
export const sighashV0 = (part: SighashV0): Bytes => sha256d(sighashV0Preimage(part));

/** BIP 143: the bytes that are hashed twice. */
export function sighashV0Preimage({ tx, index, scriptCode, amount, hashType }: SighashV0): Bytes {
  const input = inputAt(tx, index);
  const base = hashType & 0x1f;
  const anyoneCanPay = (hashType & SIGHASH.ANYONECANPAY) !== 0;
  const single = base === SIGHASH.SINGLE;
  const none = base === SIGHASH.NONE;
  const parts = partsOf(tx);
  const to = new Writer(160 + scriptCode.length);
  to.i32le(tx.version);
  to.bytes(anyoneCanPay ? ZERO32 : parts.prevouts().double);
  to.bytes(anyoneCanPay || single || none ? ZERO32 : parts.sequences().double);
  outPointCodec.write(to, input.prevout);
  compactSize.write(to, scriptCode.length);
  to.bytes(scriptCode).u64le(amount).u32le(input.sequence);
  const own = tx.outputs[index];
  if (!single && !none) to.bytes(parts.outputs().double);
  else if (single && own !== undefined) to.bytes(sha256d(serializeOutput(own)));
  else to.bytes(ZERO32);
  return to.u32le(tx.locktime).u32le(hashType).done();
}

export interface SighashTaproot {
  readonly tx: Tx;
  readonly index: number;
  /** The outputs that all inputs spend, in order. */
  readonly prevouts: readonly TxOutput[];
  readonly hashType: number;
  /** Present for a script path. `codeSeparator` is the position of the last one executed. */
  readonly leaf?: { readonly hash: Bytes; readonly codeSeparator?: number };
  /** With its leading 0x50. */
  readonly annex?: Bytes;
}

/** BIP 341 (key path) and BIP 342 (script path): what a Schnorr signature signs. 32 bytes. Throws on a hash type the BIP does not define. */
export const sighashTaproot = (part: SighashTaproot): Bytes => taggedHash('TapSighash', Uint8Array.of(0), sighashTaprootMessage(part));

/** BIP 341: the common signature message, with BIP 342's extension for a script path; without the epoch byte. */
export function sighashTaprootMessage({ tx, index, prevouts, hashType, leaf, annex }: SighashTaproot): Bytes {
  const input = inputAt(tx, index);
  const spent = prevouts[index];
  if (spent === undefined || prevouts.length !== tx.inputs.length) throw new RangeError('one spent output for each input is needed');
  if (hashType !== SIGHASH.DEFAULT && ((hashType & 0x7c) !== 0 || (hashType & 3) === 0))
    throw new RangeError(`hash type ${hashType} is not defined`);
  const base = hashType & 3;
  const anyoneCanPay = (hashType & SIGHASH.ANYONECANPAY) !== 0;
  const parts = partsOf(tx);
  const to = new Writer(256);
  to.u8(hashType).i32le(tx.version).u32le(tx.locktime);
  if (!anyoneCanPay) {
    const spending = spentParts(prevouts);
    to.bytes(parts.prevouts().single).bytes(spending.amounts).bytes(spending.scripts).bytes(parts.sequences().single);
  }
  if (base !== SIGHASH.NONE && base !== SIGHASH.SINGLE) to.bytes(parts.outputs().single);
  to.u8((leaf === undefined ? 0 : 2) + (annex === undefined ? 0 : 1));
  if (anyoneCanPay) {
    outPointCodec.write(to, input.prevout);
    txOutputCodec.write(to, spent);
    to.u32le(input.sequence);
  } else to.u32le(index);
  if (annex !== undefined) to.bytes(sha256(lengthPrefixed(annex)));
  if (base === SIGHASH.SINGLE) {
    const own = tx.outputs[index];
    // BIP 341: SIGHASH_SINGLE without a corresponding output fails.
    if (own === undefined) throw new RangeError('SIGHASH_SINGLE without an output of the same index');
    to.bytes(sha256(serializeOutput(own)));
  }
  // BIP 342: leaf hash, key version 0, position of the last executed OP_CODESEPARATOR.
  if (leaf !== undefined)
    to.bytes(leaf.hash)
      .u8(0)
      .u32le(leaf.codeSeparator ?? 0xffffffff);
  return to.done();
}

interface Hashes {
  readonly single: Bytes;
  readonly double: Bytes;
}

/** The hashes that all inputs of one transaction share, made when first asked for: transactions are never changed. */
interface Parts {
  prevouts(): Hashes;
  sequences(): Hashes;
  outputs(): Hashes;
}

const partsByTx = new WeakMap<Tx, Parts>();
const spentByList = new WeakMap<readonly TxOutput[], { readonly amounts: Bytes; readonly scripts: Bytes }>();

function partsOf(tx: Tx): Parts {
  // Of a single input nothing is asked twice, and a weak map keeps what it has until a full collection.
  if (tx.inputs.length === 1) return makeParts(tx);
  let parts = partsByTx.get(tx);
  if (parts === undefined) {
    parts = makeParts(tx);
    partsByTx.set(tx, parts);
  }
  return parts;
}

function makeParts(tx: Tx): Parts {
  return {
    prevouts: once(() => hashes(40 * tx.inputs.length, (to) => tx.inputs.forEach((input) => void outPointCodec.write(to, input.prevout)))),
    sequences: once(() => hashes(4 * tx.inputs.length, (to) => tx.inputs.forEach((input) => void to.u32le(input.sequence)))),
    outputs: once(() => hashes(64 * tx.outputs.length, (to) => tx.outputs.forEach((output) => void txOutputCodec.write(to, output)))),
  };
}

function spentParts(prevouts: readonly TxOutput[]): { readonly amounts: Bytes; readonly scripts: Bytes } {
  if (prevouts.length === 1) return makeSpentParts(prevouts);
  let parts = spentByList.get(prevouts);
  if (parts === undefined) {
    parts = makeSpentParts(prevouts);
    spentByList.set(prevouts, parts);
  }
  return parts;
}

function makeSpentParts(prevouts: readonly TxOutput[]): { readonly amounts: Bytes; readonly scripts: Bytes } {
  const [amounts, scripts] = [new Writer(), new Writer()];
  for (const output of prevouts) {
    amounts.u64le(output.amount);
    compactSize.write(scripts, output.script.length);
    scripts.bytes(output.script);
  }
  return { amounts: sha256(amounts.done()), scripts: sha256(scripts.done()) };
}

function hashes(capacity: number, fill: (to: Writer) => void): Hashes {
  const to = new Writer(capacity);
  fill(to);
  const single = sha256(to.done());
  return { single, double: sha256(single) };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function inputAt(tx: Tx, index: number): Tx['inputs'][number] {
  const input = tx.inputs[index];
  if (input === undefined) throw new RangeError(`no input ${index}`);
  return input;
}

function serializeOutput(output: TxOutput): Bytes {
  const to = new Writer(9 + output.script.length);
  txOutputCodec.write(to, output);
  return to.done();
}

function lengthPrefixed(bytes: Bytes = EMPTY): Bytes {
  const to = new Writer(bytes.length + 5);
  compactSize.write(to, bytes.length);
  return to.bytes(bytes).done();
}
