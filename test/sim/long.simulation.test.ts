import { expect, test } from 'vitest';
import { campaign, neverMet, tell, wanted } from './campaign.ts';

const seeds = Number(process.env['SIM_SEEDS'] ?? 3_000);
const first = Number(process.env['SIM_FIRST'] ?? 1_000_000);
const { seed, options } = wanted();

if (seed === null)
  test(`${seeds} longer seeds from ${first} hold every rule and resolve`, () => {
    const result = campaign(first, first + seeds - 1, { ...options, longer: 4 });
    process.stdout.write(`simulation: ${tell(result)}\n`);
    if (seeds >= 300) expect(neverMet(result)).toEqual([]);
  });
else
  test(`seed ${seed} holds every rule and resolves`, () => {
    campaign(seed, seed, { ...options, longer: 4 });
  });
