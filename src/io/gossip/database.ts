import { rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Bytes } from '../../base/bytes.ts';
import { policyOfUpdate, readGossip } from '../../bolt/gossip/raw.ts';
import { isUnsigned } from '../../bolt/gossip/synthetic.ts';
import { CHANNEL_SPENT, CHANNEL_UNROUTABLE, CHANNEL_UNSIGNED, Graph, nodeFlagsOf } from '../../bolt/route/graph.ts';
import type { KnownEdge } from '../../bolt/route/knowledge.ts';
import { unassignedRequired } from '../../bolt/wire/features.ts';

const VERSION = 2;
const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE channel (scid INTEGER PRIMARY KEY, message BLOB NOT NULL, capacity INTEGER NOT NULL, txid BLOB, spent_height INTEGER) STRICT;
CREATE INDEX channel_txid ON channel (txid) WHERE txid IS NOT NULL;
CREATE INDEX channel_spent ON channel (spent_height) WHERE spent_height IS NOT NULL;
CREATE TABLE update1 (scid INTEGER PRIMARY KEY, message BLOB NOT NULL) STRICT;
CREATE TABLE update2 (scid INTEGER PRIMARY KEY, message BLOB NOT NULL) STRICT;
CREATE TABLE node (id BLOB PRIMARY KEY, message BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE known (scid INTEGER, direction INTEGER, low REAL NOT NULL, low_at INTEGER NOT NULL, fails_from REAL, failed_at INTEGER NOT NULL, PRIMARY KEY (scid, direction)) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('generation', 0);
`;
/** Came later: a file without it is no other version. */
const BLACKLIST = 'CREATE TABLE IF NOT EXISTS blacklist (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID';

type Write =
  | { readonly kind: 'channel'; readonly scid: bigint; readonly message: Bytes; readonly capacitySat: number; readonly txid: Bytes | null }
  | { readonly kind: 'update'; readonly scid: bigint; readonly direction: 0 | 1; readonly message: Bytes }
  | { readonly kind: 'node'; readonly id: Bytes; readonly message: Bytes }
  | { readonly kind: 'spent'; readonly scid: bigint; readonly height: number | null }
  | { readonly kind: 'remove'; readonly scid: bigint }
  | { readonly kind: 'blacklist'; readonly id: Bytes }
  | { readonly kind: 'known'; readonly edge: KnownEdge }
  | { readonly kind: 'forgotten'; readonly scid: bigint; readonly direction: number };

/** Rows of a channel: its announcement and the newest update of each direction. */
export interface ChannelRows {
  readonly announcement: Bytes;
  readonly updates: readonly [Bytes | null, Bytes | null];
}

export type StoredGossip =
  | { readonly kind: 'channel'; readonly announcement: Bytes; readonly capacitySat: bigint; readonly updates: readonly Bytes[] }
  | { readonly kind: 'node'; readonly message: Bytes }
  | { readonly kind: 'unsigned' };

type Statements = Readonly<
  Record<
    | 'channel'
    | 'update0'
    | 'update1'
    | 'node'
    | 'spent'
    | 'removeChannel'
    | 'blacklist'
    | 'remove0'
    | 'remove1'
    | 'get'
    | 'get0'
    | 'get1'
    | 'getNode'
    | 'byTxid'
    | 'longSpent'
    | 'spentAt'
    | 'fundedAt'
    | 'known'
    | 'forget',
    Database.Statement
  >
>;

const signed = (scid: bigint): bigint => BigInt.asIntN(64, scid);

/**
 * `graph.db`: gossip as received. It may be lost without cost, so it is written without waiting for the disk, and made anew when it is damaged
 * or of another version. Writes wait in memory until `flush`.
 */
export class GraphDatabase {
  readonly path: string;
  #database: Database.Database;
  #statements: Statements;
  #pending: Write[] = [];

  /** Throws where another process has it to itself for longer than `timeoutMs`. */
  constructor(path: string, { timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {}) {
    this.path = path;
    this.#database = openOrReplace(path, timeoutMs);
    this.#statements = prepare(this.#database);
  }

  /** Changes with every flush that wrote: tells whether a snapshot is of this content. */
  get generation(): number {
    return Number(this.#database.prepare(`SELECT value FROM meta WHERE key = 'generation'`).pluck().get());
  }
  get pendingWrites(): number {
    return this.#pending.length;
  }

  write(write: Write): void {
    this.#pending.push(write);
  }

  /** Writes what waits, in one transaction. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const writes = this.#pending;
    this.#pending = [];
    this.#database.transaction(() => {
      for (const write of writes) this.#apply(write);
      this.#database.exec(`UPDATE meta SET value = value + 1 WHERE key = 'generation'`);
    })();
  }

  #apply(write: Write): void {
    const run = this.#statements;
    switch (write.kind) {
      case 'channel':
        run.channel.run(signed(write.scid), write.message, write.capacitySat, write.txid);
        return;
      case 'update':
        (write.direction === 0 ? run.update0 : run.update1).run(signed(write.scid), write.message);
        return;
      case 'node':
        run.node.run(write.id, write.message);
        return;
      case 'spent':
        run.spent.run(write.height, signed(write.scid));
        return;
      case 'remove':
        for (const statement of [run.removeChannel, run.remove0, run.remove1]) statement.run(signed(write.scid));
        return;
      case 'blacklist':
        run.blacklist.run(write.id);
        return;
      case 'known': {
        const { scid, direction, bounds } = write.edge;
        const failsFrom = Number.isFinite(bounds.failsFromMsat) ? bounds.failsFromMsat : null;
        run.known.run(signed(scid), direction, bounds.lowMsat, bounds.lowAt, failsFrom, bounds.failedAt);
        return;
      }
      case 'forgotten':
        run.forget.run(signed(write.scid), write.direction);
        return;
    }
  }

  channel(scid: bigint): ChannelRows | null {
    this.flush();
    const announcement = this.#statements.get.get(signed(scid)) as Bytes | undefined;
    if (announcement === undefined) return null;
    const update = (statement: Database.Statement): Bytes | null => (statement.get(signed(scid)) as Bytes | undefined) ?? null;
    return { announcement, updates: [update(this.#statements.get0), update(this.#statements.get1)] };
  }

  node(id: Bytes): Bytes | null {
    this.flush();
    return (this.#statements.getNode.get(id) as Bytes | undefined) ?? null;
  }

  /** Channels whose funding transaction this is. */
  channelsOf(txid: Bytes): readonly bigint[] {
    this.flush();
    return (this.#statements.byTxid.all(txid) as bigint[]).map((scid) => BigInt.asUintN(64, scid));
  }

  /** Channels whose output was spent at `height` or before. */
  spentUntil(height: number): readonly bigint[] {
    this.flush();
    return (this.#statements.longSpent.all(height) as bigint[]).map((scid) => BigInt.asUintN(64, scid));
  }

  /** Channels whose output was spent at `height`. */
  spentAt(height: number): readonly bigint[] {
    this.flush();
    return (this.#statements.spentAt.all(height) as bigint[]).map((scid) => BigInt.asUintN(64, scid));
  }

  /** Channels whose funding transaction is known and stands in the block at `height`. */
  fundedAt(height: number): readonly { readonly scid: bigint; readonly txid: Bytes }[] {
    this.flush();
    const [first, end] = [BigInt(height) << 40n, BigInt(height + 1) << 40n];
    const rows = this.#statements.fundedAt.all(signed(first), signed(end)) as [bigint, Bytes][];
    return rows.map(([scid, txid]) => ({ scid: BigInt.asUintN(64, scid), txid }));
  }

  /** Nodes of which nothing is believed any more. */
  blacklisted(): readonly Bytes[] {
    this.flush();
    return this.#database.prepare('SELECT id FROM blacklist').pluck().all() as Bytes[];
  }

  /** All gossip as received, channels first. What came from a digest has no signatures and is only counted. */
  *everything(): IterableIterator<StoredGossip> {
    this.flush();
    const channels = this.#database.prepare('SELECT scid, message, capacity FROM channel WHERE spent_height IS NULL ORDER BY scid').raw();
    for (const [scid, announcement, capacitySat] of channels.iterate() as IterableIterator<[bigint, Bytes, bigint]>) {
      if (isUnsigned(announcement)) {
        yield { kind: 'unsigned' };
        continue;
      }
      const found = [this.#statements.get0.get(scid), this.#statements.get1.get(scid)] as (Bytes | undefined)[];
      const updates = found.filter((update): update is Bytes => update !== undefined && !isUnsigned(update));
      yield { kind: 'channel', announcement, capacitySat, updates };
    }
    for (const [message] of this.#database.prepare('SELECT message FROM node').raw().iterate() as IterableIterator<[Bytes]>)
      if (!isUnsigned(message)) yield { kind: 'node', message };
  }

  *knowledge(): IterableIterator<KnownEdge> {
    this.flush();
    for (const row of this.#database.prepare('SELECT scid, direction, low, low_at, fails_from, failed_at FROM known').raw().all()) {
      const [scid, direction, low, lowAt, failsFrom, failedAt] = row as [bigint, bigint, number, bigint, number | null, bigint];
      const bounds = {
        lowMsat: low,
        lowAt: Number(lowAt),
        failsFromMsat: failsFrom ?? Number.POSITIVE_INFINITY,
        failedAt: Number(failedAt),
      };
      yield { scid: BigInt.asUintN(64, scid), direction: Number(direction) as 0 | 1, bounds };
    }
  }

  /** The graph of all rows. What does not parse is left out. */
  loadGraph(): Graph {
    this.flush();
    const graph = new Graph();
    const rows = (sql: string): IterableIterator<unknown[]> => this.#database.prepare(sql).raw().iterate() as IterableIterator<unknown[]>;
    for (const [message, capacity, spent] of rows('SELECT message, capacity, spent_height FROM channel ORDER BY scid')) {
      const read = readGossip(message as Bytes);
      if (read?.kind !== 'channel_announcement') continue;
      const unroutable = unassignedRequired(read.features).length > 0 ? CHANNEL_UNROUTABLE : 0;
      const flags = unroutable | (isUnsigned(read.bytes) ? CHANNEL_UNSIGNED : 0) | (spent === null ? 0 : CHANNEL_SPENT);
      graph.addChannel({ scid: read.scid, a: read.nodeId1, b: read.nodeId2, capacityMsat: Number(capacity) * 1000, flags });
    }
    for (const table of ['update1', 'update2']) {
      for (const [message] of rows(`SELECT message FROM ${table}`)) {
        const read = readGossip(message as Bytes);
        if (read?.kind !== 'channel_update') continue;
        const channel = graph.findChannel(read.scid);
        if (channel !== -1) graph.setPolicy(2 * channel + read.direction, policyOfUpdate(read.bytes));
      }
    }
    for (const [message] of rows('SELECT message FROM node')) {
      const read = readGossip(message as Bytes);
      if (read?.kind !== 'node_announcement') continue;
      const node = graph.findNode(read.nodeId);
      const flags = nodeFlagsOf(read.features);
      if (node !== -1) graph.setNode(node, { timestamp: read.timestamp, flags });
    }
    return graph;
  }

  close(): void {
    this.flush();
    this.#database.close();
  }
}

function openOrReplace(path: string, timeout: number): Database.Database {
  try {
    return openDatabase(path, timeout);
  } catch (error) {
    // One that is only busy or cannot be reached is not damaged: the daemon that has it would lose it.
    if (!isDamaged(error)) throw error;
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    return openDatabase(path, timeout);
  }
}

class OtherVersion extends Error {}

const isDamaged = (error: unknown): boolean =>
  error instanceof OtherVersion || /^SQLITE_(NOTADB|CORRUPT|FORMAT|ERROR)/.test((error as { code?: string }).code ?? '');

function openDatabase(path: string, timeout: number): Database.Database {
  const database = new Database(path, { timeout });
  try {
    database.defaultSafeIntegers(true);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = OFF');
    database.pragma('cache_size = -8000');
    const version = Number(database.pragma('user_version', { simple: true }));
    if (version === 0) {
      database.transaction(() => {
        database.exec(SCHEMA);
        database.pragma(`user_version = ${VERSION}`);
      })();
    } else if (version !== VERSION) throw new OtherVersion(`graph.db of version ${version}`);
    database.exec(BLACKLIST);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: Database.Database): Statements {
  const put = (table: string): Database.Statement => database.prepare(`INSERT OR REPLACE INTO ${table} VALUES (?, ?)`);
  const get = (sql: string): Database.Statement => database.prepare(sql).pluck();
  return {
    channel: database.prepare('INSERT OR REPLACE INTO channel VALUES (?, ?, ?, ?, NULL)'),
    update0: put('update1'),
    update1: put('update2'),
    node: put('node'),
    blacklist: database.prepare('INSERT OR REPLACE INTO blacklist VALUES (?)'),
    spent: database.prepare('UPDATE channel SET spent_height = ? WHERE scid = ?'),
    removeChannel: database.prepare('DELETE FROM channel WHERE scid = ?'),
    remove0: database.prepare('DELETE FROM update1 WHERE scid = ?'),
    remove1: database.prepare('DELETE FROM update2 WHERE scid = ?'),
    get: get('SELECT message FROM channel WHERE scid = ?'),
    get0: get('SELECT message FROM update1 WHERE scid = ?'),
    get1: get('SELECT message FROM update2 WHERE scid = ?'),
    getNode: get('SELECT message FROM node WHERE id = ?'),
    byTxid: get('SELECT scid FROM channel WHERE txid = ?'),
    known: database.prepare('INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?)'),
    forget: database.prepare('DELETE FROM known WHERE scid = ? AND direction = ?'),
    spentAt: get('SELECT scid FROM channel WHERE spent_height = ?'),
    fundedAt: database.prepare('SELECT scid, txid FROM channel WHERE scid >= ? AND scid < ? AND txid IS NOT NULL').raw(),
    longSpent: get('SELECT scid FROM channel WHERE spent_height <= ?'),
  };
}
