import { expect, test } from 'vitest';
import { SEEDS_OF_A_TEST } from './campaign.ts';
import type { Planted } from './node.ts';
import { SeedFailed, simulate } from './simulate.ts';

/** The seeds of `npm test`. */
const SEEDS = 2 * SEEDS_OF_A_TEST;

/** The first seed that finds the bug, and what it says. */
function firstToFind(planted: Planted): SeedFailed | null {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      simulate(seed, { planted, interpreted: false });
    } catch (error) {
      if (error instanceof SeedFailed) return error;
      throw error;
    }
  }
  return null;
}

const bugs: readonly { readonly planted: Planted; readonly bug: string; readonly finding: RegExp }[] = [
  {
    planted: 'sent_before_commit',
    bug: 'a message sent before the commit',
    finding: /no settled invoice in its store|state is outdated|again/,
  },
  {
    planted: 'htlc_lost_over_restart',
    bug: 'an HTLC lost over a restart',
    finding: /memory is not what is stored|bad_signature|HTLC|differ|in_flight/,
  },
  { planted: 'settled_twice', bug: 'a double settle', finding: /took \d+ msat for an invoice|no settled invoice/ },
];

for (const { planted, bug, finding } of bugs)
  test(`${bug} is found, and the failure says how to replay it`, { timeout: 300_000 }, () => {
    const found = firstToFind(planted);
    expect(found?.message).toMatch(finding);
    expect(found?.message).toContain(`SIM_SEED=${found?.seed} npx vitest run --project unit test/sim`);
  });
