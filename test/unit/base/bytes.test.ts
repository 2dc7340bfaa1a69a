import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compare,
  concat,
  equal,
  equalSecret,
  fromBigInt,
  fromHex,
  reversed,
  toBigInt,
  toHex,
  tryHex,
  tryText,
  utf8,
} from '../../../src/base/bytes.ts';
import { formatScid, parseScid, shortChannelId } from '../../../src/base/ids.ts';

const bytes = fc.uint8Array({ maxLength: 80 });

describe('bytes', () => {
  it('hexadecimal agrees with Buffer and comes back in either case', () => {
    fc.assert(
      fc.property(bytes, (b) => {
        expect(toHex(b)).toBe(Buffer.from(b).toString('hex'));
        expect(tryHex(toHex(b).toUpperCase())).toEqual(b);
        expect(fromHex(toHex(b))).toEqual(b);
      }),
    );
  });

  it('refuses what is not hexadecimal', () => {
    for (const text of ['0', 'zz', '0x00', ' 00', '00 ', '0g', '\u0660\u0660']) expect(tryHex(text)).toBeNull();
    expect(() => fromHex('xy')).toThrow(TypeError);
  });

  it('compares, joins and reverses as Buffer does', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compare(a, b))).toBe(Buffer.compare(a, b));
        expect(equal(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalSecret(a, b)).toBe(equal(a, b));
        expect(equalSecret(a, a.slice())).toBe(true);
        expect(Buffer.from(concat(a, b)).equals(Buffer.concat([a, b]))).toBe(true);
        expect(reversed(reversed(a))).toEqual(a);
      }),
    );
  });

  it('numbers of any width come back', () => {
    fc.assert(
      fc.property(bytes, (b) => equal(fromBigInt(toBigInt(b), b.length === 0 ? 1 : b.length), b.length === 0 ? new Uint8Array(1) : b)),
    );
  });

  it('text comes back, and bytes that are not UTF-8 are no text', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => tryText(utf8(text)) === text));
    for (const hex of ['ff', 'c080', 'eda080', 'f4908080']) expect(tryText(fromHex(hex))).toBeNull();
  });
});

describe('short channel ids', () => {
  const part = fc.record({ height: fc.nat(0xffffff), txIndex: fc.nat(0xffffff), vout: fc.nat(0xffff) });

  it('come back from their text', () => {
    fc.assert(
      fc.property(part, (p) => {
        const text = `${p.height}x${p.txIndex}x${p.vout}`;
        expect(formatScid(shortChannelId(p))).toBe(text);
        expect(parseScid(text)).toBe(shortChannelId(p));
      }),
    );
  });

  it('refuse parts that are out of range', () => {
    for (const text of ['16777216x0x0', '0x16777216x0', '0x0x65536', '1x2', '1x2x3x4', '-1x0x0', 'axbxc', ''])
      expect(parseScid(text)).toBeNull();
  });
});
