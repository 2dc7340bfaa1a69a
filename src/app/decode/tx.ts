import { type Bytes, toHex } from '../../base/bytes.ts';
import { encodeAddress } from '../../bitcoin/address.ts';
import type { Network } from '../../bitcoin/network.ts';
import { classifyScript } from '../../bitcoin/script.ts';
import { compactSize, formatOutPoint, formatTxId, outPointCodec, type Tx, txId, txVsize, txWeight } from '../../bitcoin/tx.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { jsonInteger } from '../json.ts';
import type { JsonObject } from '../operation.ts';
import { type Decoded, type DecodeEnv, type Piece, refused } from './types.ts';

/** A transaction (BIP 144). */
export function decodedTx(tx: Tx, bytes: Bytes, env: DecodeEnv): Decoded {
  const problems = tx.outputs.length === 0 ? ['it has no outputs'] : [];
  const json = { kind: 'transaction', network: null, valid: true, problems, ...txJson(tx, env.network) };
  return { json, error: null, explain: () => explainTx(bytes) };
}

export function refusedTx(bytes: Bytes, why: string): Decoded {
  const error = { code: 'MALFORMED' as const, message: `not a transaction: ${why}` };
  return refused({ kind: 'transaction', network: null, explain: () => explainTx(bytes) }, error);
}

/** The parts of a transaction; addresses where the network is known. */
export function txJson(tx: Tx, network: Network | null): JsonObject {
  return {
    txid: formatTxId(txId(tx)),
    version: tx.version,
    locktime: tx.locktime,
    weight: txWeight(tx),
    vsize: txVsize(tx),
    inputs: tx.inputs.map((input) => ({
      outpoint: formatOutPoint(input.prevout),
      sequence: input.sequence,
      script_sig: toHex(input.scriptSig),
      witness: input.witness.map(toHex),
    })),
    outputs: tx.outputs.map((output, index) => ({
      index,
      amount_sat: jsonInteger(output.amount),
      script: toHex(output.script),
      type: classifyScript(output.script).kind,
      address: network === null ? null : encodeAddress(output.script, network),
    })),
  };
}

/** The transaction byte by byte, as far as it goes. */
function explainTx(bytes: Bytes): readonly Piece[] {
  const reader = new Reader(bytes);
  const pieces: Piece[] = [];
  const step = <T>(name: string, read: () => T, meaning: (value: T) => string): T => {
    const at = reader.at;
    const value = read();
    pieces.push({ at, raw: toHex(bytes.subarray(at, reader.at)), name, meaning: meaning(value) });
    return value;
  };
  try {
    walkTx(reader, step);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    pieces.push({ at: reader.at, raw: toHex(bytes.subarray(reader.at)), name: 'malformed', meaning: error.message });
  }
  if (reader.left > 0 && pieces.at(-1)?.name !== 'malformed')
    pieces.push({ at: reader.at, raw: toHex(reader.rest()), name: 'left over', meaning: 'behind the end of the transaction' });
  return pieces;
}

type Step = <T>(name: string, read: () => T, meaning: (value: T) => string) => T;

function walkTx(reader: Reader, step: Step): void {
  const script = (): Bytes => reader.take(compactSize.read(reader));
  step('version', () => reader.i32le(), String);
  const segwit = reader.left >= 2 && reader.bytes[reader.at] === 0 && reader.bytes[reader.at + 1] === 1;
  if (segwit)
    step(
      'marker and flag',
      () => reader.take(2),
      () => 'with witnesses (BIP 144)',
    );
  const inputs = step('input count', () => compactSize.read(reader), String);
  for (let i = 0; i < inputs; i++) {
    step(`input ${i} outpoint`, () => outPointCodec.read(reader), formatOutPoint);
    step(`input ${i} script_sig`, script, (value) => (value.length === 0 ? 'empty' : toHex(value)));
    step(`input ${i} sequence`, () => reader.u32le(), sequenceText);
  }
  const outputs = step('output count', () => compactSize.read(reader), String);
  for (let i = 0; i < outputs; i++) {
    step(
      `output ${i} amount`,
      () => reader.u64le(),
      (value) => `${value} sat`,
    );
    step(`output ${i} script`, script, (value) => `${classifyScript(value).kind} ${toHex(value)}`);
  }
  for (let i = 0; segwit && i < inputs; i++) {
    const items = step(`witness ${i} count`, () => compactSize.read(reader), String);
    for (let j = 0; j < items; j++) step(`witness ${i}.${j}`, script, (value) => `${value.length} bytes`);
  }
  step(
    'locktime',
    () => reader.u32le(),
    (value) => (value < 500_000_000 ? `height ${value}` : `time ${value}`),
  );
}

function sequenceText(sequence: number): string {
  if (sequence >= 0xfffffffe) return sequence === 0xffffffff ? 'final' : 'final, with locktime';
  if (sequence >= 0x80000000) return 'replaceable (BIP 125)';
  // BIP 68: bit 22 tells units of 512 seconds from blocks.
  const value = sequence & 0xffff;
  return (sequence & 0x400000) === 0 ? `after ${value} blocks (BIP 68)` : `after ${value * 512} seconds (BIP 68)`;
}
