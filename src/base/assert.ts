/** A broken promise of our own code: never caused by a peer, a file or a person (those are returned failures). */
export class Bug extends Error {
  override readonly name = 'Bug';
}

/** Throws a `Bug` when `condition` does not hold. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** Ends a `switch` over a union: the compiler proves that every member was handled. */
export function assertNever(value: never, what = 'member'): never {
  throw new Bug(`unhandled ${what}: ${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`);
}

/** The value, where absence would be a bug. */
export function must<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new Bug(message);
  return value;
}
