import { fail } from '../base/result.ts';
import type { DecodeFailure } from '../codec/codec.ts';

/**
 * What can be wrong with Taproot Assets data from outside. MALFORMED: the bytes are not what they say they are. The other codes name the rule
 * of the protocol that does not hold; the validation of state transitions has its own (`VmCode`).
 */
export type AssetCode =
  | 'MALFORMED'
  | 'CHECKSUM'
  | 'TOO_LARGE'
  | 'UNKNOWN_VERSION'
  | 'WRONG_NETWORK'
  | 'SUM_OVERFLOW'
  | 'NO_ASSETS'
  | 'GENESIS_MISMATCH'
  | 'TYPE_MISMATCH'
  | 'GROUP_KEY_MISMATCH'
  | 'DUPLICATE_KEY'
  | 'INVALID_SPLIT'
  | 'INVALID_SIBLING'
  | 'INVALID_META'
  | 'INVALID_GROUP_KEY'
  | 'INVALID_COURIER'
  | 'INVALID_AMOUNT';

export interface AssetFailure<Code extends string = AssetCode> {
  readonly code: Code;
  readonly message: string;
}

export const refuse = <Code extends string>(code: Code, message: string): { readonly ok: false; readonly failure: AssetFailure<Code> } =>
  fail({ code, message });

/** A codec's failure as a code. */
export const malformed = (failure: DecodeFailure): { readonly ok: false; readonly failure: AssetFailure<'MALFORMED'> } =>
  refuse('MALFORMED', failure.path === '' ? failure.message : `${failure.path}: ${failure.message}`);
