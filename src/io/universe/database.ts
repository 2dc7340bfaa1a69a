import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import type { Bytes } from '../../base/bytes.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';

/** A universe's file that cannot be used. Nothing was written. */
export class UniverseFileError extends Error {
  override readonly name = 'UniverseFileError';
  readonly code: 'STORE_CORRUPT' | 'STORE_VERSION' | 'STORE_LOCKED';
  readonly hint: string;

  constructor(code: UniverseFileError['code'], message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** Several processes may have the file open: the node, a server, commands. A writer waits so long for another. */
const BUSY_MS = 10_000;
const MEMORY = ':memory:';

export type Value = Bytes | string | number | bigint | null;
/** Columns as SQLite gives them: integers as bigint. */
export type Columns = Readonly<Record<string, Bytes | string | bigint | null>>;

/** `universe.db`: statements by their text, transactions, migrations. */
export class UniverseDatabase {
  readonly path: string;
  readonly #database: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();

  /** Opens or makes it; `:memory:` for one that is never kept. Throws UniverseFileError. */
  constructor(path: string, migrations: readonly string[] = MIGRATIONS) {
    this.path = path;
    if (path !== MEMORY) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const database = new Database(path, { timeout: BUSY_MS });
    try {
      database.defaultSafeIntegers(true);
      migrate(database, path, migrations);
    } catch (error) {
      database.close();
      throw asFileError(error, path);
    }
    this.#database = database;
  }

  all(sql: string, ...values: readonly Value[]): readonly Columns[] {
    return this.#sql(sql).all(...values) as Columns[];
  }
  one(sql: string, ...values: readonly Value[]): Columns | null {
    return (this.#sql(sql).get(...values) as Columns | undefined) ?? null;
  }
  /** The row id of what was inserted, and how many rows changed. */
  run(sql: string, ...values: readonly Value[]): { readonly id: bigint; readonly changes: number } {
    const { lastInsertRowid, changes } = this.#sql(sql).run(...values);
    return { id: BigInt(lastInsertRowid), changes };
  }

  /** One state of the file for several reads. */
  read<T>(body: () => T): T {
    return this.#database.inTransaction ? body() : this.#database.transaction(body).deferred();
  }
  /** All or nothing, durable when it returns; nobody else writes meanwhile. */
  write<T>(body: () => T): T {
    return this.#database.inTransaction ? body() : this.#database.transaction(body).immediate();
  }
  /** Bytes of the file, without its log. */
  get size(): number {
    const pragma = (name: string): number => Number(this.#database.pragma(name, { simple: true }));
    return pragma('page_count') * pragma('page_size');
  }
  close(): void {
    this.#database.close();
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

/** SQLite's integers are signed; 0 to 2^64 - 1 stand as the signed number of the same bits. */
export const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
export const unsigned = (value: unknown): bigint => BigInt.asUintN(64, value as bigint);
/** The driver's Buffer as plain bytes. */
export const plain = (value: unknown): Bytes => {
  const { buffer, byteOffset, byteLength } = value as Uint8Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
};

function migrate(database: Database.Database, path: string, migrations: readonly string[]): void {
  // Looking comes first: a file that is not ours, or is of tomorrow, is not changed in any way.
  check(database, path, migrations.length);
  if (path !== MEMORY) chmodSync(path, 0o600);
  database.pragma('journal_mode = WAL');
  // FULL: the leaves of own transfers are what a receiver asks for.
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  if (versionOf(database) === migrations.length) return;
  database
    .transaction(() => {
      // Another process may have been faster.
      for (const step of migrations.slice(versionOf(database))) database.exec(step);
      database.pragma(`application_id = ${APPLICATION_ID}`);
      database.pragma(`user_version = ${migrations.length}`);
    })
    .immediate();
}

const versionOf = (database: Database.Database): number => Number(database.pragma('user_version', { simple: true }));

function check(database: Database.Database, path: string, known: number): void {
  const version = versionOf(database);
  if (Number(database.pragma('application_id', { simple: true })) !== APPLICATION_ID) {
    const tables = Number(database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get());
    if (version === 0 && tables === 0) return;
    throw new UniverseFileError('STORE_CORRUPT', `${path} is not a universe of lnkit`, 'move it away; nothing was written');
  }
  if (version > known)
    throw new UniverseFileError('STORE_VERSION', `${path} has version ${version}, this lnkit knows ${known}`, 'update lnkit');
}

function asFileError(error: unknown, path: string): unknown {
  const code = (error as { code?: string }).code ?? '';
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_ERROR' || code.startsWith('SQLITE_CORRUPT'))
    return new UniverseFileError('STORE_CORRUPT', `${path} is damaged`, 'move it away: `lnkit universe sync` fills a new one');
  if (code.startsWith('SQLITE_BUSY'))
    return new UniverseFileError('STORE_LOCKED', `${path} is in use`, 'wait until the other process ends');
  return error;
}
