import type { Bytes } from '../../base/bytes.ts';
import { decodeBits, FEATURES, featureOfBit, missingDependency, unknownRequired } from '../wire/features.ts';

export interface InvoiceFeature {
  readonly bit: number;
  /** BOLT 9's name, null where it assigns none. */
  readonly name: string | null;
  /** The even bit of the pair. */
  readonly required: boolean;
}

/** The bits of an invoice's features, ascending. */
export const describeFeatures = (features: Bytes): readonly InvoiceFeature[] =>
  decodeBits(features).map((bit) => ({ bit, name: featureOfBit(bit), required: bit % 2 === 0 }));

/** BOLT 11's rules for the reader of the `9` field: null where it may be paid. */
export function checkInvoiceFeatures(
  features: Bytes,
): { readonly reason: 'unknown_even_feature' | 'feature_dependency'; readonly bit: number } | null {
  // BOLT 11: "if the 9 field contains unknown even bits that are non-zero: MUST fail the payment"
  const unknown = unknownRequired(features)[0];
  if (unknown !== undefined) return { reason: 'unknown_even_feature', bit: unknown };
  // BOLT 11: "if the feature vector does not set all known, transitive feature dependencies: MUST NOT attempt the payment"
  const missing = missingDependency(features);
  return missing === null ? null : { reason: 'feature_dependency', bit: FEATURES[missing.needs].bit };
}
