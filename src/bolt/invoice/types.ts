import type { Bytes } from '../../base/bytes.ts';
import type { NodeId, PaymentHash, ShortChannelId } from '../../base/ids.ts';
import type { Blocks, Msat, UnixTime } from '../../base/units.ts';
import type { Network } from '../../bitcoin/network.ts';

/** BOLT 11 `r`: a hop of a private route, from `nodeId` over the channel towards the payee. */
export interface RouteHintHop {
  readonly nodeId: NodeId;
  readonly shortChannelId: ShortChannelId;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
}

/** BOLT 11 `f`: witness version 0 to 16 with its program, 17 with a public key hash, 18 with a script hash. */
export interface Fallback {
  readonly version: number;
  readonly program: Bytes;
}

/** A tagged field that is not interpreted, as received: its 5-bit type and 5-bit words. */
export interface UnknownField {
  readonly type: number;
  readonly words: Bytes;
}

/** Everything that an invoice says and its signature covers. */
export interface InvoiceFields {
  readonly network: Network;
  /** null: the payer chooses. */
  readonly amount: Msat | null;
  readonly timestamp: UnixTime;
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: Bytes;
  /** Exactly one of `description` and `descriptionHash` is not null. */
  readonly description: string | null;
  readonly descriptionHash: Bytes | null;
  /** Seconds from the timestamp; null where absent (see `expiryOf`). */
  readonly expiry: number | null;
  /** null where absent (see `minFinalCltvExpiryDeltaOf`). */
  readonly minFinalCltvExpiryDelta: Blocks | null;
  /** Feature bits, big-endian, no leading zero byte. */
  readonly features: Bytes;
  /** Most preferred first. */
  readonly fallbacks: readonly Fallback[];
  readonly routes: readonly (readonly RouteHintHop[])[];
  readonly paymentMetadata: Bytes | null;
  /** The `n` field; null where the key is to be recovered from the signature. */
  readonly payeeField: NodeId | null;
  /** Unknown types, further fields of a type that counts once, and fields that must be skipped, in order. */
  readonly unknownFields: readonly UnknownField[];
}

export interface Invoice extends InvoiceFields {
  /** Who signed. */
  readonly payee: NodeId;
  /** r || s, 64 bytes. */
  readonly signature: Bytes;
  /** 0 to 3. */
  readonly signatureRecovery: number;
}

/** The codes are those of the command line (exit 2). */
export type InvoiceErrorCode = 'MALFORMED' | 'CHECKSUM' | 'BAD_SIGNATURE' | 'UNKNOWN_FEATURE';

export interface InvoiceFailure {
  readonly code: InvoiceErrorCode;
  /** Which rule was broken, for programs. */
  readonly reason: InvoiceReason;
  /** The same for people. */
  readonly message: string;
  /** The feature bit that it is about, where it is about one. */
  readonly bit?: number;
}

export const INVOICE_REASONS = {
  too_long: ['MALFORMED', 'the text is longer than any invoice'],
  character: ['MALFORMED', 'it holds a character that bech32 does not have'],
  mixed_case: ['MALFORMED', 'it mixes upper and lower case'],
  no_separator: ['MALFORMED', "it has no separator '1'"],
  checksum: ['CHECKSUM', 'the checksum is wrong: a character was changed, lost or added'],
  unknown_prefix: ['MALFORMED', 'the prefix is none of lnbc, lntb, lntbs and lnbcrt'],
  invalid_amount: ['MALFORMED', 'the amount is not a positive number without leading zeros, or more than all bitcoin'],
  invalid_multiplier: ['MALFORMED', 'the amount has a multiplier that is none of m, u, n and p'],
  sub_millisatoshi: ['MALFORMED', 'the amount is not a whole number of millisatoshi'],
  too_short: ['MALFORMED', 'it is too short to hold a timestamp and a signature'],
  field_overrun: ['MALFORMED', 'a field is longer than what is left of the invoice'],
  not_minimal: ['MALFORMED', 'an expiry, cltv or feature field begins with zeros'],
  out_of_range: ['MALFORMED', 'an expiry or cltv delta is out of range'],
  no_payment_hash: ['MALFORMED', 'it has no payment hash of the right length'],
  no_payment_secret: ['MALFORMED', 'it has no payment secret of the right length'],
  no_description: ['MALFORMED', 'it has neither a description nor the hash of one'],
  two_descriptions: ['MALFORMED', 'it has both a description and the hash of one'],
  description_not_text: ['MALFORMED', 'the description is not UTF-8'],
  route_hint: ['MALFORMED', 'a route hint is not a whole number of hops'],
  public_key: ['MALFORMED', 'a node id in it is not a public key'],
  feature_dependency: ['MALFORMED', 'a feature is set without one that it depends on'],
  unknown_even_feature: ['UNKNOWN_FEATURE', 'it requires a feature that is not known'],
  recovery_id: ['BAD_SIGNATURE', 'the recovery id of the signature is not 0 to 3'],
  signature_not_recoverable: ['BAD_SIGNATURE', 'no public key can be recovered from the signature'],
  high_s_with_payee_field: ['BAD_SIGNATURE', 'the signature has a high s although the payee is given'],
  signature: ['BAD_SIGNATURE', 'the signature is not by the payee that is given'],
} as const satisfies { readonly [reason: string]: readonly [code: InvoiceErrorCode, message: string] };

export type InvoiceReason = keyof typeof INVOICE_REASONS;
