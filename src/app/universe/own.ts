import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Bytes, toHex } from '../../base/bytes.ts';
import type { Network } from '../../bitcoin/network.ts';
import type { ChainSource } from '../../io/chain/source.ts';
import { UniverseDatabase } from '../../io/universe/database.ts';
import { isGroupStored } from '../../io/universe/leaves.ts';
import { LocalUniverse } from '../../io/universe/local.ts';
import { networkDir } from '../config.ts';

interface Place {
  readonly datadir: string;
  readonly network: Network;
}

/** Beside the node's store and apart from it: several processes may have it open. */
export const universePath = (place: Place): string => join(networkDir(place), 'universe.db');

const now = (): number => Math.floor(Date.now() / 1000);

export interface OwnUniverse {
  readonly universe: LocalUniverse;
  close(): void;
}

/**
 * Our own universe, made where there is none. What is inserted into it waits for the federation's servers. Without a chain it is only read.
 * Throws UniverseFileError, which the command line knows how to tell.
 */
export function openOwnUniverse(
  place: Place & { readonly chain: ChainSource | null; readonly isKnownGroup?: (groupKey: Bytes) => boolean },
): OwnUniverse {
  const database = new UniverseDatabase(universePath(place));
  const { chain, isKnownGroup } = place;
  const universe = new LocalUniverse({ database, chain, now, ...(isKnownGroup === undefined ? {} : { isKnownGroup }) });
  return { universe, close: () => database.close() };
}

/** Looks something up in our own universe; where there is none yet, in an empty one. */
export function readUniverse<T>(place: Place, read: (universe: LocalUniverse) => T): T {
  const path = universePath(place);
  const database = new UniverseDatabase(existsSync(path) ? path : ':memory:');
  try {
    return read(new LocalUniverse({ database, chain: null, now }));
  } finally {
    database.close();
  }
}

/** Changes a list in our own universe, made where there is none. */
export function withDatabase<T>(place: Place, use: (database: UniverseDatabase) => T): T {
  const database = new UniverseDatabase(universePath(place));
  try {
    return use(database);
  } finally {
    database.close();
  }
}

/** Whether a group's first asset was verified: by the wallet, or by our universe, which is looked into once for each group. */
export function groupKnower(place: Place, groups: { has(groupKey: Bytes): boolean }): (groupKey: Bytes) => boolean {
  const answers = new Map<string, boolean>();
  return (groupKey) => {
    if (groups.has(groupKey)) return true;
    const name = toHex(groupKey.subarray(1));
    const known = answers.get(name) ?? readUniverse(place, ({ database }) => isGroupStored(database, groupKey));
    answers.set(name, known);
    return known;
  };
}
