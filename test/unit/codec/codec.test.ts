import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../../src/base/bytes.ts';
import * as c from '../../../src/codec/codec.ts';
import { CodecError, Reader } from '../../../src/codec/reader.ts';
import { rawTlvStream, tlvStream } from '../../../src/codec/tlv.ts';
import { Writer } from '../../../src/codec/writer.ts';

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const bytes = fc.uint8Array({ maxLength: 60 });

const pair = c.struct({ small: c.u8, many: c.list(c.u16, c.u64) });
const shape = c.union('kind', {
  circle: [1, c.struct({ radius: c.u32 })],
  box: [7, c.struct({ width: c.u16, height: c.u16 })],
});
const stream = tlvStream({ amount: [1n, c.tu64], name: [4n, c.restBytes], flag: [300n, c.constant(true)] });

/** Each combinator with what it may hold. */
// biome-ignore lint/suspicious/noExplicitAny: one table for codecs of all types
const COMBINATORS: readonly (readonly [string, c.Codec<any>, fc.Arbitrary<unknown>])[] = [
  ['u8', c.u8, fc.nat(0xff)],
  ['u16', c.u16, fc.nat(0xffff)],
  ['u32', c.u32, fc.nat(0xffffffff)],
  ['u64', c.u64, u64],
  ['tu16', c.tu16, fc.nat(0xffff)],
  ['tu32', c.tu32, fc.nat(0xffffffff)],
  ['tu64', c.tu64, u64],
  ['bigsize', c.bigsize, u64],
  ['bigsizeNumber', c.bigsizeNumber, fc.nat(0xffffffff)],
  ['bytes', c.bytes(20), fc.uint8Array({ minLength: 20, maxLength: 20 })],
  ['restBytes', c.restBytes, bytes],
  ['varBytes', c.varBytes(c.u16), bytes],
  ['varBytes of bigsize', c.varBytes(c.bigsizeNumber), fc.uint8Array({ maxLength: 400 })],
  ['constant', c.constant('x'), fc.constant('x')],
  [
    'map',
    c.map(
      c.u16,
      (v) => v * 2,
      (v) => v / 2,
    ),
    fc.nat(0xffff).map((v) => v * 2),
  ],
  ['list', c.list(c.u8, c.u32), fc.array(fc.nat(0xffffffff), { maxLength: 20 })],
  ['restList', c.restList(c.varBytes(c.u8)), fc.array(bytes, { maxLength: 8 })],
  ['nullable', c.nullable(c.u64), fc.option(u64, { nil: null })],
  ['bool', c.bool, fc.boolean()],
  ['struct', pair, fc.record({ small: fc.nat(0xff), many: fc.array(u64, { maxLength: 9 }) })],
  [
    'union',
    shape,
    fc.oneof(
      fc.record({ kind: fc.constant('circle'), radius: fc.nat(0xffffffff) }),
      fc.record({ kind: fc.constant('box'), width: fc.nat(0xffff), height: fc.nat(0xffff) }),
    ),
  ],
  [
    'tlvStream',
    stream,
    fc.record({ amount: u64, name: bytes, flag: fc.constant(true) }, { requiredKeys: [] }).map((record) => ({ ...record })),
  ],
  [
    'rawTlvStream',
    rawTlvStream,
    fc
      .uniqueArray(fc.record({ type: u64, value: bytes }), { selector: (record) => record.type, maxLength: 6 })
      .map((records) => records.toSorted((a, b) => (a.type < b.type ? -1 : 1))),
  ],
];

describe.each(COMBINATORS)('%s', (_, codec, arbitrary) => {
  it('reads what it wrote', () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        expect(c.decodeWith(codec, c.encodeWith(codec, value))).toEqual({ ok: true, value });
      }),
    );
  });

  it('accepts only bytes that it would write, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          arbitrary.map((value) => mangled(c.encodeWith(codec, value))),
        ),
        (input) => {
          const decoded = c.decodeWith(codec, input);
          if (decoded.ok) expect(c.encodeWith(codec, decoded.value)).toEqual(input);
          else expect(decoded.failure.kind).toBe('malformed');
        },
      ),
    );
  });

  it('gives bytes of its own, which later changes of the input do not reach', () => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const input = c.encodeWith(codec, value);
        const decoded = c.decodeWith(codec, input);
        input.fill(0xaa);
        expect(decoded).toEqual({ ok: true, value });
      }),
    );
  });
});

/** Cut by one, and the first bit flipped. */
function mangled(input: Bytes): Bytes {
  const out = input.slice(0, Math.max(0, input.length - 1));
  if (out.length > 0) out[0] = (out[0] as number) ^ 1;
  return out;
}

describe('codecs', () => {
  it('refuse to write what does not fit', () => {
    const tooMuch: readonly (readonly [c.Codec<never>, unknown])[] = [
      [c.u8, 256],
      [c.u8, -1],
      [c.u16, 1.5],
      [c.u32, 2 ** 32],
      [c.tu16, 65536],
      [c.tu64, 2n ** 64n],
      [c.tu64, -1n],
      [c.bytes(3), new Uint8Array(2)],
      [c.varBytes(c.u8), new Uint8Array(256)],
      [c.list(c.u8, c.u8), Array.from({ length: 256 }, () => 0)],
    ] as never;
    for (const [codec, value] of tooMuch) expect(() => c.encodeWith(codec, value as never)).toThrow(RangeError);
  });

  it('name the place of what is malformed', () => {
    const nested = c.struct({ outer: c.struct({ items: c.list(c.u8, c.u16) }) });
    expect(c.decodeWith(nested, Uint8Array.of(2, 0, 1, 0))).toMatchObject({ ok: false, failure: { path: 'outer.items.1' } });
    expect(c.decodeWith(stream, Uint8Array.of(1, 2, 0, 1))).toMatchObject({
      ok: false,
      failure: { path: 'amount', message: 'not minimal' },
    });
  });

  it('find a lying count before memory is spent on it', () => {
    const decoded = c.decodeWith(c.list(c.u32, c.u8), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1));
    expect(decoded).toMatchObject({ ok: false, failure: { message: '4294967295 items in 1 bytes' } });
  });

  it('refuse flags other than 0 and 1, and unknown members', () => {
    expect(c.decodeWith(c.bool, Uint8Array.of(2)).ok).toBe(false);
    expect(c.decodeWith(c.nullable(c.u8), Uint8Array.of(2, 1)).ok).toBe(false);
    expect(c.decodeWith(shape, Uint8Array.of(2, 0, 0, 0, 1))).toMatchObject({ failure: { message: 'no member 2' } });
  });

  it('let every error through that is not about the bytes', () => {
    const broken = c.map(
      c.u8,
      () => {
        throw new TypeError('a bug');
      },
      () => 0,
    );
    expect(() => c.decodeWith(broken, Uint8Array.of(1))).toThrow(TypeError);
  });

  it('write TLV records in order of type, unknown ones among them', () => {
    const value = { flag: true as const, amount: 1n, unknown: [{ type: 3n, value: Uint8Array.of(9) }] };
    const written = c.encodeWith(stream, value);
    expect([...written]).toEqual([1, 1, 1, 3, 1, 9, 0xfd, 0x01, 0x2c, 0]);
    expect(c.decodeWith(stream, written)).toEqual({ ok: true, value });
  });
});

describe('Reader and Writer', () => {
  it('agree with DataView on every integer, big- and little-endian', () => {
    fc.assert(
      fc.property(fc.nat(0xff), fc.nat(0xffff), fc.nat(0xffffffff), u64, (a, b, d, e) => {
        const out = new Writer(1)
          .u8(a)
          .u16(b)
          .u32(d)
          .u64(e)
          .u16le(b)
          .u32le(d)
          .i32le(d | 0)
          .u64le(e)
          .done();
        const view = new DataView(out.buffer);
        expect(view.getUint16(1)).toBe(b);
        expect(view.getUint32(3)).toBe(d);
        expect(view.getBigUint64(7)).toBe(e);
        expect(view.getUint16(15, true)).toBe(b);
        const from = new Reader(out);
        const read = [from.u8(), from.u16(), from.u32(), from.u64(), from.u16le(), from.u32le(), from.i32le(), from.u64le()];
        expect(read).toEqual([a, b, d, e, b, d, d | 0, e]);
        expect(from.left).toBe(0);
        expect(() => from.u8()).toThrow(CodecError);
      }),
    );
  });

  it('read within the bounds they were given, on a view into a larger buffer', () => {
    const inner = Uint8Array.of(9, 9, 1, 2, 3, 9).subarray(2, 5);
    const from = new Reader(inner, 1, 2);
    expect(from.u8()).toBe(2);
    expect(() => from.take(1)).toThrow(CodecError);
    expect(new Reader(inner).u16()).toBe(0x0102);
  });
});
