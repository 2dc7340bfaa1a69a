import { expect, test } from 'vitest';
import { campaign, neverMet, PATIENCE_MS, SEEDS_OF_A_TEST, tell, wanted } from './campaign.ts';

const { seed, options } = wanted();
const [first, last] = [SEEDS_OF_A_TEST + 1, 2 * SEEDS_OF_A_TEST];
const claim =
  seed === null
    ? `seeds ${first} to ${last} hold every rule and resolve, and meet every crash point and every phase`
    : `seed ${seed}, once more`;

/** A replay is the whole of the run: this half then has nothing of its own to do and runs the same seed. */
const [from, to] = seed === null ? [first, last] : [seed, seed];

test(claim, { timeout: PATIENCE_MS }, () => {
  const result = campaign(from, to, options);
  if (seed !== null) return;
  process.stdout.write(`simulation: ${tell(result)}\n`);
  expect(neverMet(result)).toEqual([]);
});
