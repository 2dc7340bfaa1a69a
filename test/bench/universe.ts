import type { UniverseLeaf } from '../../src/asset/courier.ts';
import { syncFrom } from '../../src/io/universe/sync.ts';
import { mint, newWorld, type Owned, transfer, type World } from '../unit/asset/asset-life.ts';
import { cleanUp, leavesOf, newUniverse } from '../unit/io/universe/kit.ts';
import { type Bench, inTurns, median } from './harness.ts';

const CHAINS = 8;
const LENGTH = 50;
const BATCH = 64;

/** Transitions verified and stored in a universe on disk: each in a transaction of its own, in batches, and from another universe by a sync. */
export const bench: Bench = {
  summary: 'transitions a second verified and stored in a universe: inserted, in batches, and synced',
  async run({ report, runs }) {
    const rounds = runs(3);
    const world = newWorld();
    const leaves = leavesOf(...Array.from({ length: CHAINS }, () => chain(world)));
    const full = newUniverse(world);
    await inBatches(full, leaves);
    const perSecond = async (run: () => Promise<unknown>): Promise<number> => {
      const begun = performance.now();
      await run();
      return (leaves.length * 1000) / (performance.now() - begun);
    };
    const samples = await inTurns(rounds, {
      single: () =>
        perSecond(async () => {
          const universe = newUniverse(world);
          for (const leaf of leaves) must((await universe.insert(leaf)).ok);
        }),
      batch: () => perSecond(() => inBatches(newUniverse(world), leaves)),
      sync: () =>
        perSecond(async () => {
          const report = await syncFrom(full, newUniverse(world), { ids: null, signal: new AbortController().signal });
          must(report.failure === null && report.universes.every(({ refused }) => refused.length === 0));
        }),
    });
    for (const mode of ['single', 'batch', 'sync'] as const)
      report({ metric: 'leaves_per_s', value: median(samples[mode]), unit: '1/s', n: rounds, mode, leaves: leaves.length });
    cleanUp();
  },
};

function chain(world: World): Owned {
  let owned = mint(world);
  for (let i = 1; i < LENGTH; i++) owned = transfer(world, owned);
  return owned;
}

async function inBatches(universe: ReturnType<typeof newUniverse>, leaves: readonly UniverseLeaf[]): Promise<void> {
  for (let i = 0; i < leaves.length; i += BATCH) must((await universe.insertMany(leaves.slice(i, i + BATCH))).every((result) => result.ok));
}

function must(holds: boolean): void {
  if (!holds) throw new Error('a leaf was refused');
}
