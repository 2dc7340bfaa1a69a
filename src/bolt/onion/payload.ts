import type { Bytes } from '../../base/bytes.ts';
import type { NodeId, Preimage, ShortChannelId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Height, Msat } from '../../base/units.ts';
import { bytes, type Codec, decodeWith, encodeWith, restBytes, struct, tu32, tu64, u64 } from '../../codec/codec.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { readRecords, type TlvRecord, type TlvValues, tlvStream } from '../../codec/tlv.ts';
import { nodeId } from '../wire/types.ts';

const tlvs = {
  amtToForward: [2n, tu64 as Codec<Msat>],
  outgoingCltvValue: [4n, tu32 as Codec<number> as Codec<Height>],
  shortChannelId: [6n, u64 as Codec<ShortChannelId>],
  paymentData: [8n, struct({ paymentSecret: bytes(32), totalMsat: tu64 as Codec<Msat> })],
  encryptedRecipientData: [10n, restBytes],
  currentPathKey: [12n, nodeId as Codec<NodeId>],
  paymentMetadata: [16n, restBytes],
  totalAmountMsat: [18n, tu64 as Codec<Msat>],
  /** Spontaneous payments, as lnd, Core Lightning and eclair send them: a custom record, although its type is even. */
  keysendPreimage: [5482373484n, bytes<Preimage>(32)],
} as const;

/** BOLT 4, `payload`: the TLV stream for one hop of a payment. `unknown` holds odd and custom records. */
export const payloadCodec: Codec<Payload> = tlvStream(tlvs);
export type Payload = TlvValues<typeof tlvs>;

export const encodePayload = (payload: Payload): Bytes => encodeWith(payloadCodec, payload);

/** A payload that keeps the reader's rules for its place on the route. */
export type HopPayload =
  | {
      readonly kind: 'forward';
      readonly amtToForward: Msat;
      readonly outgoingCltvValue: Height;
      readonly shortChannelId: ShortChannelId;
      readonly customRecords: readonly TlvRecord[];
    }
  | {
      readonly kind: 'final';
      readonly amtToForward: Msat;
      readonly outgoingCltvValue: Height;
      /** null where the origin sent none (a keysend): only to be accepted where no invoice is asked for. */
      readonly paymentSecret: Bytes | null;
      readonly totalMsat: Msat;
      readonly paymentMetadata: Bytes | null;
      readonly keysendPreimage: Preimage | null;
      readonly customRecords: readonly TlvRecord[];
    }
  /** `pathKey` opens the recipient's data: the one that came along, or the one inside at the introduction point. */
  | { readonly kind: 'blinded_forward'; readonly encryptedRecipientData: Bytes; readonly pathKey: Bytes; readonly introduction: boolean }
  | {
      readonly kind: 'blinded_final';
      readonly encryptedRecipientData: Bytes;
      readonly pathKey: Bytes;
      readonly introduction: boolean;
      readonly amtToForward: Msat;
      readonly outgoingCltvValue: Height;
      readonly totalMsat: Msat;
      readonly keysendPreimage: null;
    };

/**
 * BOLT 4 `invalid_onion_payload` with the record that it is about (0 where the stream itself is broken). Where `blinded` is true, the node
 * answers `invalid_onion_blinding` instead (BOLT 4: "current_path_key is set in the onion payload and it is not the final node").
 */
export interface PayloadFailure {
  readonly code: 'invalid_onion_payload';
  readonly type: bigint;
  readonly offset: number;
  readonly message: string;
  readonly blinded: boolean;
}

/** Reads and checks a payload. `pathKey` is the one of `update_add_htlc`; `isFinal` says that no onion follows. */
export function parsePayload(
  stream: Bytes,
  place: { readonly isFinal: boolean; readonly pathKey: Bytes | null },
): Result<HopPayload, PayloadFailure> {
  const decoded = decodeWith(payloadCodec, stream);
  if (!decoded.ok) {
    const at = locate(stream);
    return fail({ code: 'invalid_onion_payload', ...at, message: decoded.failure.message, blinded: place.pathKey !== null });
  }
  const payload = decoded.value;
  const blinded = place.pathKey !== null || payload.currentPathKey !== undefined;
  const wrong = payload.encryptedRecipientData === undefined ? plainProblem(payload, place) : blindedProblem(payload, place);
  if (wrong !== null) return fail({ code: 'invalid_onion_payload', offset: 0, ...wrong, blinded });
  return ok(hopPayload(payload, place));
}

function hopPayload(payload: Payload, place: { readonly isFinal: boolean; readonly pathKey: Bytes | null }): HopPayload {
  const { encryptedRecipientData, paymentData, unknown: customRecords = [] } = payload;
  const amtToForward = payload.amtToForward as Msat;
  const outgoingCltvValue = payload.outgoingCltvValue as Height;
  if (encryptedRecipientData !== undefined) {
    const pathKey = (place.pathKey ?? payload.currentPathKey) as Bytes;
    const common = { encryptedRecipientData, pathKey, introduction: place.pathKey === null };
    if (!place.isFinal) return { kind: 'blinded_forward', ...common };
    const totalMsat = payload.totalAmountMsat as Msat;
    return { kind: 'blinded_final', ...common, amtToForward, outgoingCltvValue, totalMsat, keysendPreimage: null };
  }
  if (!place.isFinal)
    return { kind: 'forward', amtToForward, outgoingCltvValue, shortChannelId: payload.shortChannelId as ShortChannelId, customRecords };
  return {
    kind: 'final',
    amtToForward,
    outgoingCltvValue,
    paymentSecret: paymentData?.paymentSecret ?? null,
    // BOLT 4: "MUST treat total_msat as if it were equal to amt_to_forward if it is not present."
    totalMsat: paymentData?.totalMsat ?? amtToForward,
    paymentMetadata: payload.paymentMetadata ?? null,
    keysendPreimage: payload.keysendPreimage ?? null,
    customRecords,
  };
}

type Problem = { readonly type: bigint; readonly message: string } | null;
const missing = (name: keyof typeof tlvs): Problem => ({ type: tlvs[name][0], message: `${name} is missing` });
const unwanted = (name: keyof typeof tlvs): Problem => ({ type: tlvs[name][0], message: `${name} does not belong here` });

/** The reader's rules where the node is not part of a blinded route. */
function plainProblem(payload: Payload, place: { readonly isFinal: boolean; readonly pathKey: Bytes | null }): Problem {
  // BOLT 4: "MUST return an error if path_key is set in the incoming update_add_htlc or current_path_key is present."
  if (place.pathKey !== null) return missing('encryptedRecipientData');
  if (payload.currentPathKey !== undefined) return unwanted('currentPathKey');
  if (payload.amtToForward === undefined) return missing('amtToForward');
  if (payload.outgoingCltvValue === undefined) return missing('outgoingCltvValue');
  if (!place.isFinal && payload.shortChannelId === undefined) return missing('shortChannelId');
  return null;
}

const BLINDED_FORWARD: readonly string[] = ['encryptedRecipientData', 'currentPathKey'];
const BLINDED_FINAL: readonly string[] = [...BLINDED_FORWARD, 'amtToForward', 'outgoingCltvValue', 'totalAmountMsat'];

/** The reader's rules where it is. */
function blindedProblem(payload: Payload, place: { readonly isFinal: boolean; readonly pathKey: Bytes | null }): Problem {
  // BOLT 4: "If path_key is set in the incoming update_add_htlc: MUST return an error if current_path_key is present."
  if (place.pathKey !== null && payload.currentPathKey !== undefined) return unwanted('currentPathKey');
  if (place.pathKey === null && payload.currentPathKey === undefined) return missing('currentPathKey');
  // BOLT 4: "MUST return an error if the payload contains other tlv fields than ..."
  const allowed = place.isFinal ? BLINDED_FINAL : BLINDED_FORWARD;
  const custom = payload.unknown?.[0];
  if (custom !== undefined) return { type: custom.type, message: `record ${custom.type} does not belong here` };
  for (const name of Object.keys(payload) as (keyof typeof tlvs)[]) if (!allowed.includes(name)) return unwanted(name);
  if (!place.isFinal) return null;
  if (payload.amtToForward === undefined) return missing('amtToForward');
  if (payload.outgoingCltvValue === undefined) return missing('outgoingCltvValue');
  if (payload.totalAmountMsat === undefined) return missing('totalAmountMsat');
  return null;
}

const codecs = new Map<bigint, Codec<unknown>>(Object.values(tlvs).map(([type, codec]) => [type, codec as Codec<unknown>]));

/** The first record that does not decode and its offset; type 0 where the stream breaks before its type is known. */
function locate(stream: Bytes): { readonly type: bigint; readonly offset: number } {
  const reader = new Reader(stream);
  let offset = 0;
  try {
    for (const { type, value } of readRecords(reader)) {
      const codec = codecs.get(type);
      if (codec === undefined ? type % 2n === 0n : !decodeWith(codec, value).ok) return { type, offset };
      offset = reader.at;
    }
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
  }
  return { type: 0n, offset };
}
