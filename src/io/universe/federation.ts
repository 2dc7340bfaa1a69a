import type { Bytes } from '../../base/bytes.ts';
import type { Universe, UniverseFailure } from './contract.ts';
import { plain, type UniverseDatabase } from './database.ts';
import type { LocalUniverse } from './local.ts';
import { storedLeaf } from './push.ts';
import { type SyncReport, syncFrom } from './sync.ts';

/**
 * Other universes that we keep in step with: what is new here is pushed to each, again and again until it has it, and from time to time we take
 * what is new there. The list, and what still waits for each, stand in `universe.db`, so that neither a crash nor a server that is away loses any.
 */

export interface FederationServer {
  /** `host:port`. */
  readonly host: string;
  readonly addedAt: number;
  readonly syncedAt: number | null;
  /** Why the last attempt failed. */
  readonly failure: string | null;
  /** Leaves that wait to be pushed. */
  readonly waiting: number;
}

export function listServers(database: UniverseDatabase): readonly FederationServer[] {
  const sql = 'SELECT server.*, (SELECT count(*) FROM push WHERE push.host = server.host) AS waiting FROM server ORDER BY added_at, host';
  return database.all(sql).map((row) => ({
    host: row['host'] as string,
    addedAt: Number(row['added_at']),
    syncedAt: row['synced_at'] === null ? null : Number(row['synced_at']),
    failure: row['failure'] as string | null,
    waiting: Number(row['waiting']),
  }));
}

/** False where it is there already. */
export const addServer = (database: UniverseDatabase, host: string, now: number): boolean =>
  database.run('INSERT INTO server (host, added_at) VALUES (?, ?) ON CONFLICT (host) DO NOTHING', host, now).changes > 0;

/** False where there is none of that name. What waited for it is forgotten with it. */
export const removeServer = (database: UniverseDatabase, host: string): boolean =>
  database.run('DELETE FROM server WHERE host = ?', host).changes > 0;

/** Between two tries with a leaf that could not be pushed, and between two syncs; seconds. */
const FIRST_RETRY_S = 10;
const LAST_RETRY_S = 6 * 3600;
const SYNC_EVERY_S = 600;
/** A leaf that a server refuses so often is not for it. */
const MAX_REFUSALS = 12;

/** Another universe to which a connection is open. */
export interface OpenUniverse extends Universe {
  close(): void;
}

export interface FederationOptions {
  readonly local: LocalUniverse;
  readonly open: (host: string) => OpenUniverse;
  /** Unix seconds. */
  readonly now: () => number;
  /** One server is visited for so long at most; 30 minutes. */
  readonly visitMs?: number;
  log(level: 'info' | 'warn', text: string): void;
}

/** Whoever answers each question just in time does not keep us from the others. What was done stays, and the next visit goes on. */
const VISIT_MS = 1_800_000;

export interface Visit {
  readonly host: string;
  readonly pushed: number;
  /** null: it was not time yet. */
  readonly sync: SyncReport | null;
  readonly failure: UniverseFailure | null;
}

/** Visits every server once: what waits for it is pushed, and where its time has come (or `when` says so) we sync from it. */
export async function visitServers(options: FederationOptions, when: 'due' | 'now', signal: AbortSignal): Promise<readonly Visit[]> {
  const { database } = options.local;
  const visits: Visit[] = [];
  for (const server of listServers(database)) {
    if (signal.aborted) break;
    const isTime = when === 'now' || (server.syncedAt ?? 0) + SYNC_EVERY_S <= options.now();
    const isDue = isTime && claim(database, server, options.now());
    if (!isDue && !hasDue(database, server.host, options.now())) continue;
    const visit = await visitOne(options, { host: server.host, syncs: isDue, signal });
    visits.push(visit);
    if (signal.aborted) {
      // It was us who ended it: the next run does it again.
      database.run('UPDATE server SET synced_at = ? WHERE host = ?', server.syncedAt, server.host);
      break;
    }
    const failure = visit.failure ?? visit.sync?.failure ?? null;
    if (failure !== null) options.log('warn', `universe ${server.host}: ${failure.message}`);
    database.run('UPDATE server SET failure = ? WHERE host = ?', failure?.message ?? null, server.host);
  }
  return visits;
}

/** Daemon and server may run beside each other: one of them syncs. */
const claim = (database: UniverseDatabase, { host, syncedAt }: FederationServer, now: number): boolean =>
  database.run('UPDATE server SET synced_at = ? WHERE host = ? AND synced_at IS ?', now, host, syncedAt).changes > 0;

async function visitOne(
  options: FederationOptions,
  part: { readonly host: string; readonly syncs: boolean; readonly signal: AbortSignal },
): Promise<Visit> {
  const { host } = part;
  const signal = AbortSignal.any([part.signal, AbortSignal.timeout(options.visitMs ?? VISIT_MS)]);
  const remote = options.open(host);
  // A call that is waited for ends with the connection.
  const onAbort = (): void => remote.close();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const { pushed, failure } = await pushWaiting(options, remote, { host, signal });
    if (failure !== null || !part.syncs) return { host, pushed, sync: null, failure };
    return { host, pushed, sync: await syncFrom(remote, options.local, { ids: null, signal }), failure: null };
  } catch (error) {
    // Whatever one server makes us stumble over, the others are visited.
    return { host, pushed: 0, sync: null, failure: { code: 'PROTOCOL', message: (error as Error).message } };
  } finally {
    signal.removeEventListener('abort', onAbort);
    remote.close();
  }
}

const hasDue = (database: UniverseDatabase, host: string, now: number): boolean =>
  database.one('SELECT 1 FROM push WHERE host = ? AND next_at <= ? LIMIT 1', host, now) !== null;

/** In the order in which they came, so that predecessors come first. */
async function pushWaiting(
  { local, now }: FederationOptions,
  remote: Universe,
  { host, signal }: { readonly host: string; readonly signal: AbortSignal },
): Promise<{ readonly pushed: number; readonly failure: UniverseFailure | null }> {
  const { database } = local;
  let pushed = 0;
  let after = -1n;
  while (!signal.aborted) {
    const next = nextWaiting(database, { host, now: now(), after });
    if (next === null) break;
    after = next.leaf;
    const inserted = await remote.insert(storedLeaf(next.proof));
    if (inserted.ok) {
      database.run('DELETE FROM push WHERE host = ? AND leaf = ?', host, next.leaf);
      pushed += 1;
      continue;
    }
    const { failure } = inserted;
    const isAway = failure.code === 'UNREACHABLE' || failure.code === 'TIMEOUT' || failure.code === 'PROTOCOL';
    if (!isAway && next.tries + 1 >= MAX_REFUSALS) database.run('DELETE FROM push WHERE host = ? AND leaf = ?', host, next.leaf);
    else {
      const wait = Math.min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** Math.min(next.tries, 20));
      const sql = 'UPDATE push SET tries = ?, next_at = ? WHERE host = ? AND leaf = ?';
      // A server that is away has not refused anything.
      database.run(sql, isAway ? next.tries : next.tries + 1, now() + (isAway ? FIRST_RETRY_S : wait), host, next.leaf);
    }
    if (isAway) return { pushed, failure };
  }
  return { pushed, failure: null };
}

interface Waiting {
  readonly leaf: bigint;
  readonly tries: number;
  readonly proof: Bytes;
}

function nextWaiting(
  database: UniverseDatabase,
  part: { readonly host: string; readonly now: number; readonly after: bigint },
): Waiting | null {
  const sql = `SELECT push.leaf, push.tries, leaf.proof FROM push JOIN leaf ON leaf.id = push.leaf
    WHERE push.host = ? AND push.next_at <= ? AND push.leaf > ? ORDER BY push.leaf LIMIT 1`;
  const row = database.one(sql, part.host, part.now, part.after);
  return row === null ? null : { leaf: row['leaf'] as bigint, tries: Number(row['tries']), proof: plain(row['proof']) };
}
