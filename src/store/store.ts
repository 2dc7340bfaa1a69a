import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Bytes } from '../base/bytes.ts';
import { tryText, utf8 } from '../base/bytes.ts';
import type { PaymentHash } from '../base/ids.ts';
import { ASSET_TABLES, type AssetTable, type Batch, type HistoryRow, type Row, type StoredState } from '../node/batch.ts';
import { type Lock, takeLock } from './lock.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';

/** A store that cannot be used. Nothing was written. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: 'STORE_LOCKED' | 'STORE_CORRUPT' | 'STORE_VERSION' | 'NOT_FOUND' | 'USAGE';
  readonly hint: string;

  constructor(code: StoreError['code'], message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** The node's durable state. One process writes; `commit` is durable when it resolves. */
export interface Store {
  readonly path: string;
  /** Commits since it was opened. */
  readonly commits: number;
  load(): StoredState;
  /** Writes the whole batch in one transaction with `synchronous=FULL`, or rejects and writes nothing. */
  commit(batch: Batch): Promise<void>;
  payment(hash: PaymentHash): Bytes | null;
  paymentByKey(key: string): Bytes | null;
  payments(query: ListQuery): readonly Bytes[];
  invoice(hash: PaymentHash): Bytes | null;
  invoices(query: ListQuery): readonly Bytes[];
  closedChannels(): readonly Bytes[];
  history(subject: Bytes, what?: string): readonly HistoryRow[];
  /** A transition of an asset before it came to us. */
  assetHistory(link: Bytes): Bytes | null;
  /** As read back from the engine: what the benches print. */
  synchronous(): string;
  close(): void;
}

export interface ListQuery {
  readonly limit: number;
  /** Skips so many of the newest. */
  readonly offset?: number;
}

export interface OpenOptions {
  /** `<datadir>/<network>`; made with mode 0700 when `create`. */
  readonly directory: string;
  readonly create: boolean;
  /** For the lock's holder note: which command runs. */
  readonly command: string;
  /** Those of `schema.ts`; others in tests of what migrating does. */
  readonly migrations?: readonly string[];
}

const FILE = 'node.db';
/** quick_check reads the whole file: on a larger one it would cost more than a command may take. */
const QUICK_CHECK_LIMIT_BYTES = 32 * 1024 * 1024;

export const storeExists = (directory: string): boolean => existsSync(join(directory, FILE));

/** Locks and opens the store, and brings it to the present version (a backup first). Throws StoreError. */
export function openStore(options: OpenOptions): Store {
  needNodeApi();
  const path = join(options.directory, FILE);
  if (options.create) mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  else if (!existsSync(path)) throw new StoreError('NOT_FOUND', `there is no wallet in ${options.directory}`, 'make one with `lnkit init`');
  const lock = lockOrThrow(options);
  let database: Database.Database | null = null;
  try {
    database = new Database(path);
    database.defaultSafeIntegers(true);
    migrate(database, path, options);
    return new SqliteStore(database, path, lock);
  } catch (error) {
    database?.close();
    lock.release();
    throw asStoreError(error, path);
  }
}

/** The SQLite engine's addon wants this level of Node-API; on a lower one loading it ends the process without a word. */
const NODE_API = 10;

function needNodeApi(): void {
  if (Number(process.versions.napi) >= NODE_API) return;
  const message = `the store needs Node 22.14 or later; this is Node ${process.versions.node}`;
  throw new StoreError('USAGE', message, '`lnkit decode` works with this one');
}

/** The lock alone, for a command that writes beside the store and needs no wallet; makes the folder. Throws StoreError. */
export function lockDirectory({ directory, command }: Pick<OpenOptions, 'directory' | 'command'>): Lock {
  needNodeApi();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return lockOrThrow({ directory, command, create: true });
}

function lockOrThrow(options: OpenOptions): Lock {
  const lock = lockOf(options);
  if (!('holder' in lock)) return lock;
  const who = lock.holder === null ? 'another process' : `\`${lock.holder.command}\` (process ${lock.holder.pid})`;
  throw new StoreError('STORE_LOCKED', `the store in ${options.directory} is in use by ${who}`, 'wait until it ends, or end it');
}

function lockOf({ directory, command }: OpenOptions): ReturnType<typeof takeLock> {
  try {
    return takeLock(directory, command);
  } catch (error) {
    const hint = 'look at its permissions; where `node.lock` itself is damaged and no lnkit runs, remove that one file';
    throw new StoreError('STORE_CORRUPT', `the lock in ${directory} cannot be taken: ${(error as Error).message}`, hint);
  }
}

function migrate(database: Database.Database, path: string, options: OpenOptions): void {
  const migrations = options.migrations ?? MIGRATIONS;
  // Looking comes first: a file that is not ours, or is damaged, or is of tomorrow, is not changed in any way.
  const version = check(database, path, { create: options.create, known: migrations.length });
  chmodSync(path, 0o600);
  database.pragma('journal_mode = WAL');
  // FULL, not the driver's NORMAL: a commit that a power loss takes back would be a revoked state published.
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  if (version === migrations.length) return;
  if (version > 0) backUp(database, `${path}.v${version}.bak`);
  database.transaction(() => {
    for (const step of migrations.slice(version)) database.exec(step);
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma(`user_version = ${migrations.length}`);
  })();
}

/** The version of a store that may be used; 0 for one that is still to be made. Throws StoreError. */
function check(database: Database.Database, path: string, part: { readonly create: boolean; readonly known: number }): number {
  const version = Number(database.pragma('user_version', { simple: true }));
  const application = Number(database.pragma('application_id', { simple: true }));
  if (application !== APPLICATION_ID) {
    const tables = Number(database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get());
    if (version !== 0 || application !== 0 || tables > 0)
      throw new StoreError('STORE_CORRUPT', `${path} is not a store of lnkit`, 'name another --datadir; nothing was written');
    // Where a wallet should be, an empty file is a lost one, and not a new one.
    if (!part.create) throw new StoreError('STORE_CORRUPT', `${path} is empty`, 'restore it from a backup; it was not written to');
    return 0;
  }
  if (version > part.known)
    throw new StoreError('STORE_VERSION', `${path} has version ${version}, this lnkit knows ${part.known}`, 'update lnkit');
  if (statSync(path).size <= QUICK_CHECK_LIMIT_BYTES && database.pragma('quick_check(1)', { simple: true }) !== 'ok')
    throw new StoreError('STORE_CORRUPT', `${path} is damaged`, 'restore it from a backup; it was not written to');
  return version;
}

/** Whole or not at all: one that a crash cut short must neither stand for a backup nor be in the way of the next try. */
function backUp(database: Database.Database, path: string): void {
  const unfinished = `${path}.part`;
  rmSync(unfinished, { force: true });
  database.prepare('VACUUM INTO ?').run(unfinished);
  chmodSync(unfinished, 0o600);
  renameSync(unfinished, path);
}

function asStoreError(error: unknown, path: string): unknown {
  const code = (error as { code?: string }).code ?? '';
  // SQLITE_ERROR at a statement of ours: a table or a column is not there.
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_ERROR' || code.startsWith('SQLITE_CORRUPT'))
    return new StoreError('STORE_CORRUPT', `${path} is damaged`, 'restore it from a backup; it was not written to');
  return error;
}

class SqliteStore implements Store {
  readonly path: string;
  commits = 0;
  readonly #database: Database.Database;
  readonly #lock: Lock;
  readonly #statements = new Map<string, Database.Statement>();
  readonly #write: (batch: Batch) => void;

  constructor(database: Database.Database, path: string, lock: Lock) {
    this.#database = database;
    this.#lock = lock;
    this.path = path;
    this.#write = database.transaction((batch: Batch) => {
      for (const row of batch.rows) this.#writeRow(row);
      for (const row of batch.history)
        this.#sql('INSERT INTO history (subject, at, what, blob) VALUES (?, ?, ?, ?)').run(row.subject, row.at, row.what, row.blob);
    });
  }

  load(): StoredState {
    try {
      return this.#load();
    } catch (error) {
      throw asStoreError(error, this.path);
    }
  }

  #load(): StoredState {
    return {
      channels: this.#blobs('SELECT blob FROM channel WHERE closed = 0'),
      extras: this.#blobs('SELECT extras.blob FROM extras JOIN channel USING (key) WHERE channel.closed = 0'),
      payments: this.#blobs("SELECT blob FROM payment WHERE status = 'pending'"),
      invoices: this.#blobs("SELECT blob FROM invoice WHERE state IN ('open', 'accepted')"),
      forwards: (this.#sql('SELECT key, blob FROM forward').all() as { key: Buffer; blob: Buffer }[]).map(({ key, blob }) => ({
        key: plain(key),
        blob: plain(blob),
      })),
      peers: this.#blobs('SELECT blob FROM peer'),
      assets: Object.fromEntries(ASSET_TABLES.map((table) => [table, this.#blobs(`SELECT blob FROM ${table}`)])) as Record<
        AssetTable,
        readonly Bytes[]
      >,
      meta: new Map((this.#sql('SELECT key, blob FROM meta').all() as { key: string; blob: Buffer }[]).map((r) => [r.key, plain(r.blob)])),
    };
  }

  async commit(batch: Batch): Promise<void> {
    if (batch.rows.length === 0 && batch.history.length === 0) return;
    this.#write(batch);
    this.commits++;
  }

  payment(hash: PaymentHash): Bytes | null {
    return this.#blob('SELECT blob FROM payment WHERE key = ?', hash);
  }
  paymentByKey(key: string): Bytes | null {
    return this.#blob('SELECT blob FROM payment WHERE idempotency_key = ? ORDER BY created_at DESC LIMIT 1', key);
  }
  payments(query: ListQuery): readonly Bytes[] {
    return this.#blobs('SELECT blob FROM payment ORDER BY created_at DESC, key LIMIT ? OFFSET ?', query.limit, query.offset ?? 0);
  }
  invoice(hash: PaymentHash): Bytes | null {
    return this.#blob('SELECT blob FROM invoice WHERE key = ?', hash);
  }
  invoices(query: ListQuery): readonly Bytes[] {
    return this.#blobs('SELECT blob FROM invoice ORDER BY created_at DESC, key LIMIT ? OFFSET ?', query.limit, query.offset ?? 0);
  }
  closedChannels(): readonly Bytes[] {
    return this.#blobs('SELECT blob FROM channel WHERE closed = 1');
  }
  history(subject: Bytes, what?: string): readonly HistoryRow[] {
    const sql = 'SELECT subject, at, what, blob FROM history WHERE subject = ? AND (? IS NULL OR what = ?) ORDER BY id';
    const rows = this.#sql(sql).all(subject, what ?? null, what ?? null) as { subject: Buffer; at: bigint; what: string; blob: Buffer }[];
    return rows.map((r) => ({ subject: plain(r.subject), at: Number(r.at) as HistoryRow['at'], what: r.what, blob: plain(r.blob) }));
  }
  assetHistory(link: Bytes): Bytes | null {
    return this.#blob('SELECT blob FROM asset_history WHERE key = ?', link);
  }
  synchronous(): string {
    return ['OFF', 'NORMAL', 'FULL', 'EXTRA'][Number(this.#database.pragma('synchronous', { simple: true }))] ?? 'unknown';
  }
  close(): void {
    this.#database.close();
    this.#lock.release();
  }

  #writeRow(row: Row): void {
    if (row.blob === null) {
      this.#sql(`DELETE FROM ${row.table} WHERE key = ?`).run(row.key);
      return;
    }
    switch (row.table) {
      case 'channel':
        this.#upsert('channel (key, peer, phase, closed, blob)', row.key, row.peer, row.phase, row.closed ? 1 : 0, row.blob);
        return;
      case 'payment': {
        const columns = 'payment (key, status, destination, amount_msat, idempotency_key, created_at, blob)';
        this.#upsert(columns, row.key, row.status, row.destination, row.amountMsat, row.idempotencyKey, row.createdAt, row.blob);
        return;
      }
      case 'invoice':
        this.#upsert('invoice (key, state, created_at, blob)', row.key, row.state, row.createdAt, row.blob);
        return;
      case 'meta':
        this.#upsert('meta (key, blob)', tryText(row.key), row.blob);
        return;
      default:
        this.#upsert(`${row.table} (key, blob)`, row.key, row.blob);
    }
  }

  /** Never REPLACE: that would silently drop another row which holds the same unique value. */
  #upsert(target: string, ...values: unknown[]): void {
    const columns = target.slice(target.indexOf('(') + 1, -1).split(', ');
    const updates = columns.filter((name) => name !== 'key').map((name) => `${name} = excluded.${name}`);
    const places = values.map(() => '?').join(', ');
    this.#sql(`INSERT INTO ${target} VALUES (${places}) ON CONFLICT (key) DO UPDATE SET ${updates.join(', ')}`).run(...values);
  }
  #blob(sql: string, ...values: unknown[]): Bytes | null {
    const row = this.#sql(sql).get(...values) as { blob: Buffer } | undefined;
    return row === undefined ? null : plain(row.blob);
  }
  #blobs(sql: string, ...values: unknown[]): readonly Bytes[] {
    return (this.#sql(sql).all(...values) as { blob: Buffer }[]).map((row) => plain(row.blob));
  }
  #sql(text: string): Database.Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

/** The key of a `meta` row. */
export const metaKey = (name: string): Bytes => utf8(name);

const plain = (buffer: Buffer): Bytes => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
