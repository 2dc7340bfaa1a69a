import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../../src/base/bytes.ts';
import * as f from '../../../../src/bolt/wire/features.ts';

const bits = fc.uniqueArray(fc.nat(300), { maxLength: 30 });
const bit = (name: f.FeatureName, odd: 0 | 1) => f.FEATURES[name].bit + odd;

describe('bitmaps', () => {
  it('come back, in the fewest bytes', () => {
    fc.assert(
      fc.property(bits, (set) => {
        const bitmap = f.encodeBits(set);
        expect(f.decodeBits(bitmap)).toEqual(set.toSorted((a, b) => a - b));
        expect(bitmap[0]).not.toBe(0);
        for (const b of set) expect(f.hasBit(bitmap, b)).toBe(true);
        expect(f.hasBit(bitmap, 301)).toBe(false);
      }),
    );
  });

  it('keep bit 0 in the last byte, and take zeros in front for nothing', () => {
    expect(toHex(f.encodeBits([0, 9]))).toBe('0201');
    expect(f.decodeBits(Uint8Array.of(0, 0, 2, 1))).toEqual([0, 9]);
    expect(f.encodeBits([])).toHaveLength(0);
  });

  it('combine by a bitwise or', () => {
    fc.assert(
      fc.property(bits, bits, (a, b) => {
        const both = [...new Set([...a, ...b])].toSorted((x, y) => x - y);
        expect(f.decodeBits(f.combineFeatures(f.encodeBits(a), f.encodeBits(b)))).toEqual(both);
      }),
    );
  });

  it('of the greatest length a message can carry cost no failure', () => {
    const all = new Uint8Array(65_000).fill(0xff);
    expect(f.combineFeatures(all, all)).toEqual(all);
    expect(f.checkFeatures(all).ok).toBe(false);
  });
});

describe('what was negotiated', () => {
  const anchors = 'option_anchors';
  const [none, odd, even] = [f.encodeBits([]), f.encodeBits([bit(anchors, 1)]), f.encodeBits([bit(anchors, 0)])];

  it.each([
    [none, none, false],
    [none, odd, false],
    [odd, none, false],
    [odd, odd, true],
    [odd, even, true],
    [even, odd, true],
    // BOLT 1: "or the local node offered it as even: it can assume the peer supports it"
    [even, none, true],
    [none, even, false],
  ])('local %o, remote %o: %s', (local, remote, expected) => {
    expect(f.negotiated({ local, remote }, anchors)).toBe(expected);
    expect(f.supports(f.negotiatedFeatures({ local, remote }), anchors)).toBe(expected);
  });

  it('counts ASSUMED features whether they are set or not', () => {
    expect(f.negotiated({ local: none, remote: none }, 'option_static_remotekey')).toBe(true);
  });

  it('tells required from offered, and takes both bits for required', () => {
    expect([f.supports(odd, anchors), f.requires(odd, anchors)]).toEqual([true, false]);
    expect([f.supports(even, anchors), f.requires(even, anchors)]).toEqual([true, true]);
    expect(f.requires(f.encodeBits([22, 23]), anchors)).toBe(true);
    expect(f.bothBitsSet(f.encodeBits([22, 23, 1, 2, 17]))).toEqual([22]);
  });
});

describe('what a peer sends', () => {
  it('may set any odd bit', () => {
    expect(f.checkFeatures(f.encodeBits([1, 7, 25, 29, 63, 101, 2023])).ok).toBe(true);
  });

  it('may not require what lnkit does not have, known to BOLT 9 or not', () => {
    expect(f.checkFeatures(f.encodeBits([12, 28, 100]))).toEqual({ ok: false, failure: { kind: 'unknown_required', bits: [28, 100] } });
    expect(f.unassignedRequired(f.encodeBits([12, 28, 100]))).toEqual([100]);
  });

  it('must set what its features need, except for the ASSUMED ones', () => {
    expect(f.checkFeatures(f.encodeBits([51]))).toEqual({
      ok: false,
      failure: { kind: 'missing_dependency', feature: 'option_zeroconf', needs: 'option_scid_alias' },
    });
    expect(f.checkFeatures(f.encodeBits([61]))).toMatchObject({ failure: { needs: 'option_shutdown_anysegwit' } });
    expect(f.checkFeatures(f.encodeBits([17])).ok).toBe(true);
    expect(f.checkFeatures(f.encodeBits([51, 46])).ok).toBe(true);
  });
});

describe('what lnkit sends', () => {
  const ordinary = f.initFeatures({ zeroconf: 'absent' });
  const trusted = f.initFeatures({ zeroconf: 'offered' });

  it('is well-formed everywhere: known to itself, complete, never both bits of a pair, in the fewest bytes', () => {
    for (const bitmap of [ordinary, trusted, f.nodeFeatures(), f.invoiceFeatures(), f.channelFeatures()]) {
      expect(f.checkFeatures(bitmap).ok).toBe(true);
      expect(f.bothBitsSet(bitmap)).toEqual([]);
      expect(bitmap[0]).not.toBe(0);
    }
  });

  it('sets in init the ASSUMED bits as required and the rest as offered', () => {
    expect(f.decodeBits(ordinary)).toEqual([0, 5, 7, 8, 11, 12, 14, 17, 19, 23, 27, 44, 47, 61]);
  });

  it('offers zero-conf to trusted peers only', () => {
    expect(f.supports(ordinary, 'option_zeroconf')).toBe(false);
    expect(f.decodeBits(trusted).filter((b) => !f.hasBit(ordinary, b))).toEqual([51]);
    expect(f.supports(f.nodeFeatures(), 'option_zeroconf')).toBe(false);
  });

  it('sets in each place only what belongs there', () => {
    expect(f.decodeBits(f.invoiceFeatures())).toEqual([8, 14, 17]);
    expect(f.channelFeatures()).toHaveLength(0);
    // bLIP 3, which BOLT 9 does not know: only payers who look the node up need it.
    expect([f.nodeFeatures(), ordinary].map((bitmap) => f.hasBit(bitmap, f.KEYSEND_BIT + 1))).toEqual([true, false]);
    const places = [
      ['N', f.nodeFeatures()],
      ['I', ordinary],
      ['9', f.invoiceFeatures()],
    ] as const;
    for (const [context, bitmap] of places)
      for (const b of f.decodeBits(bitmap).filter((bit) => bit !== f.KEYSEND_BIT + 1))
        expect(f.FEATURES[f.featureOfBit(b)!].contexts as readonly string[]).toContain(context);
  });
});

describe('channel types', () => {
  it('are the even bits in the smallest bitmap', () => {
    expect(toHex(f.channelType('option_static_remotekey'))).toBe('1000');
    expect(toHex(f.channelType('option_static_remotekey', 'option_anchors'))).toBe('401000');
    const all = f.channelType('option_static_remotekey', 'option_anchors', 'option_scid_alias', 'option_zeroconf');
    expect(f.decodeBits(all)).toEqual([12, 22, 46, 50]);
    expect(f.decodeChannelType(all)).toEqual(['option_static_remotekey', 'option_anchors', 'option_scid_alias', 'option_zeroconf']);
  });

  it.each([
    ['nothing', []],
    ['anchors alone', [22]],
    ['an odd bit', [12, 23]],
    ['a feature that is no type', [12, 26]],
    ['an unknown bit', [12, 180]],
  ])('refuse %s', (_, set) => {
    expect(f.decodeChannelType(f.encodeBits(set))).toBeNull();
  });

  it('refuse a bitmap that is not the smallest', () => {
    expect(f.decodeChannelType(Uint8Array.of(0, 0x10, 0))).toBeNull();
  });
});
