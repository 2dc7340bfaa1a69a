import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../../../src/base/bytes.ts';
import { decodeDer, encodeDer } from '../../../src/crypto/der.ts';
import { secp } from '../../../src/crypto/ec.ts';

const native = createRequire(import.meta.url)('secp256k1') as typeof import('secp256k1');
const bytes32 = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc.tuple(fc.integer({ min: 0, max: 32 }), fc.uint8Array({ minLength: 32, maxLength: 32 })).map(([zeros, b]) => b.fill(0, 0, zeros)),
);

describe('DER signatures', () => {
  it('come back, and are those of libsecp256k1', () => {
    fc.assert(
      fc.property(bytes32, bytes32, (r, s) => {
        const signature = concat(r, s);
        const der = encodeDer(signature);
        expect(decodeDer(der)).toEqual(signature);
        let exported: Uint8Array | null = null;
        try {
          exported = native.signatureExport(signature);
        } catch {
          // out of range of the group: libsecp256k1 has no form for it
        }
        if (exported !== null) expect(toHex(der)).toBe(toHex(exported));
      }),
    );
  });

  it('are accepted in one form only', () => {
    const der = encodeDer(secp.sign(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)));
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = der.slice();
        changed[at] = (changed[at] as number) ^ flip;
        const decoded = decodeDer(changed);
        if (decoded !== null) expect(encodeDer(decoded)).toEqual(changed);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['empty', ''],
    ['a wrong tag', '3106020101020101'],
    ['a wrong length', '3007020101020101'],
    ['bytes behind', '300602010102010100'],
    ['a negative r', '3006020181020101'],
    ['a needless zero in s', '300702010102020001'],
    ['an empty r', '30050200020101'],
    ['an r beyond the end', '3006020401020101'],
    ['a wrong tag of s', '3006020101030101'],
    ['an r of 33 digits', `3026022101${'11'.repeat(32)}020101`],
  ])('refuse %s', (_, hex) => {
    expect(decodeDer(fromHex(hex))).toBeNull();
  });
});
