import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare } from '../../../../src/base/bytes.ts';
import type { ShortChannelId } from '../../../../src/base/ids.ts';
import { HALF_LIFE_SECONDS, Knowledge } from '../../../../src/bolt/route/knowledge.ts';
import { idOf } from './networks.ts';

const [a, b, c] = [idOf(1), idOf(2), idOf(3)];
const path = (amountMsat: bigint) => [
  { scid: 10n as ShortChannelId, nodeId: b, amountMsat },
  { scid: 11n as ShortChannelId, nodeId: c, amountMsat },
];
const CAPACITY = 1_000_000;
const directionOf = (from: typeof a, to: typeof a): 0 | 1 => (compare(from, to) < 0 ? 0 : 1);
const first = (known: Knowledge, now: number) => known.bounds(10n, directionOf(a, b), CAPACITY, now);
const second = (known: Knowledge, now: number) => known.bounds(11n, directionOf(b, c), CAPACITY, now);

describe('knowledge of balances', () => {
  it('learns from a failure what the hops before carried and what the failed one cannot', () => {
    const known = new Knowledge();
    known.learn(a, path(400_000n), { kind: 'failed', hop: 1 }, 100);
    expect(first(known, 100)).toEqual({ lowMsat: 400_000, failsFromMsat: Number.POSITIVE_INFINITY });
    expect(second(known, 100)).toEqual({ lowMsat: 0, failsFromMsat: 400_000 });
  });

  it('forgets half of what it learned in a half-life, and everything in the end', () => {
    const known = new Knowledge();
    known.learn(a, path(400_000n), { kind: 'failed', hop: 1 }, 0);
    expect(first(known, HALF_LIFE_SECONDS)?.lowMsat).toBe(200_000);
    expect(second(known, HALF_LIFE_SECONDS)?.failsFromMsat).toBe(Math.floor(CAPACITY + 1 - (CAPACITY + 1 - 400_000) / 2));
    const late = 12 * HALF_LIFE_SECONDS;
    expect([first(known, late), second(known, late)]).toEqual([null, null]);
    expect(known.forget(late)).toHaveLength(2);
    expect(known.size).toBe(0);
  });

  it('moves the balances of a settled payment from one side to the other', () => {
    const known = new Knowledge();
    known.learn(a, path(300_000n), { kind: 'carried' }, 0);
    known.learn(a, path(100_000n), { kind: 'settled' }, 0);
    expect(first(known, 0)?.lowMsat).toBe(200_000);
    expect(known.bounds(10n, directionOf(b, a), CAPACITY, 0)?.lowMsat).toBe(100_000);
  });

  it('believes the newer of two contradicting lessons', () => {
    const known = new Knowledge();
    known.learn(a, path(400_000n), { kind: 'failed', hop: 0 }, 0);
    known.learn(a, path(500_000n), { kind: 'carried' }, 10);
    expect(first(known, 10)).toEqual({ lowMsat: 500_000, failsFromMsat: Number.POSITIVE_INFINITY });
    known.learn(a, path(200_000n), { kind: 'failed', hop: 0 }, 20);
    expect(first(known, 20)).toEqual({ lowMsat: 199_999, failsFromMsat: 200_000 });
  });

  it('does not believe an old failure again because a larger amount failed now', () => {
    const known = new Knowledge();
    known.learn(a, path(100_000n), { kind: 'failed', hop: 0 }, 0);
    known.learn(a, path(900_000n), { kind: 'failed', hop: 0 }, HALF_LIFE_SECONDS);
    expect(first(known, HALF_LIFE_SECONDS)?.failsFromMsat).toBe(500_000);
    known.learn(a, path(900_000n), { kind: 'failed', hop: 0 }, 20 * HALF_LIFE_SECONDS);
    expect(first(known, 20 * HALF_LIFE_SECONDS)?.failsFromMsat).toBe(900_000);
  });

  it('always leaves low below high, within the capacity', () => {
    const lesson = fc.record({
      amount: fc.bigInt({ min: 1n, max: 2_000_000n }),
      outcome: fc.constantFrom({ kind: 'settled' as const }, { kind: 'carried' as const }, { kind: 'failed' as const, hop: 0 }),
      pause: fc.integer({ min: 0, max: 5000 }),
    });
    fc.assert(
      fc.property(fc.array(lesson, { maxLength: 30 }), (lessons) => {
        const known = new Knowledge();
        let now = 0;
        for (const { amount, outcome, pause } of lessons) {
          now += pause;
          known.learn(a, path(amount), outcome, now);
          const bounds = first(known, now);
          if (bounds === null) continue;
          expect(bounds.lowMsat).toBeLessThan(bounds.failsFromMsat);
          expect(bounds.lowMsat).toBeGreaterThanOrEqual(0);
          expect(bounds.lowMsat).toBeLessThanOrEqual(CAPACITY);
        }
      }),
    );
  });

  it('is the same after it was stored', () => {
    const known = new Knowledge();
    known.learn(a, path(400_000n), { kind: 'failed', hop: 1 }, 100);
    const copy = new Knowledge();
    for (const edge of known.entries()) copy.restore(edge);
    expect([...copy.entries()]).toEqual([...known.entries()]);
  });
});
