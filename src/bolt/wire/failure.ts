// BOLT 4, "Failure Messages": what a node along the route says about why a payment failed.
import { type Bytes, EMPTY } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type AnyFields, type Codec, type DecodeFailure, struct, type ValuesOf } from '../../codec/codec.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { Writer } from '../../codec/writer.ts';
import { bigsize, msat, sha256, u16, u32, varBytes, type WireFields } from './types.ts';

/** The sender could not read the onion; sent by its neighbour in `update_fail_malformed_htlc`. */
export const BADONION = 0x8000;
/** Will not go away by itself. */
export const PERM = 0x4000;
/** Concerns the whole node, otherwise the channel. */
export const NODE = 0x2000;
/** A forwarding rule was not kept; a `channel_update` may come along. */
export const UPDATE = 0x1000;

const channelUpdate = { channelUpdate: varBytes };

/** The codes in use, each with its data in order. `channel_update` may be empty and may lack its message type: treat it with distrust. */
export const FAILURES = {
  temporary_node_failure: [NODE | 2, {}],
  permanent_node_failure: [PERM | NODE | 2, {}],
  required_node_feature_missing: [PERM | NODE | 3, {}],
  invalid_onion_version: [BADONION | PERM | 4, { sha256OfOnion: sha256 }],
  invalid_onion_hmac: [BADONION | PERM | 5, { sha256OfOnion: sha256 }],
  invalid_onion_key: [BADONION | PERM | 6, { sha256OfOnion: sha256 }],
  temporary_channel_failure: [UPDATE | 7, channelUpdate],
  permanent_channel_failure: [PERM | 8, {}],
  required_channel_feature_missing: [PERM | 9, {}],
  unknown_next_peer: [PERM | 10, {}],
  amount_below_minimum: [UPDATE | 11, { htlcMsat: msat, ...channelUpdate }],
  fee_insufficient: [UPDATE | 12, { htlcMsat: msat, ...channelUpdate }],
  incorrect_cltv_expiry: [UPDATE | 13, { cltvExpiry: u32, ...channelUpdate }],
  expiry_too_soon: [UPDATE | 14, channelUpdate],
  incorrect_or_unknown_payment_details: [PERM | 15, { htlcMsat: msat, height: u32 }],
  final_incorrect_cltv_expiry: [18, { cltvExpiry: u32 }],
  final_incorrect_htlc_amount: [19, { incomingHtlcAmt: msat }],
  channel_disabled: [UPDATE | 20, { disabledFlags: u16, ...channelUpdate }],
  expiry_too_far: [21, {}],
  invalid_onion_payload: [PERM | 22, { type: bigsize, offset: u16 }],
  mpp_timeout: [23, {}],
  invalid_onion_blinding: [BADONION | PERM | 24, { sha256OfOnion: sha256 }],
} as const satisfies { readonly [name: string]: readonly [code: number, fields: WireFields] };

export type FailureName = keyof typeof FAILURES;

/** A failure by its BOLT name with its data in camelCase. `extra` is what follows (BOLT 4: ignored; a TLV stream, if anything). */
export type OnionFailure = {
  [N in FailureName]: { readonly name: N; readonly extra?: Bytes } & FailureFields<(typeof FAILURES)[N][1]>;
}[FailureName];
export type OnionFailureNamed<N extends FailureName> = Extract<OnionFailure, { readonly name: N }>;
type FailureFields<F> = F extends AnyFields ? ValuesOf<F> : never;

/** A code nobody knows, or a known one whose data are malformed: its flags still say what to do. */
export interface UnknownFailure {
  readonly name: 'unknown';
  readonly code: number;
  readonly data: Bytes;
}

const codecs = new Map<FailureName, Codec<Record<string, unknown>>>(
  Object.entries(FAILURES).map(([name, [, fields]]) => [name as FailureName, struct(fields) as Codec<Record<string, unknown>>]),
);
const byCode = new Map<number, FailureName>(Object.entries(FAILURES).map(([name, [code]]) => [code, name as FailureName]));

/** `failure_code` of a failure. */
export const failureCode = (failure: OnionFailure | UnknownFailure): number =>
  failure.name === 'unknown' ? failure.code : FAILURES[failure.name][0];

/** The name of a code, or null where BOLT 4 does not define it. */
export const failureName = (code: number): FailureName | null => byCode.get(code) ?? null;

/** The `failuremsg`: 2 bytes of code, then data. */
export function encodeFailure(failure: OnionFailure | UnknownFailure): Bytes {
  const to = new Writer();
  to.u16(failureCode(failure));
  if (failure.name === 'unknown') return to.bytes(failure.data).done();
  codecOf(failure.name).write(to, failure);
  return to.bytes(failure.extra ?? EMPTY).done();
}

/** What a `failuremsg` says. Fails only where there is not even a code. */
export function decodeFailure(bytes: Bytes): Result<OnionFailure | UnknownFailure, DecodeFailure> {
  if (bytes.length < 2) return fail({ kind: 'malformed', path: 'failure_code', message: `a failure of ${bytes.length} bytes` });
  const code = ((bytes[0] as number) << 8) | (bytes[1] as number);
  const name = byCode.get(code);
  const unknown: UnknownFailure = { name: 'unknown', code, data: bytes.slice(2) };
  if (name === undefined) return ok(unknown);
  const from = new Reader(bytes, 2);
  try {
    const fields = codecOf(name).read(from);
    // BOLT 4: "MUST ignore any extra bytes in failuremsg"
    const extra = from.left === 0 ? {} : { extra: from.rest().slice() };
    return ok({ name, ...fields, ...extra } as OnionFailure);
  } catch (error) {
    if (error instanceof CodecError) return ok(unknown);
    throw error;
  }
}

const codecOf = (name: FailureName): Codec<Record<string, unknown>> => codecs.get(name) as Codec<Record<string, unknown>>;
