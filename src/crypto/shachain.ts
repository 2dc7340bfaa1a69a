import { assert, must } from '../base/assert.ts';
import { type Bytes, equal } from '../base/bytes.ts';
import { fail, ok, type Result } from '../base/result.ts';
import { bytes, type Codec, list, map, struct, u8, u64 } from '../codec/codec.ts';
import { CodecError } from '../codec/reader.ts';
import { sha256 } from './hash.ts';

/** BOLT 3: the index of the first per-commitment secret; indices count down from here. */
export const FIRST_INDEX = 2n ** 48n - 1n;

/** The index of the secret of commitment number `number` (0, 1, 2, ...; at most 2^48 - 1). */
export const indexOfCommitment = (number: bigint): bigint => FIRST_INDEX - number;

/** BOLT 3, "Per-commitment Secret Requirements" (`generate_from_seed`): the secret of `index` (0 to 2^48 - 1) from a seed of 32 bytes. */
export function perCommitmentSecret(seed: Bytes, index: bigint): Bytes {
  assert(seed.length === 32 && index >= 0n && index <= FIRST_INDEX, 'seed of 32 bytes and index of 48 bits');
  return derive(seed, index, 48);
}

interface Known {
  readonly index: bigint;
  readonly secret: Bytes;
}

/**
 * The other side's per-commitment secrets, each of which they revealed, in at most 49 entries (BOLT 3, "Efficient Per-commitment Secret
 * Storage"). Immutable: an insertion returns the next store. Entry b has the last index received with exactly b trailing zero bits.
 */
export interface ShaChain {
  readonly known: readonly Known[];
  /** The index that must come next; -1 when all are known. */
  readonly next: bigint;
}

export interface SecretMismatch {
  readonly kind: 'secret_mismatch';
  /** An earlier secret that does not follow from the new one. */
  readonly index: bigint;
}

export const emptyShaChain: ShaChain = { known: [], next: FIRST_INDEX };

/**
 * The store with the secret of index `store.next` added. Fails where an earlier secret does not follow from it: then the peer cheats, and
 * BOLT 2 says to fail the channel.
 */
export function insertSecret(store: ShaChain, secret: Bytes): Result<ShaChain, SecretMismatch> {
  assert(secret.length === 32 && store.next >= 0n, 'a secret of 32 bytes where one is missing');
  const index = store.next;
  const at = trailingZeros(index);
  for (let b = 0; b < at; b++) {
    const earlier = must(store.known[b], 'entries fill from the lowest');
    if (!equal(derive(secret, earlier.index, at), earlier.secret)) return fail({ kind: 'secret_mismatch', index: earlier.index });
  }
  const entry = { index, secret };
  const known = at === store.known.length ? [...store.known, entry] : store.known.with(at, entry);
  return ok({ known, next: index - 1n });
}

/** The secret of `index`, or null where it has not been revealed. */
export function secretAt(store: ShaChain, index: bigint): Bytes | null {
  for (let b = 0; b < store.known.length; b++) {
    const entry = store.known[b] as Known;
    if (index >> BigInt(b) === entry.index >> BigInt(b)) return derive(entry.secret, index, b);
  }
  return null;
}

/** The stored form: the entries in order; `next` follows from them. */
export const shaChainCodec: Codec<ShaChain> = map(
  list(u8, struct({ index: u64, secret: bytes(32) })),
  (known) => {
    if (known.length > 49 || known.some((entry, b) => trailingZeros(entry.index) !== b || entry.index > FIRST_INDEX))
      throw new CodecError('not a chain of secrets');
    const lowest = known.reduce((least, entry) => (entry.index < least ? entry.index : least), FIRST_INDEX + 1n);
    return { known, next: lowest - 1n };
  },
  (store) => store.known,
);

/** Applies the lowest `bits` bits of `index` to `base`, highest first: flip that bit, then hash. */
function derive(base: Bytes, index: bigint, bits: number): Bytes {
  let value = base;
  for (let b = bits - 1; b >= 0; b--) {
    if (((index >> BigInt(b)) & 1n) === 0n) continue;
    const flipped = value.slice();
    flipped[b >> 3] = (flipped[b >> 3] as number) ^ (1 << (b & 7));
    value = sha256(flipped);
  }
  return value;
}

/** 48 for 0. */
function trailingZeros(index: bigint): number {
  let b = 0;
  while (b < 48 && ((index >> BigInt(b)) & 1n) === 0n) b++;
  return b;
}
