import type { UnixTime } from '../../base/units.ts';
import type { Network } from '../../bitcoin/network.ts';
import type { ErrorInfo } from '../error.ts';
import type { JsonObject } from '../operation.ts';

/** What the answer depends on besides the text. */
export interface DecodeEnv {
  readonly now: UnixTime;
  /** Where the user named one: things of another network are a problem. */
  readonly network: Network | null;
}

/** One piece of the thing, in order; together they cover it. */
export interface Piece {
  /** Offset of its first character (text) or byte (binary). */
  readonly at: number;
  /** The characters, or the bytes in hexadecimal. */
  readonly raw: string;
  readonly name: string;
  readonly meaning: string;
}

export interface Decoded {
  /** Begins with kind, network, valid, problems; has `error` where it is not valid. */
  readonly json: JsonObject;
  readonly error: ErrorInfo | null;
  /** Byte by byte; empty where the thing is not understood at all. */
  explain(): readonly Piece[];
}

export const NOTHING: () => readonly Piece[] = () => [];

/** The answer for something malformed. */
export function refused(
  part: { readonly kind: string; readonly network: Network | null; readonly explain?: () => readonly Piece[] },
  error: ErrorInfo,
): Decoded {
  const { kind, network } = part;
  const about = { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return { json: { kind, network, valid: false, problems: [error.message], error: about }, error, explain: part.explain ?? NOTHING };
}
