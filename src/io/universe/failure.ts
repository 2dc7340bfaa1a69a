import type { Result } from '../../base/result.ts';
import { fail, ok } from '../../base/result.ts';
import { type GrpcFailure, STATUS } from '../grpc/client.ts';
import type { UniverseFailure } from './contract.ts';

/** The same call may succeed later: nobody answered, or the universe does not yet know what it needs (its chain view, the transition before). */
export const isRetryable = ({ code }: UniverseFailure): boolean =>
  code === 'UNREACHABLE' || code === 'TIMEOUT' || code === 'UNKNOWN_PREDECESSOR';

export const failed = (code: UniverseFailure['code'], message: string): { readonly ok: false; readonly failure: UniverseFailure } =>
  fail({ code, message });

/** gRPC's own words for answers that are not what they should be. */
const GARBLED = /pars|deserializ|decompress|invalid wire type|index out of range/i;
/** tapd answers nearly everything with UNKNOWN: what it means stands in the text. */
const BY_TEXT: readonly (readonly [RegExp, UniverseFailure['code']])[] = [
  [/not yet ready|starting up|waiting to start|wallet locked|rate limit|too many requests|try again/i, 'UNREACHABLE'],
  // Its view of the chain is behind ours.
  [/block number out of range|unable to retrieve block|block height out of range/i, 'UNREACHABLE'],
  [/unable to fetch previous|no previous asset|missing previous/i, 'UNKNOWN_PREDECESSOR'],
  [/unable to verify proof|invalid proof|mismatch|unable to decode|sparse-decode|verify issuance/i, 'INVALID'],
];

export function universeFailure({ status, message }: GrpcFailure, place: string): UniverseFailure {
  const because = message === '' ? `status ${status}` : message;
  return { code: codeOf(status, message), message: `${place}: ${because}` };
}

function codeOf(status: number, message: string): UniverseFailure['code'] {
  switch (status) {
    case STATUS.CANCELLED:
    case STATUS.UNAVAILABLE:
      return 'UNREACHABLE';
    case STATUS.DEADLINE_EXCEEDED:
      return 'TIMEOUT';
    case STATUS.RESOURCE_EXHAUSTED:
      return /larger than max|max.* size/i.test(message) ? 'TOO_LARGE' : 'UNREACHABLE';
    case STATUS.INVALID_ARGUMENT:
      return 'INVALID';
    case STATUS.FAILED_PRECONDITION:
      return 'UNKNOWN_PREDECESSOR';
    case STATUS.OUT_OF_RANGE:
      return 'TOO_LARGE';
    case STATUS.INTERNAL:
      return GARBLED.test(message) ? 'PROTOCOL' : 'UNREACHABLE';
    case STATUS.DATA_LOSS:
    // It is no universe, or one that does not know of what it was asked.
    case STATUS.UNIMPLEMENTED:
      return 'PROTOCOL';
    case STATUS.UNKNOWN:
      return BY_TEXT.find(([pattern]) => pattern.test(message))?.[1] ?? 'REFUSED';
    default:
      return 'REFUSED';
  }
}

const MISSING = /no universe proof found|no universe root found|no multiverse root found/i;

/** Null where the universe says that it has nothing there. */
export function orNull<T>(answer: Result<T, GrpcFailure>, place: string): Result<T | null, UniverseFailure> {
  if (answer.ok) return answer;
  const { status, message } = answer.failure;
  if (status === STATUS.NOT_FOUND || MISSING.test(message)) return ok(null);
  return fail(universeFailure(answer.failure, place));
}
