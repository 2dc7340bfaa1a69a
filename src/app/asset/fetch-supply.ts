import { commitmentPoint } from '../../asset/supply/commitment.ts';
import type { Bytes } from '../../base/bytes.ts';
import { equalOutPoint } from '../../bitcoin/tx.ts';
import { openSupplySource, type SupplySource } from '../../io/universe/supply.ts';
import { AppError } from '../error.ts';
import { commitmentOfJson, type GivenCommitment } from '../forms/supply.ts';
import { placeOf, universeError } from '../forms/universe.ts';

/** An issuer that commits every hour reaches it after a year. */
const MOST = 10_000;
/** Of all leaves together; they are in memory until they are verified. */
const MOST_BYTES = 256 << 20;

/** All commitments of a group that a universe has, from the first to the latest. Throws AppError. */
export async function fetchCommitments(universe: string, groupKey: Bytes, signal: AbortSignal): Promise<readonly GivenCommitment[]> {
  const source = openSupplySource(placeOf(universe), groupKey);
  try {
    return await chainOf(source, signal);
  } finally {
    source.close();
  }
}

/** Walks from the first to the latest. What does not follow, or grows past all measure, is refused before more of it is asked for. */
export async function chainOf(source: Pick<SupplySource, 'fetch'>, signal: AbortSignal): Promise<readonly GivenCommitment[]> {
  let bytes = 0;
  const ask = async (which: Parameters<SupplySource['fetch']>[0]): Promise<GivenCommitment> => {
    signal.throwIfAborted();
    const answer = await source.fetch(which);
    if (!answer.ok) throw universeError(answer.failure);
    const read = commitmentOfJson(answer.value);
    bytes += read.leaves.reduce((sum, { raw }) => sum + raw.length, 0);
    if (bytes > MOST_BYTES) throw new AppError({ code: 'POLICY', message: `the leaves take more than ${MOST_BYTES} bytes` });
    return read;
  };
  const end = commitmentPoint((await ask('latest')).commitment);
  const found = [await ask('very_first')];
  for (;;) {
    const last = commitmentPoint((found.at(-1) as GivenCommitment).commitment);
    if (equalOutPoint(last, end)) return found;
    if (found.length >= MOST)
      throw new AppError({ code: 'POLICY', message: `the universe has more than ${MOST} commitments of the group` });
    const next = await ask({ after: last });
    const { spent } = next.commitment;
    if (spent === null || !equalOutPoint(spent, last))
      throw new AppError({ code: 'MALFORMED', message: 'the universe answered with a commitment that does not follow the one before' });
    found.push(next);
  }
}
