// BOLT 9: features. A set of features is the bitmap as it is sent (big-endian, bit 0 in the last byte), of any length, so that it needs no
// second form in state and in the store. Of a pair the even bit means required, the odd one offered.
import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';

/**
 * Where a feature is presented. I: `init`, N: `node_announcement`, C: `channel_announcement` (C- always odd, C+ always even),
 * 9: BOLT 11 invoice, B: `allowed_features` of a blinded path, T: `channel_type`.
 */
export type FeatureContext = 'I' | 'N' | 'C' | 'C-' | 'C+' | '9' | 'B' | 'T';

export interface Feature {
  /** The even bit of the pair. */
  readonly bit: number;
  readonly contexts: readonly FeatureContext[];
  readonly needs: readonly string[];
  /** BOLT 9: so widespread that every node has it, whether it says so or not. */
  readonly assumed: boolean;
}

const feature = (bit: number, contexts: readonly FeatureContext[], needs: readonly string[] = []): Feature => ({
  bit,
  contexts,
  needs,
  assumed: false,
});
/** Contexts as they were before the feature was ASSUMED: peers still look for the bits there. */
const assumed = (bit: number, contexts: readonly FeatureContext[]): Feature => ({ bit, contexts, needs: [], assumed: true });

/** The table of BOLT 9. */
export const FEATURES = {
  option_data_loss_protect: assumed(0, ['I', 'N']),
  option_upfront_shutdown_script: feature(4, ['I', 'N']),
  gossip_queries: feature(6, ['I', 'N']),
  var_onion_optin: assumed(8, ['I', 'N', '9']),
  gossip_queries_ex: feature(10, ['I', 'N']),
  option_static_remotekey: assumed(12, ['I', 'N', 'T']),
  payment_secret: assumed(14, ['I', 'N', '9']),
  basic_mpp: feature(16, ['I', 'N', '9'], ['payment_secret']),
  option_support_large_channel: feature(18, ['I', 'N']),
  option_anchors: feature(22, ['I', 'N', 'T']),
  option_route_blinding: feature(24, ['I', 'N', '9']),
  option_shutdown_anysegwit: feature(26, ['I', 'N']),
  option_dual_fund: feature(28, ['I', 'N']),
  option_quiesce: feature(34, ['I', 'N']),
  option_attribution_data: feature(36, ['I', 'N', '9']),
  option_onion_messages: feature(38, ['I', 'N']),
  option_provide_storage: feature(42, ['I', 'N']),
  option_channel_type: assumed(44, ['I', 'N']),
  option_scid_alias: feature(46, ['I', 'N', 'T']),
  option_payment_metadata: feature(48, ['9']),
  option_zeroconf: feature(50, ['I', 'N', 'T'], ['option_scid_alias']),
  option_simple_close: feature(60, ['I', 'N'], ['option_shutdown_anysegwit']),
  option_splice: feature(62, ['I', 'N']),
} as const satisfies { readonly [name: string]: Feature };

export type FeatureName = keyof typeof FEATURES;
export const FEATURE_NAMES = Object.keys(FEATURES) as readonly FeatureName[];
const byBit = new Map<number, FeatureName>(FEATURE_NAMES.map((name) => [FEATURES[name].bit, name]));

/** The feature whose pair `bit` belongs to, or null where BOLT 9 has none. */
export const featureOfBit = (bit: number): FeatureName | null => byBit.get(bit & ~1) ?? null;

/** bLIP 3: payments that nobody asked for are taken. BOLT 9 does not assign it. The even bit of the pair. */
export const KEYSEND_BIT = 54;

// --- bitmaps

/** The smallest bitmap with these bits. */
export function encodeBits(bits: Iterable<number>): Bytes {
  const all = [...bits];
  const highest = all.reduce((a, b) => Math.max(a, b), -1);
  const out = new Uint8Array(Math.ceil((highest + 1) / 8));
  for (const bit of all) {
    const at = out.length - 1 - (bit >> 3);
    out[at] = (out[at] as number) | (1 << (bit & 7));
  }
  return out;
}

/** The bits that are set, ascending. */
export function decodeBits(bitmap: Bytes): readonly number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 8 * bitmap.length; bit++) if (hasBit(bitmap, bit)) bits.push(bit);
  return bits;
}

export function hasBit(bitmap: Bytes, bit: number): boolean {
  const byte = bitmap[bitmap.length - 1 - (bit >> 3)];
  return byte !== undefined && (byte & (1 << (bit & 7))) !== 0;
}

/** BOLT 1: `globalfeatures` and `features` of `init` are one set: bitwise or, the shorter one padded in front. */
export const combineFeatures = (a: Bytes, b: Bytes): Bytes => encodeBits([...decodeBits(a), ...decodeBits(b)]);

// --- questions

/** Either bit is set. */
export function supports(bitmap: Bytes, name: FeatureName): boolean {
  const { bit } = FEATURES[name];
  return hasBit(bitmap, bit) || hasBit(bitmap, bit + 1);
}

/** The even bit is set; BOLT 9: also where both are. */
export const requires = (bitmap: Bytes, name: FeatureName): boolean => hasBit(bitmap, FEATURES[name].bit);

export interface BothSides {
  readonly local: Bytes;
  readonly remote: Bytes;
}

/** BOLT 1: negotiated when both offered it, or when we require it (a peer without it would have left). ASSUMED features always are. */
export function negotiated({ local, remote }: BothSides, name: FeatureName): boolean {
  if (FEATURES[name].assumed) return true;
  return supports(local, name) && (supports(remote, name) || requires(local, name));
}

/** The bitmap of what was negotiated: even bits where a side requires it, odd ones else. Ask it with `supports`. */
export function negotiatedFeatures(sides: BothSides): Bytes {
  const names = FEATURE_NAMES.filter((name) => negotiated(sides, name));
  return encodeBits(names.map((name) => FEATURES[name].bit + (requires(sides.local, name) || requires(sides.remote, name) ? 0 : 1)));
}

// --- checks of what others send

export type FeatureFailure =
  | { readonly kind: 'unknown_required'; readonly bits: readonly number[] }
  | { readonly kind: 'missing_dependency'; readonly feature: FeatureName; readonly needs: FeatureName };

/** BOLT 1, receiving `init`: unknown even bits and features without what they need end the connection. */
export function checkFeatures(bitmap: Bytes): Result<Bytes, FeatureFailure> {
  const bits = unknownRequired(bitmap);
  if (bits.length > 0) return fail({ kind: 'unknown_required', bits });
  const missing = missingDependency(bitmap);
  return missing === null ? ok(bitmap) : fail({ kind: 'missing_dependency', ...missing });
}

/** Even bits of features that lnkit does not have: it can neither connect nor pay there. */
export const unknownRequired = (bitmap: Bytes): readonly number[] =>
  decodeBits(bitmap).filter((bit) => bit % 2 === 0 && !UNDERSTOOD.has(bit));

/** Even bits that BOLT 9 does not assign. BOLT 7: no payment is routed through a node or a channel that has one. */
export const unassignedRequired = (bitmap: Bytes): readonly number[] =>
  decodeBits(bitmap).filter((bit) => bit % 2 === 0 && featureOfBit(bit) === null);

/** A feature whose dependency is neither set nor ASSUMED, or null. */
export function missingDependency(bitmap: Bytes): { readonly feature: FeatureName; readonly needs: FeatureName } | null {
  for (const name of FEATURE_NAMES) {
    if (!supports(bitmap, name)) continue;
    for (const needs of FEATURES[name].needs as readonly FeatureName[])
      if (!FEATURES[needs].assumed && !supports(bitmap, needs)) return { feature: name, needs };
  }
  return null;
}

/** BOLT 9: "MUST NOT set both the optional and mandatory bits". The even bits of the pairs where both are. */
export const bothBitsSet = (bitmap: Bytes): readonly number[] =>
  decodeBits(bitmap).filter((bit) => bit % 2 === 0 && hasBit(bitmap, bit + 1));

// --- what lnkit has

/** The ASSUMED ones are required, as lnd sets and expects them; the rest is offered. */
const OWN: readonly FeatureName[] = [
  'option_data_loss_protect',
  'option_upfront_shutdown_script',
  'gossip_queries',
  'var_onion_optin',
  'gossip_queries_ex',
  'option_static_remotekey',
  'payment_secret',
  'basic_mpp',
  'option_support_large_channel',
  'option_anchors',
  'option_shutdown_anysegwit',
  'option_channel_type',
  'option_scid_alias',
  'option_simple_close',
];

/** Bits lnkit does not set but acts on: zero-conf is for trusted peers, payment metadata is only repeated when paying. */
const UNDERSTOOD: ReadonlySet<number> = new Set(
  [...OWN, 'option_zeroconf' as const, 'option_payment_metadata' as const].map((name) => FEATURES[name].bit),
);

export interface OwnFeatures {
  /** Zero-conf channels are offered to peers that the operator trusts. */
  readonly zeroconf: 'offered' | 'absent';
}

/** The `features` of our `init`. `globalfeatures` stays empty. */
export const initFeatures = (own: OwnFeatures): Bytes => ownFeatures('I', own);
/** The `features` of our `node_announcement`: payers look there for whether a keysend is taken. */
export const nodeFeatures = (): Bytes => combineFeatures(ownFeatures('N', { zeroconf: 'absent' }), encodeBits([KEYSEND_BIT + 1]));
/** The `9` field of our invoices. */
export const invoiceFeatures = (): Bytes => ownFeatures('9', { zeroconf: 'absent' });
/** The `features` of our `channel_announcement`: BOLT 9 assigns none. */
export const channelFeatures = (): Bytes => ownFeatures('C', { zeroconf: 'absent' });

function ownFeatures(context: FeatureContext, own: OwnFeatures): Bytes {
  const names: readonly FeatureName[] = own.zeroconf === 'offered' ? [...OWN, 'option_zeroconf'] : OWN;
  const presented = names.filter((name) => (FEATURES[name].contexts as readonly FeatureContext[]).includes(context));
  return encodeBits(presented.map((name) => FEATURES[name].bit + (FEATURES[name].assumed ? 0 : 1)));
}

// --- channel_type

/** BOLT 2: a channel type is exactly the even bits of what it consists of, in the smallest bitmap. */
export const channelType = (...names: readonly FeatureName[]): Bytes => encodeBits(names.map((name) => FEATURES[name].bit));

/**
 * The features of a `channel_type` that BOLT 2 defines (static_remotekey, with or without anchors, scid_alias, zeroconf), in the order of
 * the table, or null for any other: an odd bit, an undefined combination, or a bitmap that is not the smallest.
 */
export function decodeChannelType(bitmap: Bytes): readonly FeatureName[] | null {
  if (bitmap[0] === 0) return null;
  const names: FeatureName[] = [];
  for (const bit of decodeBits(bitmap)) {
    const name = bit % 2 === 0 ? featureOfBit(bit) : null;
    if (name === null || !(FEATURES[name].contexts as readonly FeatureContext[]).includes('T')) return null;
    names.push(name);
  }
  return names.includes('option_static_remotekey') ? names : null;
}
