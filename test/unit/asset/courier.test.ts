import { expect, test } from 'vitest';
import { type Courier, type LeafLocator, type UniverseLeaf, universeLeaves, walkBack } from '../../../src/asset/courier.ts';
import { type Bytes, equal } from '../../../src/base/bytes.ts';
import type { Result } from '../../../src/base/result.ts';
import { fileOf, mint, newWorld, send, transfer } from './asset-life.ts';

function valid<T>(result: Result<T, { readonly message: string }>): T {
  if (!result.ok) throw new Error(result.failure.message);
  return result.value;
}

/** A universe that takes a transfer only after what it spends, and gives back what it has. */
function universe(): Courier<string, Bytes | null> {
  const leaves: UniverseLeaf[] = [];
  const at = ({ outPoint, scriptKey }: LeafLocator) =>
    leaves.find(
      (leaf) => equal(leaf.outPoint.txid, outPoint.txid) && leaf.outPoint.vout === outPoint.vout && equal(leaf.scriptKey, scriptKey),
    );
  return {
    deliver(given) {
      for (const leaf of given) {
        const step = valid(walkBack([leaf.proof]));
        if (step.kind === 'step' && at(step.locator) === undefined) return 'a transition without the one before it';
        leaves.push(leaf);
      }
      return 'done';
    },
    find: (locator) => at(locator)?.proof ?? null,
  };
}

/** The file as a receiver puts it together, who knows only where the asset is now. */
function fetchFile(courier: Courier<string, Bytes | null>, newest: LeafLocator): Bytes | null {
  const fetched: Bytes[] = [];
  for (let locator = newest; ; ) {
    const found = courier.find(locator, 'transfer');
    if (found === null) return null;
    fetched.push(found);
    const step = valid(walkBack(fetched));
    if (step.kind === 'file') return step.file;
    locator = step.locator;
  }
}

test('a file that was delivered leaf by leaf is put together again from its last output, over splits and merges', () => {
  const world = newWorld();
  const { sent, change } = send(world, transfer(world, mint(world, { amount: 10n, group: { rawKey: new Uint8Array(32).fill(3) } })), 4n);
  const merged = transfer(world, change, sent);
  for (const owned of [sent, change, merged]) {
    const courier = universe();
    const leaves = valid(universeLeaves(owned.proofs));
    expect(leaves.map(({ kind }) => kind)).toEqual(['issuance', ...leaves.slice(1).map(() => 'transfer')]);
    expect(courier.deliver(leaves)).toBe('done');
    expect(fetchFile(courier, leaves.at(-1) as UniverseLeaf)).toEqual(fileOf(owned));
    expect(leaves.at(-1)?.groupKey).toEqual(owned.asset.groupKey);
  }
});

test('without one of its transitions no file comes together, and out of order none is taken', () => {
  const world = newWorld();
  const owned = transfer(world, transfer(world, mint(world)));
  const leaves = valid(universeLeaves(owned.proofs));
  const courier = universe();
  expect(courier.deliver(leaves.slice(1))).toBe('a transition without the one before it');
  expect(courier.deliver(leaves.slice(0, 1))).toBe('done');
  expect(fetchFile(courier, leaves.at(-1) as UniverseLeaf)).toBeNull();
  expect(universeLeaves([new Uint8Array(50)]).ok).toBe(false);
  expect(walkBack([]).ok).toBe(false);
});
