import { type Bytes, fromHex, toHex } from '../../base/bytes.ts';
import { compactSize, decodeTx, type Tx, txOutputCodec } from '../../bitcoin/tx.ts';
import { decodeWith } from '../../codec/codec.ts';
import { CodecError, Reader, within } from '../../codec/reader.ts';
import { jsonInteger } from '../json.ts';
import type { Json, JsonObject } from '../operation.ts';
import { decodeAssetPsbt } from './asset-psbt.ts';
import { txJson } from './tx.ts';
import { type Decoded, type DecodeEnv, type Piece, refused } from './types.ts';

const MAGIC = '70736274ff';

type KeyKind = 'none' | 'public_key' | 'x_only' | 'script_path' | 'control_block' | 'any';
type ValueKind = 'bytes' | 'tx' | 'output' | 'u32' | 'path';
type Field = readonly [name: string, key: KeyKind, value: ValueKind];

/** BIP 174, 370 and 371: the key types of each kind of map. */
const GLOBAL: { readonly [type: number]: Field } = {
  0: ['unsigned_tx', 'none', 'tx'],
  1: ['xpub', 'any', 'path'],
  2: ['tx_version', 'none', 'u32'],
  3: ['fallback_locktime', 'none', 'u32'],
  4: ['input_count', 'none', 'bytes'],
  5: ['output_count', 'none', 'bytes'],
  6: ['tx_modifiable', 'none', 'bytes'],
  251: ['version', 'none', 'u32'],
};
const INPUT: { readonly [type: number]: Field } = {
  0: ['non_witness_utxo', 'none', 'tx'],
  1: ['witness_utxo', 'none', 'output'],
  2: ['partial_sig', 'public_key', 'bytes'],
  3: ['sighash_type', 'none', 'u32'],
  4: ['redeem_script', 'none', 'bytes'],
  5: ['witness_script', 'none', 'bytes'],
  6: ['bip32_derivation', 'public_key', 'path'],
  7: ['final_script_sig', 'none', 'bytes'],
  8: ['final_script_witness', 'none', 'bytes'],
  19: ['tap_key_sig', 'none', 'bytes'],
  20: ['tap_script_sig', 'script_path', 'bytes'],
  21: ['tap_leaf_script', 'control_block', 'bytes'],
  22: ['tap_bip32_derivation', 'x_only', 'bytes'],
  23: ['tap_internal_key', 'none', 'bytes'],
  24: ['tap_merkle_root', 'none', 'bytes'],
};
const OUTPUT: { readonly [type: number]: Field } = {
  0: ['redeem_script', 'none', 'bytes'],
  1: ['witness_script', 'none', 'bytes'],
  2: ['bip32_derivation', 'public_key', 'path'],
  5: ['tap_internal_key', 'none', 'bytes'],
  6: ['tap_tree', 'none', 'bytes'],
  7: ['tap_bip32_derivation', 'x_only', 'bytes'],
};
const KEY_FITS: { readonly [K in KeyKind]: (length: number) => boolean } = {
  none: (length) => length === 0,
  public_key: (length) => length === 33 || length === 65,
  x_only: (length) => length === 32,
  // BIP 371: the key and the hash of its leaf.
  script_path: (length) => length === 64,
  // BIP 341: a byte, the internal key, and up to 128 hashes.
  control_block: (length) => length >= 33 && length <= 33 + 32 * 128 && (length - 33) % 32 === 0,
  any: () => true,
};
/** BIP 371: values of fixed length. */
const VALUE_LENGTHS: { readonly [name: string]: readonly number[] } = {
  tap_key_sig: [64, 65],
  tap_script_sig: [64, 65],
  tap_internal_key: [32],
  tap_merkle_root: [32],
};

interface Entry {
  readonly name: string;
  readonly keyData: Bytes;
  readonly value: Bytes;
}

/** A partially signed transaction (BIP 174) in base64 or hexadecimal, or a virtual one; of BIP 370's version 2 only the fields are shown. */
export function decodePsbtText(text: string, env: DecodeEnv): Decoded {
  const bytes = bytesOf(text);
  if (bytes === null)
    return refused({ kind: 'psbt', network: null }, { code: 'MALFORMED', message: 'it is neither base64 nor hexadecimal' });
  const virtual = decodeAssetPsbt(bytes, env);
  if (virtual !== null) return { ...virtual, explain: () => piecesOf(bytes) };
  const pieces: Piece[] = [];
  const explain = () => pieces;
  try {
    const json = readPsbt(new Reader(bytes), pieces);
    return { json: { kind: 'psbt', network: null, valid: true, ...json }, error: null, explain };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    const message = error.path === '' ? error.message : `${error.path}: ${error.message}`;
    return refused({ kind: 'psbt', network: null, explain }, { code: 'MALFORMED', message });
  }
}

/** Of a virtual PSBT: none where a field does not have the form that it has in one of Bitcoin. */
function piecesOf(bytes: Bytes): readonly Piece[] {
  const pieces: Piece[] = [];
  try {
    readPsbt(new Reader(bytes), pieces);
    return pieces;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    return [];
  }
}

function bytesOf(text: string): Bytes | null {
  if (text.toLowerCase().startsWith(MAGIC)) return /^([0-9a-fA-F]{2})+$/.test(text) ? fromHex(text) : null;
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function readPsbt(reader: Reader, pieces: Piece[]): JsonObject {
  const magic = toHex(reader.take(5));
  if (magic !== MAGIC) throw new CodecError('the magic bytes are wrong');
  pieces.push({ at: 0, raw: magic, name: 'magic', meaning: 'psbt' });
  const map = (name: string, fields: { readonly [type: number]: Field }): readonly Entry[] =>
    within(name, () => readMap(reader, { name, fields, pieces }));
  const globals = map('global', GLOBAL);
  const version = globals.find((entry) => entry.name === 'version')?.value;
  if (version !== undefined && decodeWith(u32, version).ok && new Reader(version).u32le() === 2) return readVersion2(reader, globals, map);
  const tx = unsignedTx(globals);
  const inputs = tx.inputs.map((_, i) => map(`input ${i}`, INPUT));
  const outputs = tx.outputs.map((_, i) => map(`output ${i}`, OUTPUT));
  if (reader.left > 0) throw new CodecError(`${reader.left} bytes left over`);
  const spent = inputs.map((entries, i) => spentAmount(entries, tx, i));
  return {
    problems: [],
    version: 0,
    fee_sat: feeOf(tx, spent),
    tx: txJson(tx, null),
    inputs: inputs.map(mapJson),
    outputs: outputs.map(mapJson),
  };
}

const u32 = { write() {}, read: (from: Reader) => from.u32le() };

function readVersion2(
  reader: Reader,
  globals: readonly Entry[],
  map: (name: string, fields: { readonly [type: number]: Field }) => readonly Entry[],
): JsonObject {
  const count = (name: string): number => {
    const value = globals.find((entry) => entry.name === name)?.value;
    if (value === undefined) throw new CodecError(`version 2 without ${name}`);
    return compactSize.read(new Reader(value));
  };
  const [inputs, outputs] = [count('input_count'), count('output_count')];
  if (inputs + outputs > reader.left) throw new CodecError('more maps than bytes');
  const json = {
    problems: ['version 2 (BIP 370): only its fields are shown'],
    version: 2,
    fee_sat: null,
    tx: null,
    inputs: Array.from({ length: inputs }, (_, i) => mapJson(map(`input ${i}`, INPUT))),
    outputs: Array.from({ length: outputs }, (_, i) => mapJson(map(`output ${i}`, OUTPUT))),
  };
  if (reader.left > 0) throw new CodecError(`${reader.left} bytes left over`);
  return json;
}

function readMap(
  reader: Reader,
  part: { readonly name: string; readonly fields: { readonly [type: number]: Field }; readonly pieces: Piece[] },
): readonly Entry[] {
  const entries: Entry[] = [];
  const seen = new Set<string>();
  for (;;) {
    const at = reader.at;
    const keyLength = compactSize.read(reader);
    if (keyLength === 0) {
      part.pieces.push({ at, raw: '00', name: part.name, meaning: 'end of the map' });
      return entries;
    }
    const key = reader.take(keyLength);
    const value = reader.take(compactSize.read(reader)).slice();
    const text = toHex(key);
    // BIP 174: "duplicate keys are invalid".
    if (seen.has(text)) throw new CodecError(`key ${text} twice`);
    seen.add(text);
    const type = key[0] as number;
    const field = part.fields[type];
    const name = field?.[0] ?? `unknown_${type.toString(16)}`;
    const keyData = key.slice(1);
    if (field !== undefined) checkField(field, keyData, value);
    entries.push({ name, keyData, value });
    const meaning = `${keyData.length === 0 ? '' : `${toHex(keyData)}: `}${toHex(value)}`;
    part.pieces.push({ at, raw: toHex(reader.bytes.subarray(at, reader.at)), name: `${part.name} ${name}`, meaning });
  }
}

function checkField([name, key, kind]: Field, keyData: Bytes, value: Bytes): void {
  const { length } = keyData;
  const fits = KEY_FITS[key](length);
  if (!fits) throw new CodecError(`${name} has a key of ${length} bytes`);
  if (kind === 'u32' && value.length !== 4) throw new CodecError(`${name} has ${value.length} bytes where 4 belong`);
  if (kind === 'path' && (value.length === 0 || value.length % 4 !== 0)) throw new CodecError(`${name} is not a path`);
  if (kind === 'tx' && !decodeTx(value).ok) throw new CodecError(`${name} is not a transaction`);
  if (kind === 'output' && !decodeWith(txOutputCodec, value).ok) throw new CodecError(`${name} is not an output`);
  if (VALUE_LENGTHS[name]?.includes(value.length) === false) throw new CodecError(`${name} has ${value.length} bytes`);
}

function unsignedTx(globals: readonly Entry[]): Tx {
  const entry = globals.find(({ name }) => name === 'unsigned_tx');
  if (entry === undefined) throw new CodecError('there is no unsigned transaction');
  const tx = decodeTx(entry.value);
  if (!tx.ok) throw new CodecError('the unsigned transaction is malformed');
  // BIP 174: "The scriptSigs and witnesses for each input must be empty."
  if (tx.value.inputs.some((input) => input.scriptSig.length > 0 || input.witness.length > 0))
    throw new CodecError('the unsigned transaction holds signatures');
  return tx.value;
}

function spentAmount(entries: readonly Entry[], tx: Tx, index: number): bigint | null {
  const find = (name: string): Bytes | undefined => entries.find((entry) => entry.name === name)?.value;
  const output = find('witness_utxo');
  if (output !== undefined) {
    const decoded = decodeWith(txOutputCodec, output);
    return decoded.ok ? decoded.value.amount : null;
  }
  const whole = find('non_witness_utxo');
  const previous = whole === undefined ? null : decodeTx(whole);
  return previous?.ok ? (previous.value.outputs[tx.inputs[index]?.prevout.vout ?? -1]?.amount ?? null) : null;
}

function feeOf(tx: Tx, spent: readonly (bigint | null)[]): number | bigint | null {
  let fee = 0n;
  for (const amount of spent) {
    if (amount === null) return null;
    fee += amount;
  }
  for (const output of tx.outputs) fee -= output.amount;
  return jsonInteger(fee);
}

/** Each field by its name; those that carry a key are lists. */
function mapJson(entries: readonly Entry[]): JsonObject {
  const out: Record<string, Json> = {};
  for (const { name, keyData, value } of entries) {
    if (keyData.length === 0) {
      out[name] = fieldJson(name, value);
      continue;
    }
    const list = (out[name] ?? []) as Json[];
    list.push({ key: toHex(keyData), value: toHex(value) });
    out[name] = list;
  }
  return out;
}

function fieldJson(name: string, value: Bytes): Json {
  if (name === 'sighash_type') return new Reader(value).u32le();
  if (name !== 'witness_utxo') return toHex(value);
  const output = decodeWith(txOutputCodec, value);
  return output.ok ? { amount_sat: jsonInteger(output.value.amount), script: toHex(output.value.script) } : null;
}
