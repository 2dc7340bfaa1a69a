import { assert } from '../../base/assert.ts';
import { type Bytes, concat, utf8 } from '../../base/bytes.ts';
import { secp } from '../../crypto/ec.ts';
import { formatHrp } from './amount.ts';
import { encodeBech32, wordsOfBytes, wordsOfNumber } from './bech32.ts';
import { FIELD, HINT_LENGTH, MAX_FIELD_WORDS, signedHash, TIMESTAMP_WORDS } from './fields.ts';
import type { InvoiceFields, RouteHintHop } from './types.ts';

/** Signs a hash of 32 bytes with the node's key: r || s with low s, and the recovery id. */
export type InvoiceSigner = (hash: Bytes) => { readonly signature: Bytes; readonly recovery: number };

/** The signer that holds the private key itself. */
export const signWith =
  (privateKey: Bytes): InvoiceSigner =>
  (hash) =>
    secp.signRecoverable(hash, privateKey);

/**
 * Writes a BOLT 11 invoice in lower case, its fields in the order s p d|h m x c f r n 9 and then the unknown ones as they came.
 * Throws a RangeError or a Bug where the fields break the writer's rules (a description over 639 bytes, both descriptions, an amount of 0).
 */
export function encodeInvoice(fields: InvoiceFields, sign: InvoiceSigner): string {
  const hrp = formatHrp(fields.network, fields.amount);
  const data = concat(timestampWords(fields.timestamp), ...taggedFields(fields));
  const { signature, recovery } = sign(signedHash(hrp, data));
  return encodeBech32(hrp, concat(data, wordsOfBytes(concat(signature, Uint8Array.of(recovery)))));
}

function timestampWords(timestamp: number): Bytes {
  const words = wordsOfNumber(timestamp);
  if (!Number.isInteger(timestamp) || timestamp < 0 || words.length > TIMESTAMP_WORDS)
    throw new RangeError(`${timestamp} is not a timestamp`);
  const out = new Uint8Array(TIMESTAMP_WORDS);
  out.set(words, TIMESTAMP_WORDS - words.length);
  return out;
}

function taggedFields(fields: InvoiceFields): Bytes[] {
  assert(fields.paymentHash.length === 32 && fields.paymentSecret.length === 32, 'a payment hash and a payment secret have 32 bytes');
  // BOLT 11: "MUST include either exactly one d or exactly one h field"
  assert((fields.description === null) !== (fields.descriptionHash === null), 'an invoice has a description or the hash of one');
  const out = [tagged(FIELD.s, wordsOfBytes(fields.paymentSecret)), tagged(FIELD.p, wordsOfBytes(fields.paymentHash))];
  if (fields.description !== null) out.push(tagged(FIELD.d, wordsOfBytes(utf8(fields.description))));
  if (fields.descriptionHash !== null) {
    assert(fields.descriptionHash.length === 32, 'a description hash has 32 bytes');
    out.push(tagged(FIELD.h, wordsOfBytes(fields.descriptionHash)));
  }
  if (fields.paymentMetadata !== null) out.push(tagged(FIELD.m, wordsOfBytes(fields.paymentMetadata)));
  if (fields.expiry !== null) out.push(tagged(FIELD.x, numberWords(fields.expiry)));
  if (fields.minFinalCltvExpiryDelta !== null) out.push(tagged(FIELD.c, numberWords(fields.minFinalCltvExpiryDelta)));
  for (const { version, program } of fields.fallbacks) out.push(tagged(FIELD.f, concat(Uint8Array.of(version), wordsOfBytes(program))));
  for (const route of fields.routes) out.push(tagged(FIELD.r, wordsOfBytes(hintBytes(route))));
  if (fields.payeeField !== null) {
    assert(fields.payeeField.length === 33, 'a node id has 33 bytes');
    out.push(tagged(FIELD.n, wordsOfBytes(fields.payeeField)));
  }
  const features = wordsOfFeatures(fields.features);
  // BOLT 11: "if 9 contains non-zero bits: ... otherwise: MUST omit the 9 field altogether"
  if (features.length > 0) out.push(tagged(FIELD.features, features));
  for (const { type, words } of fields.unknownFields) out.push(tagged(type, words));
  return out;
}

function tagged(type: number, words: Bytes): Bytes {
  if (words.length > MAX_FIELD_WORDS) throw new RangeError(`a field of ${words.length} words, at most ${MAX_FIELD_WORDS} fit`);
  return concat(Uint8Array.of(type, words.length >>> 5, words.length & 31), words);
}

function numberWords(value: number): Bytes {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 50) throw new RangeError(`${value} is not a number of seconds or blocks`);
  return wordsOfNumber(value);
}

function hintBytes(route: readonly RouteHintHop[]): Bytes {
  assert(route.length > 0, 'a route hint has a hop');
  const out = new Uint8Array(route.length * HINT_LENGTH);
  const view = new DataView(out.buffer);
  for (const [i, hop] of route.entries()) {
    const at = i * HINT_LENGTH;
    out.set(hop.nodeId, at);
    view.setBigUint64(at + 33, hop.shortChannelId);
    view.setUint32(at + 41, hop.feeBaseMsat);
    view.setUint32(at + 45, hop.feeProportionalMillionths);
    view.setUint16(at + 49, hop.cltvExpiryDelta);
  }
  return out;
}

/** Words of a feature vector, its last bit at the end of the last word, no zero word in front. */
function wordsOfFeatures(features: Bytes): Bytes {
  const pad = (5 - ((features.length * 8) % 5)) % 5;
  // Shifting the vector right by `pad` bits is padding it in front.
  const shifted = new Uint8Array(features.length + 1);
  for (let i = 0; i < features.length; i++) {
    shifted[i]! |= (features[i] as number) >>> pad;
    shifted[i + 1]! |= ((features[i] as number) << (8 - pad)) & 0xff;
  }
  const words = wordsOfBytes(shifted).subarray(0, (features.length * 8 + pad) / 5);
  let zeros = 0;
  while (zeros < words.length && words[zeros] === 0) zeros++;
  return words.subarray(zeros);
}
