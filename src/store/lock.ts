import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

export interface Holder {
  readonly pid: number;
  readonly command: string;
  readonly since: number;
}

export interface Lock {
  release(): void;
}

/**
 * Takes the one lock of a node's directory, or tells who has it. The lock is an open exclusive transaction on a file of its own: the
 * operating system gives it back when the process dies, however it dies, and the store itself stays readable by other tools.
 */
export function takeLock(directory: string, command: string): Lock | { readonly holder: Holder | null } {
  const database = new Database(join(directory, 'node.lock'), { timeout: 0 });
  const holderFile = join(directory, 'node.holder');
  try {
    database.pragma('journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
    // The first read looks at the file: what is not a database is found here and not at the end.
    database.pragma('user_version');
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true) return { holder: readHolder(holderFile) };
    throw error;
  }
  const holder: Holder = { pid: process.pid, command, since: Math.floor(Date.now() / 1000) };
  writeFileSync(holderFile, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  return {
    release() {
      rmSync(holderFile, { force: true });
      database.exec('COMMIT');
      database.close();
    },
  };
}

function readHolder(file: string): Holder | null {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Holder>;
    if (typeof value.pid !== 'number' || typeof value.command !== 'string' || typeof value.since !== 'number') return null;
    return { pid: value.pid, command: value.command, since: value.since };
  } catch {
    return null;
  }
}
