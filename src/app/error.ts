import type { JsonObject } from './operation.ts';

/** Every error code of the command line and the exit code it stands for. A change here is a breaking change. */
export const EXIT_CODES = {
  INTERNAL: 1,
  USAGE: 2,
  MALFORMED: 2,
  CHECKSUM: 2,
  BAD_SIGNATURE: 2,
  UNKNOWN_FEATURE: 2,
  NOT_FOUND: 3,
  PAYMENT_FAILED: 4,
  NO_ROUTE: 4,
  REJECTED_BY_DESTINATION: 4,
  PAYMENT_PENDING: 5,
  EXPIRED: 6,
  WRONG_NETWORK: 6,
  ALREADY_PAID: 6,
  OVER_BUDGET: 6,
  INSUFFICIENT_FUNDS: 6,
  POLICY: 6,
  PEER_UNREACHABLE: 7,
  PEER_ERROR: 7,
  CHAIN_UNREACHABLE: 8,
  CHAIN_NOT_SYNCED: 8,
  STORE_LOCKED: 9,
  STORE_CORRUPT: 9,
  STORE_VERSION: 9,
  TIMEOUT: 10,
  INTERRUPTED: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

/** What a user is told of a failure: on stdout as `{"error": ...}` under `--json`, else message and hint on stderr. */
export interface ErrorInfo {
  readonly code: ErrorCode;
  readonly message: string;
  /** What the user can do about it. */
  readonly hint?: string | undefined;
  readonly details?: JsonObject | undefined;
}

/** A failure that a user can meet. Everything else that is thrown is a bug (INTERNAL, exit 1). */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: JsonObject | undefined;

  constructor(info: ErrorInfo, options?: ErrorOptions) {
    super(info.message, options);
    this.code = info.code;
    this.hint = info.hint;
    this.details = info.details;
  }
}

export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === 'string' && Object.hasOwn(EXIT_CODES, code);

export const exitCodeOf = (code: ErrorCode): number => EXIT_CODES[code];

/** The error of anything thrown. What is not an AppError is a bug, and its message says so. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  if (isAppErrorLike(thrown)) {
    const { code, message, hint, details } = thrown;
    const info = { code, message, ...(hint === undefined ? {} : { hint }), ...(details === undefined ? {} : { details }) };
    return new AppError(info, { cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const hint = 'this is a bug in lnkit; --verbose shows where';
  return new AppError({ code: 'INTERNAL', message, hint }, { cause: thrown });
}

/** The JSON form, with `hint` and `details` only where there are some. */
export function errorJson(error: ErrorInfo): JsonObject {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

/** From worst to best: the exit code of a batch is that of its worst line. An interruption is told above everything that is certain. */
const WORST_FIRST: readonly number[] = [5, 130, 1, 9, 8, 7, 10, 4, 6, 3, 2, 0];

/** The worse of two exit codes. */
export function worseExit(a: number, b: number): number {
  return rankOf(a) <= rankOf(b) ? a : b;
}

function rankOf(exit: number): number {
  const rank = WORST_FIRST.indexOf(exit);
  return rank === -1 ? WORST_FIRST.indexOf(1) : rank;
}

/** Failures of the lower rings (the store's, for one) carry a code of the table and a hint, without knowing this file. */
function isAppErrorLike(thrown: unknown): thrown is Error & Pick<AppError, 'code' | 'hint' | 'details'> {
  return thrown instanceof Error && isErrorCode((thrown as { readonly code?: unknown }).code);
}
