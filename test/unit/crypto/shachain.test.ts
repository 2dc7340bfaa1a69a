import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWith, encodeWith } from '../../../src/codec/codec.ts';
import {
  emptyShaChain,
  FIRST_INDEX,
  indexOfCommitment,
  insertSecret,
  perCommitmentSecret,
  type ShaChain,
  secretAt,
  shaChainCodec,
} from '../../../src/crypto/shachain.ts';

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });

function chainOf(from: Uint8Array, count: number): ShaChain {
  let chain = emptyShaChain;
  for (let n = 0; n < count; n++) {
    const inserted = insertSecret(chain, perCommitmentSecret(from, indexOfCommitment(BigInt(n))));
    if (!inserted.ok) throw new Error(`secret ${n} refused`);
    chain = inserted.value;
  }
  return chain;
}

describe('the store of revealed secrets', () => {
  it('gives back every secret it took, none it did not, from few entries', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: 1, max: 300 }), (from, count) => {
        const chain = chainOf(from, count);
        expect(chain.known.length).toBeLessThanOrEqual(Math.ceil(Math.log2(count + 1)) + 1);
        for (let n = 0; n < count; n++) {
          const index = indexOfCommitment(BigInt(n));
          expect(secretAt(chain, index)).toEqual(perCommitmentSecret(from, index));
        }
        for (const index of [chain.next, chain.next - 1n, 0n]) expect(secretAt(chain, index)).toBeNull();
        expect(decodeWith(shaChainCodec, encodeWith(shaChainCodec, chain))).toEqual({ ok: true, value: chain });
      }),
      { numRuns: 25 },
    );
  });

  it('refuses the next secret of another seed as soon as one can tell', () => {
    fc.assert(
      fc.property(
        seed,
        seed,
        fc.integer({ min: 0, max: 100 }).map((n) => 2 * n + 1),
        (from, other, count) => {
          fc.pre(from.some((byte, i) => byte !== other[i]));
          // After an odd number of secrets the next index has a trailing zero, so an earlier secret must follow from it.
          const refused = insertSecret(chainOf(from, count), perCommitmentSecret(other, indexOfCommitment(BigInt(count))));
          expect(refused).toMatchObject({ ok: false, failure: { kind: 'secret_mismatch' } });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('refuses stored bytes whose entries are not those of a chain', () => {
    const bytes = encodeWith(shaChainCodec, chainOf(new Uint8Array(32).fill(5), 6));
    bytes[8] = (bytes[8] as number) ^ 1; // lowest bit of the first index
    expect(decodeWith(shaChainCodec, bytes).ok).toBe(false);
  });

  it('holds the last secret of all, whose index is 0', () => {
    const from = new Uint8Array(32).fill(9);
    expect(perCommitmentSecret(from, 0n)).toEqual(from);
    const nearly: ShaChain = { ...chainOf(from, 0), known: [], next: FIRST_INDEX };
    expect(secretAt(nearly, 0n)).toBeNull();
  });
});
