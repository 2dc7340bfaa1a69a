import { type Bytes, toHex } from '../../base/bytes.ts';
import { formatScid, type ShortChannelId } from '../../base/ids.ts';
import { formatTxId } from '../../bitcoin/tx.ts';
import { isVersion2, problemOfVersion2 } from '../../bolt/gossip/version-2.ts';
import { describeFeatures } from '../../bolt/invoice/features.ts';
import { combineFeatures } from '../../bolt/wire/features.ts';
import { type AnyMessageDefinition, decodeMessage, messageDefinitions } from '../../bolt/wire/message.ts';
import { printable } from '../../bolt/wire/setup.ts';
import type { Shape } from '../../bolt/wire/types.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { readRecords, type TlvRecord } from '../../codec/tlv.ts';
import { jsonInteger, stringify } from '../json.ts';
import type { Json, JsonObject } from '../operation.ts';
import { type Decoded, type Piece, refused } from './types.ts';

type Values = { readonly [name: string]: unknown };

/** A message of BOLTs 1, 2, 4 and 7 by the table; `bytes` begin with a type that the table has. */
export function decodeMessageBytes(bytes: Bytes): Decoded {
  const decoded = decodeMessage(bytes);
  const type = ((bytes[0] as number) << 8) | (bytes[1] as number);
  const definition = messageDefinitions.find((one) => one.type === type) as AnyMessageDefinition;
  const explain = () => explainMessage(definition, bytes);
  const malformed = (code: 'UNKNOWN_FEATURE' | 'MALFORMED', message: string): Decoded => {
    const answer = refused({ kind: 'message', network: null, explain }, { code, message });
    return { ...answer, json: { ...answer.json, name: definition.name, type } };
  };
  if (!decoded.ok) {
    const { path, message } = decoded.failure;
    // BOLT 1: an unknown even record is a feature that the reader does not have.
    const code = message.startsWith('unknown even type') ? 'UNKNOWN_FEATURE' : 'MALFORMED';
    return malformed(code, path === '' ? message : `${path}: ${message}`);
  }
  const draft = decoded.value.name !== 'unknown' && isVersion2(decoded.value) ? decoded.value : null;
  const problem = draft === null ? null : problemOfVersion2(draft);
  if (problem !== null) return malformed('MALFORMED', `${definition.name}: ${problem}`);
  const value = decoded.value as unknown as Values & { readonly tlvs?: Values };
  const json = {
    kind: 'message',
    network: null,
    valid: true,
    problems: draft === null ? [] : ['a message of gossip version 2, which is a draft: its signature is not checked'],
    name: definition.name,
    type,
    fields: fieldsJson(definition, value),
    tlvs: tlvsJson(definition, value.tlvs ?? {}),
    ...remarks(definition, value),
  };
  return { json, error: null, explain };
}

function fieldsJson(definition: AnyMessageDefinition, value: Values): JsonObject {
  return Object.fromEntries(Object.entries(definition.fields).map(([name, { shape }]) => [snake(name), toJson(name, shape, value[name])]));
}

function tlvsJson(definition: AnyMessageDefinition, tlvs: Values): JsonObject {
  const out: Record<string, Json> = {};
  for (const [name, [, { shape }]] of Object.entries(definition.tlvs))
    if (tlvs[name] !== undefined) out[snake(name)] = toJson(name, shape, tlvs[name]);
  const unknown = tlvs['unknown'] as readonly TlvRecord[] | undefined;
  if (unknown !== undefined) out['unknown'] = unknown.map(({ type, value }) => ({ type: `${type}`, value: toHex(value) }));
  return out;
}

/** What a person wants to know besides the fields: features by name, errors as text. */
function remarks(definition: AnyMessageDefinition, value: Values): JsonObject {
  if (definition.name === 'init') {
    const features = combineFeatures(value['globalfeatures'] as Bytes, value['features'] as Bytes);
    return { features: describeFeatures(features).map(({ bit, name, required }) => ({ bit, name, required })) };
  }
  if (definition.name === 'error' || definition.name === 'warning') return { text: printable(value['data'] as Bytes) };
  return {};
}

/** Amounts are JSON integers, every other u64 a decimal string, a short channel id BxTxO. */
function toJson(name: string, shape: Shape, value: unknown): Json {
  switch (shape.kind) {
    case 'number':
      return value as number;
    case 'bigint':
      if (shape.bolt === 'short_channel_id') return formatScid(value as ShortChannelId);
      return /msat|sat$|sats$|satoshis|amount|contribution/i.test(name) ? jsonInteger(value as bigint) : `${value}`;
    case 'bytes':
      return /txid$/i.test(name) ? formatTxId(value as Parameters<typeof formatTxId>[0]) : toHex(value as Bytes);
    case 'point':
    case 'var_bytes':
      return toHex(value as Bytes);
    case 'list':
      return (value as readonly unknown[]).map((item) => toJson(name, shape.item, item));
    case 'struct':
      return Object.fromEntries(shape.fields.map(([field, inner]) => [snake(field), toJson(field, inner, (value as Values)[field])]));
    case 'present':
      return true;
  }
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The message byte by byte, as far as it goes. */
function explainMessage(definition: AnyMessageDefinition, bytes: Bytes): readonly Piece[] {
  const reader = new Reader(bytes);
  const pieces: Piece[] = [];
  const add = (at: number, name: string, meaning: string): void => {
    pieces.push({ at, raw: toHex(bytes.subarray(at, reader.at)), name, meaning });
  };
  add(reader.at, 'type', `${reader.u16()} ${definition.name}`);
  try {
    for (const [name, codec] of Object.entries(definition.fields)) {
      const at = reader.at;
      add(at, snake(name), show(toJson(name, codec.shape, codec.read(reader))));
    }
    const byType = new Map(Object.entries(definition.tlvs).map(([name, [type]]) => [type, name]));
    let at = reader.at;
    for (const record of readRecords(reader)) {
      const name = byType.get(record.type);
      const meaning = `record ${record.type}, ${record.value.length} bytes: ${toHex(record.value)}`;
      add(at, name === undefined ? 'unknown record' : snake(name), meaning);
      at = reader.at;
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    pieces.push({ at: reader.at, raw: toHex(bytes.subarray(reader.at)), name: 'malformed', meaning: error.message });
  }
  return pieces;
}

const show = (value: Json): string => (typeof value === 'string' ? value : stringify(value));
