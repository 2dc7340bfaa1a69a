// Mutated messages of every kind. FUZZ_SEED=<number> replays a run, FUZZ_RUNS=<number> sets the mutations of each kind.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, equal, toHex } from '../../src/base/bytes.ts';
import { decodeAddresses } from '../../src/bolt/wire/address.ts';
import { decodeFailure, encodeFailure, FAILURES, type FailureName, type OnionFailure } from '../../src/bolt/wire/failure.ts';
import { checkFeatures, combineFeatures, decodeChannelType } from '../../src/bolt/wire/features.ts';
import { decodeMessage, encodeMessage, MESSAGES, type Message } from '../../src/bolt/wire/message.ts';
import type { WireFields } from '../../src/bolt/wire/types.ts';
import { messageArbitrary, shapeArbitrary, xorshift } from '../arbitrary/message.ts';
import { mutate, noise } from '../arbitrary/mutate.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 0x7fffffff);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 100_000);
/** Valid messages that the mutations start from. */
const STARTS = 60;

describe(`${RUNS} mutations of each message (FUZZ_SEED=${SEED})`, () => {
  it.each(MESSAGES.map((definition) => definition.name))('%s is refused or read as what it would write, and never throws', (name) => {
    const random = xorshift(SEED);
    const starts = fc.sample(messageArbitrary(name), { numRuns: STARTS, seed: SEED }).map((message) => encodeMessage(message as Message));
    const count = { refused: 0, read: 0, unknown: 0 };
    for (let run = 0; run < RUNS; run++) {
      const bytes = mutate(starts[random() % STARTS] as Bytes, random);
      count[tryMessage(bytes)]++;
    }
    // Of each kind some: else the mutations would be too coarse, or too fine, to find anything.
    if (RUNS >= 1000) expect(Math.min(...Object.values(count)), JSON.stringify(count)).toBeGreaterThan(0);
  });

  it('noise of any length is refused or read as what it would write', () => {
    const random = xorshift(SEED);
    for (let run = 0; run < RUNS; run++) tryMessage(noise(random() % 300, random));
  });
});

describe(`${RUNS} mutations of each failure (FUZZ_SEED=${SEED})`, () => {
  it.each(Object.keys(FAILURES) as FailureName[])('%s never throws and is written back as it was', (name) => {
    const random = xorshift(SEED);
    const fields = Object.entries(FAILURES[name][1] as WireFields).map(([field, codec]) => [field, shapeArbitrary(codec.shape)] as const);
    const arbitrary = fc.record(Object.fromEntries(fields)).map((values) => ({ name, ...values }) as OnionFailure);
    const starts = fc.sample(arbitrary, { numRuns: STARTS, seed: SEED }).map(encodeFailure);
    for (let run = 0; run < RUNS; run++) {
      const bytes = mutate(starts[random() % STARTS] as Bytes, random);
      const decoded = decodeFailure(bytes);
      if (decoded.ok ? !equal(encodeFailure(decoded.value), bytes) : bytes.length >= 2) throw new Error(`failure ${toHex(bytes)}`);
    }
  });
});

describe(`${RUNS} bitmaps and address lists of noise (FUZZ_SEED=${SEED})`, () => {
  it('are judged without a throw', () => {
    const random = xorshift(SEED);
    for (let run = 0; run < RUNS; run++) {
      const bytes = noise(random() % 40, random);
      checkFeatures(combineFeatures(bytes, noise(random() % 40, random)));
      decodeChannelType(bytes);
      decodeAddresses(bytes);
    }
  });
});

function tryMessage(bytes: Bytes): 'refused' | 'read' | 'unknown' {
  try {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return 'refused';
    if (decoded.value.name === 'unknown') return 'unknown';
    if (!equal(encodeMessage(decoded.value), bytes)) throw new Error('written back otherwise');
    return 'read';
  } catch (error) {
    throw new Error(`message ${toHex(bytes)} (FUZZ_SEED=${SEED})`, { cause: error });
  }
}
