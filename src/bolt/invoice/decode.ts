import { type Bytes, EMPTY, tryText } from '../../base/bytes.ts';
import type { NodeId, PaymentHash, ShortChannelId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Blocks, unixTime } from '../../base/units.ts';
import { secp } from '../../crypto/ec.ts';
import { parseHrp } from './amount.ts';
import { bytesOfWords, decodeBech32, numberOfWords } from './bech32.ts';
import { checkInvoiceFeatures } from './features.ts';
import { FIELD, HASH_WORDS, HINT_LENGTH, NODE_ID_WORDS, SIGNATURE_WORDS, signedHash, TIMESTAMP_WORDS } from './fields.ts';
import {
  type Fallback,
  INVOICE_REASONS,
  type Invoice,
  type InvoiceFailure,
  type InvoiceFields,
  type InvoiceReason,
  type RouteHintHop,
  type UnknownField,
} from './types.ts';

/** Bounds the work that a text from outside can cause; a QR code holds 4,296 characters. */
const MAX_CHARACTERS = 65_536;
/** 50 bits: what a number holds exactly, and 35 million years. */
const MAX_EXPIRY_WORDS = 10;
const MAX_CLTV_DELTA = 0xffff_ffff;
/** Half of the order of secp256k1; a signature has a low s where s is not above it. */
const HALF_ORDER = Uint8Array.from([
  0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50,
  0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
]);

/**
 * Reads a BOLT 11 invoice, strictly. `text` is all upper or all lower case, without `lightning:` and white space. Does not look at the time:
 * whether it is expired is the caller's question (`expiresAt`). Never throws.
 */
export function decodeInvoice(text: string): Result<Invoice, InvoiceFailure> {
  if (text.length > MAX_CHARACTERS) return refuse('too_long');
  const bech32 = decodeBech32(text);
  if (!bech32.ok) return refuse(bech32.failure);
  const { hrp, words } = bech32.value;
  const asked = parseHrp(hrp);
  if (!asked.ok) return refuse(asked.failure);
  const end = words.length - SIGNATURE_WORDS;
  if (end < TIMESTAMP_WORDS) return refuse('too_short');

  const draft: Draft = { ...NOTHING, fallbacks: [], routes: [], unknownFields: [] };
  const broken = readFields(words, end, draft);
  if (broken !== null) return refuse(broken);
  const { paymentHash, paymentSecret } = draft;
  if (paymentHash === null) return refuse('no_payment_hash');
  // BOLT 11: "if a valid s field is not provided: MUST fail the payment"
  if (paymentSecret === null) return refuse('no_payment_secret');
  // BOLT 11: "MUST fail the payment if neither a d field nor a h field is present, or if both are present"
  if (draft.description === null && draft.descriptionHash === null) return refuse('no_description');
  if (draft.description !== null && draft.descriptionHash !== null) return refuse('two_descriptions');
  const features = checkInvoiceFeatures(draft.features);
  if (features !== null) return refuse(features.reason, features);

  const fields: InvoiceFields = {
    ...draft,
    ...asked.value,
    timestamp: unixTime(numberOfWords(words, 0, TIMESTAMP_WORDS)),
    paymentHash,
    paymentSecret,
  };
  return withSigner(fields, { hrp, words, end });
}

function withSigner(
  fields: InvoiceFields,
  data: { readonly hrp: string; readonly words: Bytes; readonly end: number },
): Result<Invoice, InvoiceFailure> {
  const compact = bytesOfWords(data.words, data.end);
  const signature = compact.slice(0, 64);
  const signatureRecovery = compact[64] as number;
  if (signatureRecovery > 3) return refuse('recovery_id');
  const hash = signedHash(data.hrp, data.words.subarray(0, data.end));
  if (fields.payeeField === null) {
    // BOLT 11: "MUST perform ECDSA public-key recovery and accept both high-S and low-S signatures"
    const payee = secp.recover(signature, signatureRecovery, hash) as NodeId | null;
    if (payee === null) return refuse('signature_not_recoverable');
    return ok({ ...fields, payee, signature, signatureRecovery });
  }
  // BOLT 11: "If the signature is not compliant with the low-S standard rule: MUST fail the payment"
  if (hasHighS(signature)) return refuse('high_s_with_payee_field');
  if (!secp.verify(signature, hash, fields.payeeField)) return refuse('signature');
  return ok({ ...fields, payee: fields.payeeField, signature, signatureRecovery });
}

function hasHighS(signature: Bytes): boolean {
  for (let i = 0; i < 32; i++) {
    const difference = (signature[32 + i] as number) - (HALF_ORDER[i] as number);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

/** An invoice while its fields are read. */
interface Draft {
  paymentHash: PaymentHash | null;
  paymentSecret: Bytes | null;
  description: string | null;
  descriptionHash: Bytes | null;
  expiry: number | null;
  minFinalCltvExpiryDelta: Blocks | null;
  features: Bytes;
  paymentMetadata: Bytes | null;
  payeeField: NodeId | null;
  fallbacks: Fallback[];
  routes: RouteHintHop[][];
  unknownFields: UnknownField[];
}

const NOTHING = {
  paymentHash: null,
  paymentSecret: null,
  description: null,
  descriptionHash: null,
  expiry: null,
  minFinalCltvExpiryDelta: null,
  features: EMPTY,
  paymentMetadata: null,
  payeeField: null,
} as const;

function readFields(words: Bytes, end: number, draft: Draft): InvoiceReason | null {
  let seen = 0;
  let at = TIMESTAMP_WORDS;
  while (at < end) {
    if (end - at < 3) return 'field_overrun';
    const type = words[at] as number;
    const from = at + 3;
    const to = from + (((words[at + 1] as number) << 5) | (words[at + 2] as number));
    if (to > end) return 'field_overrun';
    const first = (seen & (1 << type)) === 0;
    const read = readField(draft, { type, words, from, to, first });
    if (read === 'skipped') draft.unknownFields.push({ type, words: words.slice(from, to) });
    else if (read !== 'taken') return read;
    else seen |= 1 << type;
    at = to;
  }
  return null;
}

interface Field {
  readonly type: number;
  readonly words: Bytes;
  readonly from: number;
  readonly to: number;
  /** No field of this type was taken yet. Only `f` and `r` may come more than once (BOLT 11: "SHOULD use the first p field"). */
  readonly first: boolean;
}

/** Takes one field in, or says that it is to be skipped: of an unknown type, a further one, or one whose fixed length is wrong. */
function readField(draft: Draft, field: Field): 'taken' | 'skipped' | InvoiceReason {
  const { type, words, from, to, first } = field;
  const length = to - from;
  if (type === FIELD.f) return readFallback(draft, field);
  if (type === FIELD.r) return readRoute(draft, field);
  if (!first) return 'skipped';
  switch (type) {
    case FIELD.p:
      if (length !== HASH_WORDS) return 'skipped';
      draft.paymentHash = bytesOfWords(words, from, to) as PaymentHash;
      return 'taken';
    case FIELD.s:
      if (length !== HASH_WORDS) return 'skipped';
      draft.paymentSecret = bytesOfWords(words, from, to);
      return 'taken';
    case FIELD.h:
      if (length !== HASH_WORDS) return 'skipped';
      draft.descriptionHash = bytesOfWords(words, from, to);
      return 'taken';
    case FIELD.n:
      if (length !== NODE_ID_WORDS) return 'skipped';
      draft.payeeField = bytesOfWords(words, from, to) as NodeId;
      return isPointHead(draft.payeeField) ? 'taken' : 'public_key';
    case FIELD.d:
      draft.description = tryText(bytesOfWords(words, from, to));
      return draft.description === null ? 'description_not_text' : 'taken';
    case FIELD.m:
      draft.paymentMetadata = bytesOfWords(words, from, to);
      return 'taken';
    case FIELD.x:
    case FIELD.c:
    case FIELD.features:
      // BOLT 11: "if a c, x, or 9 field is provided which has a non-minimal data_length: SHOULD treat the invoice as invalid"
      if (length > 0 && words[from] === 0) return 'not_minimal';
      return readNumber(draft, field);
    default:
      return 'skipped';
  }
}

function readNumber(draft: Draft, { type, words, from, to }: Field): 'taken' | 'skipped' | InvoiceReason {
  if (type === FIELD.features) {
    // A feature vector without a bit says nothing and is never written, so it does not count as the first one either.
    if (to === from) return 'skipped';
    draft.features = featuresOfWords(words, from, to);
    return 'taken';
  }
  if (to - from > MAX_EXPIRY_WORDS) return 'out_of_range';
  const value = numberOfWords(words, from, to);
  if (type === FIELD.x) draft.expiry = value;
  else if (value > MAX_CLTV_DELTA) return 'out_of_range';
  else draft.minFinalCltvExpiryDelta = value as Blocks;
  return 'taken';
}

/** The bits of the words with the last one at the end of a byte (a feature vector is padded in front), without leading zero bytes. */
function featuresOfWords(words: Bytes, from: number, to: number): Bytes {
  const out = new Uint8Array(Math.ceil(((to - from) * 5) / 8));
  let bit = 0;
  for (let i = to - 1; i >= from; i--, bit += 5) {
    const word = words[i] as number;
    const at = out.length - 1 - (bit >>> 3);
    out[at]! |= word << (bit & 7);
    if ((bit & 7) > 3 && at > 0) out[at - 1]! |= word >>> (8 - (bit & 7));
  }
  let zeros = 0;
  while (zeros < out.length && out[zeros] === 0) zeros++;
  return zeros === 0 ? out : out.slice(zeros);
}

/** BOLT 11: "MUST skip over f fields that use an unknown version"; one that is no address of its version is skipped too, it is only a way out. */
function readFallback(draft: Draft, { words, from, to }: Field): 'taken' | 'skipped' {
  const version = words[from] as number;
  if (to === from || version > 18) return 'skipped';
  const program = bytesOfWords(words, from + 1, to);
  const { length } = program;
  const fits = version >= 17 ? length === 20 : version === 0 ? length === 20 || length === 32 : length >= 2 && length <= 40;
  if (!fits) return 'skipped';
  draft.fallbacks.push({ version, program });
  return 'taken';
}

/** Whether x is on the curve takes a square root, which whoever uses the point pays anyway. */
const isPointHead = (point: Bytes): boolean => point[0] === 2 || point[0] === 3;

function readRoute(draft: Draft, { words, from, to }: Field): 'taken' | InvoiceReason {
  const bytes = bytesOfWords(words, from, to);
  if (bytes.length === 0 || bytes.length % HINT_LENGTH !== 0) return 'route_hint';
  const view = new DataView(bytes.buffer);
  const hops: RouteHintHop[] = [];
  for (let at = 0; at < bytes.length; at += HINT_LENGTH) {
    const nodeId = bytes.slice(at, at + 33) as NodeId;
    if (!isPointHead(nodeId)) return 'public_key';
    hops.push({
      nodeId,
      shortChannelId: view.getBigUint64(at + 33) as ShortChannelId,
      feeBaseMsat: view.getUint32(at + 41),
      feeProportionalMillionths: view.getUint32(at + 45),
      cltvExpiryDelta: view.getUint16(at + 49),
    });
  }
  draft.routes.push(hops);
  return 'taken';
}

function refuse(reason: InvoiceReason, about?: { readonly bit: number }): { readonly ok: false; readonly failure: InvoiceFailure } {
  const [code, message] = INVOICE_REASONS[reason];
  return fail(about === undefined ? { code, reason, message } : { code, reason, message: `${message} (bit ${about.bit})`, bit: about.bit });
}
