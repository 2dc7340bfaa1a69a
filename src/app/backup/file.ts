import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { type BackupFailure, isBackup, MAX_BACKUP_SIZE, readBackupHead } from '../../node/backup/format.ts';
import { usage } from '../define.ts';
import { AppError } from '../error.ts';

export const backupError = ({ code, message, hint }: BackupFailure): AppError => new AppError({ code, message, hint });

/** Reads a backup whole. Throws USAGE or MALFORMED; what is no backup is not read beyond its first bytes. */
export function readBackupFile(path: string): Bytes {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw usage(`${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    const about = fstatSync(file);
    if (!about.isFile()) throw usage(`${path} is not a file`);
    const head = new Uint8Array(4);
    readSync(file, head, 0, 4, 0);
    if (!isBackup(head)) throw new AppError({ code: 'MALFORMED', message: `${path} is not a backup of lnkit` });
    if (about.size > MAX_BACKUP_SIZE) throw usage(`${path} has ${about.size} bytes, more than a backup may have`);
    return new Uint8Array(readFileSync(file));
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a backup so that the name has the old one or the new one, whole, whatever happens. Only a backup of the same node is written over.
 * Throws USAGE.
 */
export function writeBackupFile(path: string, bytes: Bytes, fingerprint: Bytes): void {
  if (existsSync(path)) refuseOther(path, fingerprint);
  const draft = `${path}.${process.pid}.part`;
  try {
    const file = openSync(draft, 'wx', 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
    // The name itself is durable only when the folder is.
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    rmSync(draft, { force: true });
    throw usage(`${path} cannot be written: ${(error as Error).message}`);
  }
}

function refuseOther(path: string, fingerprint: Bytes): void {
  const there = readHead(path);
  if (there === null) throw usage(`${path} is there already, and is not a backup`, 'name another file');
  if (!equal(there, fingerprint)) throw usage(`${path} is the backup of another node (${toHex(there)})`, 'name another file');
}

function readHead(path: string): Bytes | null {
  try {
    const read = readBackupHead(readBackupFile(path));
    return read.ok ? read.value.head.fingerprint : null;
  } catch {
    return null;
  }
}
