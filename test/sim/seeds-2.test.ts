import { expect, test } from 'vitest';
import { campaign, neverMet, PATIENCE_MS, SEEDS_OF_A_TEST, tell, wanted } from './campaign.ts';

const { seed, options } = wanted();
const [first, last] = [SEEDS_OF_A_TEST + 1, 2 * SEEDS_OF_A_TEST];
const claim = `seeds ${first} to ${last} hold every rule and resolve, and meet every crash point and every phase`;

test.skipIf(seed !== null)(claim, { timeout: PATIENCE_MS }, () => {
  const result = campaign(first, last, options);
  process.stdout.write(`simulation: ${tell(result)}\n`);
  expect(neverMet(result)).toEqual([]);
});
