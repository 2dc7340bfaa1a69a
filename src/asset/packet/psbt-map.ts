import { type Bytes, equal, fromHex, toHex } from '../../base/bytes.ts';
import type { Result } from '../../base/result.ts';
import { compactSize, type Tx, txCodec } from '../../bitcoin/tx.ts';
import { type Codec, decodeWith, encodeWith } from '../../codec/codec.ts';
import { CodecError, type Reader, within } from '../../codec/reader.ts';
import type { Writer } from '../../codec/writer.ts';
import { type AssetFailure, malformed } from '../failure.ts';

/** A version 0 PSBT as the key-value maps that it is (BIP 174), every entry kept in its place. */
export interface PsbtMaps {
  readonly tx: Tx;
  /** Without the unsigned transaction. */
  readonly global: readonly PsbtEntry[];
  readonly inputs: readonly (readonly PsbtEntry[])[];
  readonly outputs: readonly (readonly PsbtEntry[])[];
}

export interface PsbtEntry {
  /** The type first, as one byte. */
  readonly key: Bytes;
  readonly value: Bytes;
}

const MAGIC = fromHex('70736274ff');
const UNSIGNED_TX = 0x00;

const psbtMapsCodec: Codec<PsbtMaps> = {
  write(to, { tx, global, inputs, outputs }) {
    to.bytes(MAGIC);
    writeMap(to, [{ key: Uint8Array.of(UNSIGNED_TX), value: encodeWith(txCodec, tx) }, ...global]);
    for (const map of [...inputs, ...outputs]) writeMap(to, map);
  },
  read(from) {
    if (!equal(from.take(MAGIC.length), MAGIC)) throw new CodecError('not a PSBT');
    const all = within('global', () => readMap(from));
    const entry = all.find(({ key }) => key.length === 1 && key[0] === UNSIGNED_TX);
    if (entry === undefined) throw new CodecError('no unsigned transaction');
    const tx = unsignedTx(entry.value);
    return {
      tx,
      global: all.filter((each) => each !== entry),
      inputs: tx.inputs.map((_, i) => within(`inputs.${i}`, () => readMap(from))),
      outputs: tx.outputs.map((_, i) => within(`outputs.${i}`, () => readMap(from))),
    };
  },
};

export const encodePsbtMaps = (maps: PsbtMaps): Bytes => encodeWith(psbtMapsCodec, maps);
export function decodePsbtMaps(bytes: Bytes): Result<PsbtMaps, AssetFailure<'MALFORMED'>> {
  const maps = decodeWith(psbtMapsCodec, bytes);
  return maps.ok ? maps : malformed(maps.failure);
}

/** The value of the one entry of a type without key data; null where it is missing. */
export const entryValue = (map: readonly PsbtEntry[], type: number): Bytes | null =>
  map.find(({ key }) => key.length === 1 && key[0] === type)?.value ?? null;

/** The entries of a type with key data, in order. */
export const entriesOf = (map: readonly PsbtEntry[], type: number): readonly PsbtEntry[] =>
  map.filter(({ key }) => key[0] === type && key.length > 1);

function unsignedTx(bytes: Bytes): Tx {
  const tx = decodeWith(txCodec, bytes);
  if (!tx.ok) throw new CodecError(`the unsigned transaction: ${tx.failure.message}`);
  // BIP 174: scriptSigs and witnesses are empty.
  if (tx.value.inputs.some(({ scriptSig, witness }) => scriptSig.length > 0 || witness.length > 0))
    throw new CodecError('the unsigned transaction is signed');
  return tx.value;
}

function readMap(from: Reader): readonly PsbtEntry[] {
  const entries: PsbtEntry[] = [];
  const keys = new Set<string>();
  for (;;) {
    const length = compactSize.read(from);
    if (length === 0) return entries;
    const key = from.take(length).slice();
    const value = from.take(compactSize.read(from)).slice();
    // BIP 174: a key may stand only once in a map.
    if (keys.has(toHex(key))) throw new CodecError('a key stands twice');
    keys.add(toHex(key));
    entries.push({ key, value });
  }
}

function writeMap(to: Writer, entries: readonly PsbtEntry[]): void {
  for (const { key, value } of entries) {
    compactSize.write(to, key.length);
    to.bytes(key);
    compactSize.write(to, value.length);
    to.bytes(value);
  }
  to.u8(0);
}
