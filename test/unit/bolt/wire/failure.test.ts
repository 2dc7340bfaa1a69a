import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../../../../src/base/bytes.ts';
import {
  decodeFailure,
  encodeFailure,
  FAILURES,
  type FailureName,
  failureCode,
  failureName,
  type OnionFailure,
} from '../../../../src/bolt/wire/failure.ts';
import type { WireFields } from '../../../../src/bolt/wire/types.ts';
import { shapeArbitrary, xorshift } from '../../../arbitrary/message.ts';
import { mutate } from '../../../arbitrary/mutate.ts';

const failureArbitrary = (name: FailureName): fc.Arbitrary<OnionFailure> => {
  const fields = FAILURES[name][1] as WireFields;
  return fc
    .record(Object.fromEntries(Object.entries(fields).map(([field, codec]) => [field, shapeArbitrary(codec.shape)])))
    .map((values) => ({ name, ...values }) as OnionFailure);
};

describe.each(Object.keys(FAILURES) as FailureName[])('%s', (name) => {
  it('reads what it wrote, and what follows', () => {
    fc.assert(
      fc.property(failureArbitrary(name), fc.uint8Array({ minLength: 1, maxLength: 30 }), (failure, extra) => {
        const bytes = encodeFailure(failure);
        expect((bytes[0]! << 8) | bytes[1]!).toBe(failureCode(failure));
        expect(decodeFailure(bytes)).toEqual({ ok: true, value: failure });
        expect(decodeFailure(concat(bytes, extra))).toEqual({ ok: true, value: { ...failure, extra } });
        expect(encodeFailure({ ...failure, extra })).toEqual(concat(bytes, extra));
      }),
      { numRuns: 40 },
    );
  });

  it('never throws on changed bytes, and writes them back as they were', () => {
    fc.assert(
      fc.property(failureArbitrary(name), fc.integer({ min: 1, max: 0x7fffffff }), (failure, seed) => {
        const bytes = mutate(encodeFailure(failure), xorshift(seed));
        const decoded = decodeFailure(bytes);
        expect(decoded.ok).toBe(bytes.length >= 2);
        if (decoded.ok) expect(toHex(encodeFailure(decoded.value))).toBe(toHex(bytes));
      }),
      { numRuns: 100 },
    );
  });
});

describe('decodeFailure', () => {
  it('keeps the code where the data are malformed, so that its flags still count', () => {
    const cut = fromHex('100c00000000');
    expect(decodeFailure(cut)).toEqual({ ok: true, value: { name: 'unknown', code: 0x100c, data: fromHex('00000000') } });
    expect(failureName(0x100c)).toBe('fee_insufficient');
  });

  it('keeps codes nobody knows', () => {
    expect(decodeFailure(fromHex('40ff01'))).toEqual({ ok: true, value: { name: 'unknown', code: 0x40ff, data: fromHex('01') } });
    expect(failureName(0x40ff)).toBeNull();
  });

  it('fails where there is no code', () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(1)]) expect(decodeFailure(bytes).ok).toBe(false);
  });
});
