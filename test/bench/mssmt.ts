import { type Entry, emptyTree, insert, insertMany, type Tree } from '../../src/asset/mssmt/tree.ts';
import { fromBigInt } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { type Bench, inTurns, median, timed } from './harness.ts';

const LEAVES = 100_000;
const MORE = 5_000;

/** Leaves into a merkle-sum sparse merkle tree of 100,000: one at a time, each with its own root, and all at once. */
export const bench: Bench = {
  summary: 'inserts a second into a tree of 100,000 leaves, one core',
  async run({ report, note, runs }) {
    const rounds = runs(5);
    let base = emptyTree();
    const building = timed(() => {
      base = grown(emptyTree(), entries(0, LEAVES));
    });
    note(`${LEAVES} leaves in one batch at ${Math.round((LEAVES * 1000) / building)} a second`);
    const fresh = entries(LEAVES, MORE);
    const perSecond = (run: () => void): number => (MORE * 1000) / timed(run);
    const samples = await inTurns(rounds, {
      single: () =>
        perSecond(() => {
          let tree = base;
          for (const [key, leaf] of fresh) tree = must(insert(tree, key, leaf));
        }),
      batch: () => perSecond(() => void grown(base, fresh)),
    });
    report({ metric: 'inserts_per_s', value: median(samples.single), unit: '1/s', n: rounds, mode: 'single', leaves: LEAVES });
    report({ metric: 'inserts_per_s', value: median(samples.batch), unit: '1/s', n: rounds, mode: 'batch', leaves: LEAVES });
  },
};

const entries = (from: number, count: number): readonly Entry[] =>
  Array.from({ length: count }, (_, i) => {
    const key = sha256(fromBigInt(BigInt(from + i), 8));
    return [key, { value: key, sum: BigInt(i) }];
  });

const grown = (tree: Tree, list: readonly Entry[]): Tree => must(insertMany(tree, list));

function must(result: ReturnType<typeof insertMany>): Tree {
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}
