import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type UnixTime, unixTime } from '../../../src/base/units.ts';
import { freshIndex, handedOut, keysOfRestoredWords, LOST_KEYS, NO_HISTORY, withEarlierLife } from '../../../src/node/asset/key-range.ts';

const NOW = unixTime(1_760_000_000);
const later = (seconds: number): UnixTime => unixTime(NOW + seconds);
const life = (nextKeyIndex: number) => ({ nextKeyIndex, keyHistory: NO_HISTORY });

test('after a restore keys go on where no earlier life has been, and the keys of the backup are still looked for', () => {
  const restored = withEarlierLife(keysOfRestoredWords(NOW), life(40), later(60));
  expect(restored.nextKeyIndex).toBeGreaterThan(100_000);
  const found = new Set(handedOut({ ...restored, nextKeyIndex: restored.nextKeyIndex + 2 }));
  for (const index of [0, 39, 40 + LOST_KEYS - 1, restored.nextKeyIndex, restored.nextKeyIndex + 1]) expect(found.has(index)).toBe(true);
  expect(found.size).toBeLessThan(3 * LOST_KEYS);
});

test('the same backup restored once more changes nothing, whatever was handed out since', () => {
  const once = withEarlierLife(keysOfRestoredWords(NOW), life(40), NOW);
  const used = { ...once, nextKeyIndex: once.nextKeyIndex + 17 };
  expect(withEarlierLife(used, life(40), later(86_400))).toBe(used);
});

test('no life hands out a key of another, however often an old backup is restored', () => {
  const minutes = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 5_000 }), used: fc.integer({ min: 0, max: 60 }) }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 50_000 }), minutes, (backedUp, lives) => {
      const ranges: { from: number; to: number }[] = [{ from: 0, to: backedUp + 5_000 }];
      let now: number = NOW;
      for (const { gap, used } of lives) {
        now += 60 * gap;
        const keys = withEarlierLife(keysOfRestoredWords(unixTime(now)), life(backedUp), unixTime(now));
        const range = { from: keys.nextKeyIndex, to: keys.nextKeyIndex + used * gap };
        // Its life lasts for as long again, at less than the pace that is allowed for.
        now += 60 * gap;
        for (const other of ranges) expect(range.to <= other.from || range.from >= other.to || range.to === range.from).toBe(true);
        ranges.push(range);
      }
    }),
  );
});

test('the last index there is stays the last', () => {
  expect(freshIndex(unixTime(4_200_000_000), 0)).toBe(2 ** 31 - 1);
});
