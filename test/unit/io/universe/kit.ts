import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type UniverseLeaf, universeLeaves } from '../../../../src/asset/courier.ts';
import type { BlockHash } from '../../../../src/base/ids.ts';
import { ok } from '../../../../src/base/result.ts';
import { blockHash } from '../../../../src/bitcoin/block.ts';
import type { ChainSource } from '../../../../src/io/chain/source.ts';
import { UniverseDatabase } from '../../../../src/io/universe/database.ts';
import { LocalUniverse, type LocalUniverseOptions } from '../../../../src/io/universe/local.ts';
import { type Owned, valid, type World } from '../../asset/asset-life.ts';

/** The chain of a world, as far as proofs ask for it. */
export const chainOf = (world: World): ChainSource =>
  ({
    blockHash: async (height: number) => {
      const header = world.headers.get(height);
      return ok(header === undefined ? null : blockHash(header));
    },
    header: async (hash: BlockHash) =>
      ok([...world.headers.values()].find((each) => blockHash(each).every((b, i) => b === hash[i])) ?? null),
  }) as unknown as ChainSource;

const directories: string[] = [];

export function newPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lnkit-universe-'));
  directories.push(directory);
  return join(directory, 'universe.db');
}

export function cleanUp(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

export function newUniverse(world: World, options: Partial<LocalUniverseOptions> & { readonly path?: string } = {}): LocalUniverse {
  const database = options.database ?? new UniverseDatabase(options.path ?? newPath());
  let now = 1_800_000_000;
  return new LocalUniverse({ chain: chainOf(world), now: () => now++, ...options, database });
}

export const leavesOf = (...owned: readonly Owned[]): readonly UniverseLeaf[] =>
  owned.flatMap(({ proofs }) => valid(universeLeaves(proofs)));
export const lastLeaf = (owned: Owned): UniverseLeaf => leavesOf(owned).at(-1) as UniverseLeaf;

/** Everything of `owned`, in order; throws where a leaf is refused. */
export async function fill(universe: LocalUniverse, ...owned: readonly Owned[]): Promise<void> {
  for (const leaf of leavesOf(...owned)) valid(await universe.insert(leaf));
}

export const codeOf = (result: { readonly ok: boolean; readonly failure?: { readonly code: string } }): string =>
  result.ok ? 'ok' : (result.failure?.code ?? '');
