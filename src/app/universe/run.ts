import { must } from '../../base/assert.ts';
import { toHex, tryHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import type { UniverseId } from '../../io/universe/contract.ts';
import type { LocalUniverse } from '../../io/universe/local.ts';
import { openRemoteUniverse, type RemoteUniverse } from '../../io/universe/remote.ts';
import type { SyncedUniverse, SyncReport } from '../../io/universe/sync.ts';
import { notFound } from '../define.ts';
import { AppError } from '../error.ts';
import { idFields, idJson, namedUniverses, PROOF_TYPES, placeOf, refJson, refSchema, showPlace, universeError } from '../forms/universe.ts';
import type { OperationContext } from '../operation.ts';
import { count, hex, list, nullable, object, outpoint, type TypeOf, text } from '../schema.ts';
import { openOwnUniverse } from './own.ts';

/** What a sync and a push have in common. */

const refusedSchema = object({ outpoint: outpoint(), script_key: hex(33), code: text(), message: text() });
const syncedSchema = object({
  ...idFields,
  name: text(),
  before: nullable(refSchema),
  after: nullable(refSchema),
  goal: refSchema,
  stored: count(),
  refused: list(refusedSchema),
});

export const reportSchema = object({
  universe: text({ description: 'HOST:PORT' }),
  compared: count({ description: 'trees whose roots were compared' }),
  stored: count({ description: 'leaves that were new' }),
  refused: count(),
  universes: list(syncedSchema, { description: 'those that differed; `goal` is the root of who gave' }),
});

export type ReportJson = TypeOf<typeof reportSchema>;

export function reportJson(universe: string, { compared, universes }: SyncReport): ReportJson {
  const stored = universes.reduce((total, each) => total + each.stored, 0);
  const refused = universes.reduce((total, each) => total + each.refused.length, 0);
  return { universe, compared, stored, refused, universes: universes.map(syncedJson) };
}

const syncedJson = ({ id, assetName, before, after, goal, stored, refused }: SyncedUniverse): TypeOf<typeof syncedSchema> => ({
  ...idJson(id),
  name: assetName,
  before: before === null ? null : refJson(before),
  after: after === null ? null : refJson(after),
  goal: refJson(goal),
  stored,
  refused: refused.map(({ key, failure }) => ({
    outpoint: formatOutPoint(key.outPoint),
    script_key: toHex(key.scriptKey),
    code: failure.code,
    message: failure.message,
  })),
});

/** Opens our own universe for the time of an operation, verified against the node's chain and knowing the wallet's groups. */
export async function withOwnUniverse<T>(context: OperationContext, use: (universe: LocalUniverse) => Promise<T>): Promise<T> {
  const { datadir, network, runtime } = context;
  const chain = must(runtime.chain, 'the operation needs the chain');
  const own = openOwnUniverse({ datadir, network, chain, isKnownGroup: (key) => runtime.state.assets.groups.has(key) });
  try {
    return await use(own.universe);
  } finally {
    own.close();
  }
}

export interface Exchange {
  readonly universe: string;
  readonly asset?: string | undefined;
  readonly issuance_only?: boolean | undefined;
}

/** Runs `exchange` between our own universe and another one, and tells what it did. Throws AppError, with what was done in its details. */
export async function exchangeWith(
  context: OperationContext,
  { universe: given, asset, issuance_only: issuanceOnly = false }: Exchange,
  exchange: (
    remote: RemoteUniverse,
    local: LocalUniverse,
    options: { ids: readonly UniverseId[] | null; issuanceOnly: boolean; signal: AbortSignal; progress: (text: string) => void },
  ) => Promise<SyncReport>,
): Promise<ReportJson> {
  const place = placeOf(given);
  return await withOwnUniverse(context, async (local) => {
    const ids = asset === undefined ? null : idsOf(local, asset);
    const remote = openRemoteUniverse(place);
    // A call that is waited for ends with the connection.
    const onAbort = (): void => remote.close();
    context.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const report = await exchange(remote, local, {
        ids,
        issuanceOnly,
        signal: context.signal,
        progress: (text) => context.progress(text),
      });
      const json = reportJson(showPlace(place), report);
      if (report.failure !== null && context.signal.reason instanceof AppError) throw context.signal.reason;
      if (report.failure !== null) throw universeError(report.failure, { stored: json.stored, refused: json.refused });
      if (asset !== undefined && report.compared === 0)
        throw notFound(`${showPlace(place)} has nothing of ${asset}`, 'an asset of a group is found by the key of its group');
      return json;
    } finally {
      context.signal.removeEventListener('abort', onAbort);
      remote.close();
    }
  });
}

/** What has no name here yet is found by its id or key. */
function idsOf(local: LocalUniverse, asset: string): readonly UniverseId[] {
  const bytes = tryHex(asset);
  if (bytes?.length === 33) return PROOF_TYPES.map((proofType) => ({ proofType, of: { kind: 'group', groupKey: bytes } }));
  return namedUniverses(local, asset);
}
