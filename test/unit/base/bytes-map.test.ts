import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, fromHex, toHex } from '../../../src/base/bytes.ts';
import { type BytesMap, bytesMap } from '../../../src/base/bytes-map.ts';

/** Pairs of keys whose 32-bit hashes are equal: they share a bucket at the bottom. */
const COLLIDING = [
  ['ccac0094cb', 'e811015819'],
  ['051b0023e8', '7217011e19'],
  ['a24d006e27', '1508029322'],
].flat();

const key = fc.oneof(
  fc.constantFrom(...COLLIDING).map(fromHex),
  fc.uint8Array({ maxLength: 2 }),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
);
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('set' as const), key, value: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key, value: fc.constant(0) }) },
);

const sorted = (entries: Iterable<readonly [string, number]>) => [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
const entriesOf = (map: BytesMap<Bytes, number>) => sorted([...map.entries()].map(([k, v]) => [toHex(k), v] as const));

describe('BytesMap', () => {
  it('is a Map by the bytes of its keys, whatever is set and deleted', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const model = new Map<string, number>();
        let map = bytesMap<Bytes, number>();
        for (const { kind, key, value } of operations) {
          map = kind === 'set' ? map.set(key, value) : map.delete(key);
          if (kind === 'set') model.set(toHex(key), value);
          else model.delete(toHex(key));
          expect(map.size).toBe(model.size);
          expect(map.get(key)).toBe(model.get(toHex(key)));
          expect(map.has(key)).toBe(model.has(toHex(key)));
        }
        expect(entriesOf(map)).toEqual(sorted(model));
        expect([...map.keys()].map(toHex)).toEqual([...map.entries()].map(([k]) => toHex(k)));
        expect([...map.values()]).toEqual([...map.entries()].map(([, v]) => v));
      }),
    );
  });

  it('leaves every earlier version as it was', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        let map = bytesMap<Bytes, number>();
        const versions = operations.map(({ kind, key, value }) => {
          map = kind === 'set' ? map.set(key, value) : map.delete(key);
          return { map, entries: entriesOf(map), size: map.size };
        });
        for (const { map: version, entries, size } of versions) {
          expect(entriesOf(version)).toEqual(entries);
          expect(version.size).toBe(size);
        }
      }),
    );
  });

  it('keeps keys apart whose hashes collide', () => {
    for (const [a, b] of [COLLIDING.slice(0, 2), COLLIDING.slice(2, 4), COLLIDING.slice(4)]) {
      const [x, y] = [fromHex(a!), fromHex(b!)];
      const both = bytesMap([[x, 1] as const, [y, 2] as const]);
      expect([both.get(x), both.get(y), both.size]).toEqual([1, 2, 2]);
      const one = both.delete(x);
      expect([one.get(x), one.get(y), one.size]).toEqual([undefined, 2, 1]);
      expect(one.delete(y).size).toBe(0);
    }
  });

  it('returns itself where there was nothing to delete', () => {
    const map = bytesMap([[Uint8Array.of(1), 1] as const]);
    expect(map.delete(Uint8Array.of(2))).toBe(map);
  });

  it('holds ten thousand hashes', () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => Uint8Array.of(i & 255, i >> 8, (i * 31) & 255, 7));
    let map = bytesMap(keys.map((k, i) => [k, i] as const));
    expect(map.size).toBe(10_000);
    for (const [i, k] of keys.entries()) expect(map.get(k)).toBe(i);
    for (const k of keys) map = map.delete(k);
    expect([map.size, [...map.keys()].length]).toEqual([0, 0]);
  });
});
