import { addServer, listServers, removeServer, visitServers } from '../../io/universe/federation.ts';
import { openRemoteUniverse } from '../../io/universe/remote.ts';
import { defineOperation, notFound } from '../define.ts';
import { placeOf, showPlace, universeError } from '../forms/universe.ts';
import { count, flag, list, nullable, object, text, time } from '../schema.ts';
import { readUniverse, withDatabase } from '../universe/own.ts';
import { reportJson, reportSchema, withOwnUniverse } from '../universe/run.ts';

const serverSchema = object({
  universe: text({ description: 'HOST:PORT' }),
  added_at: time(),
  synced_at: nullable(time()),
  waiting: count({ description: 'leaves that wait to be pushed' }),
  failure: nullable(text()),
});

export const federationList = defineOperation({
  name: 'universe.federation.list',
  needs: 'nothing',
  params: object({}),
  result: object({ servers: list(serverSchema) }),
  run: async (place) =>
    readUniverse(place, ({ database }) => ({
      servers: listServers(database).map(({ host, addedAt, syncedAt, waiting, failure }) => ({
        ...{ universe: host, added_at: addedAt, synced_at: syncedAt, waiting, failure },
      })),
    })),
});

export const federationAdd = defineOperation({
  name: 'universe.federation.add',
  needs: 'nothing',
  params: object({ universe: text({ description: 'HOST:PORT' }) }),
  result: object({ universe: text(), added: flag({ description: 'false: it was there already' }) }),
  async run(place, { universe }) {
    const host = showPlace(placeOf(universe));
    return { universe: host, added: withDatabase(place, (database) => addServer(database, host, Math.floor(Date.now() / 1000))) };
  },
});

export const federationRemove = defineOperation({
  name: 'universe.federation.remove',
  needs: 'nothing',
  params: object({ universe: text({ description: 'HOST:PORT' }) }),
  result: object({ universe: text(), removed: flag() }),
  async run(place, { universe }) {
    const host = showPlace(placeOf(universe));
    if (!withDatabase(place, (database) => removeServer(database, host)))
      throw notFound(`${host} is not in the federation`, '`lnkit universe federation` lists its servers');
    return { universe: host, removed: true };
  },
});

export const federationSync = defineOperation({
  name: 'universe.federation.sync',
  needs: 'chain',
  params: object({}),
  result: object({ servers: list(object({ universe: text(), pushed: count(), sync: nullable(reportSchema), failure: nullable(text()) })) }),
  run: (context) =>
    withOwnUniverse(context, async (local) => {
      const now = (): number => Math.floor(Date.now() / 1000);
      const options = { local, now, open: (host: string) => openRemoteUniverse(placeOf(host)), log() {} };
      const visits = await visitServers(options, 'now', context.signal);
      const failures = visits.map(({ failure, sync }) => failure ?? sync?.failure ?? null);
      const [first] = failures;
      if (first !== undefined && first !== null && failures.every((each) => each !== null)) throw universeError(first);
      return {
        servers: visits.map(({ host, pushed, sync }, i) => ({
          universe: host,
          pushed,
          sync: sync === null ? null : reportJson(host, sync),
          failure: failures[i]?.message ?? null,
        })),
      };
    }),
});
