import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Bytes, concat, equal, utf8 } from '../../base/bytes.ts';
import type { BlockHash } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { decodeBlock, encodeBlock } from '../../bitcoin/block.ts';
import { decodeTx, encodeTx } from '../../bitcoin/tx.ts';
import { sha256d } from '../../crypto/hash.ts';
import { type ChainRecord, RegtestChain, type RegtestOptions } from './chain.ts';
import { Faucet } from './faucet.ts';

/**
 * A regtest chain that outlives its process, in one file to which everything that happens is appended: a line that names the format, then
 * records of kind (1 byte), length (4 bytes), payload, and the first 4 bytes of the payload's double SHA-256. A torn last record is cut off.
 * It is not synced to the disk at each record: a regtest chain is no money.
 */
export interface OpenRegtest {
  readonly chain: RegtestChain;
  readonly faucet: Faucet;
  close(): void;
}

export interface RegtestFileFailure {
  readonly code: 'STORE_LOCKED' | 'STORE_CORRUPT';
  readonly message: string;
}

const MAGIC = utf8('lnkit regtest chain 1\n');
const KIND = { block: 1, invalidate: 2, reconsider: 3, tx: 4, faucetKey: 5 } as const;

/** A chain in memory, with a faucet of a random key. */
export function openRegtestInMemory(options: Omit<RegtestOptions, 'record'> = {}): OpenRegtest {
  const chain = new RegtestChain(options);
  return { chain, faucet: new Faucet(chain, newKey()), close: () => undefined };
}

/** The chain of a file, made where there is none. One process at a time. */
export function openRegtestFile(path: string, options: Omit<RegtestOptions, 'record'> = {}): Result<OpenRegtest, RegtestFileFailure> {
  mkdirSync(dirname(path), { recursive: true });
  const lock = takeLock(`${path}.lock`);
  if (!lock.ok) return lock;
  const handle = openSync(path, 'a+', 0o600);
  const stored = readFileSync(path);
  const read = readRecords(stored);
  if (!read.ok) {
    closeSync(handle);
    lock.value();
    return fail({ code: 'STORE_CORRUPT', message: `${path}: ${read.failure}` });
  }
  const append = (kind: number, payload: Bytes): void => void writeSync(handle, frame(kind, payload));
  if (stored.length === 0) writeSync(handle, MAGIC);
  else if (read.value.end < stored.length) ftruncateSync(handle, read.value.end);
  let restoring = true;
  const chain = new RegtestChain({ ...options, record: (record) => restoring || append(...encodeRecord(record)) });
  chain.restore(read.value.records);
  restoring = false;
  const key = read.value.faucetKey ?? newKey();
  if (read.value.faucetKey === null) append(KIND.faucetKey, key);
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    closeSync(handle);
    lock.value();
  };
  return ok({ chain, faucet: new Faucet(chain, key), close });
}

function encodeRecord(record: ChainRecord): [number, Bytes] {
  if (record.kind === 'block') return [KIND.block, encodeBlock(record.block)];
  if (record.kind === 'tx') return [KIND.tx, encodeTx(record.tx)];
  return [KIND[record.kind], record.hash];
}

interface Stored {
  readonly records: readonly ChainRecord[];
  readonly faucetKey: Bytes | null;
  /** Where the last whole record ends. */
  readonly end: number;
}

function readRecords(stored: Bytes): Result<Stored, string> {
  if (stored.length === 0) return ok({ records: [], faucetKey: null, end: 0 });
  if (!equal(stored.subarray(0, MAGIC.length), MAGIC)) return fail('not a regtest chain of this program, or of a newer version of it');
  const records: ChainRecord[] = [];
  let faucetKey: Bytes | null = null;
  let at = MAGIC.length;
  while (at + 9 <= stored.length) {
    const view = new DataView(stored.buffer, stored.byteOffset + at);
    const [kind, length] = [view.getUint8(0), view.getUint32(1)];
    if (at + 9 + length > stored.length) break;
    const payload = new Uint8Array(stored.subarray(at + 5, at + 5 + length));
    if (!equal(stored.subarray(at + 5 + length, at + 9 + length), checksum(payload))) return fail(`the record at byte ${at} is damaged`);
    const record = decodeRecord(kind, payload);
    if (record === null) return fail(`the record at byte ${at} cannot be read`);
    if (record === 'faucetKey') faucetKey = payload;
    else records.push(record);
    at += 9 + length;
  }
  return ok({ records, faucetKey, end: at });
}

function decodeRecord(kind: number, payload: Bytes): ChainRecord | 'faucetKey' | null {
  switch (kind) {
    case KIND.block: {
      const block = decodeBlock(payload);
      return block.ok ? { kind: 'block', block: block.value } : null;
    }
    case KIND.tx: {
      const tx = decodeTx(payload);
      return tx.ok ? { kind: 'tx', tx: tx.value } : null;
    }
    case KIND.invalidate:
    case KIND.reconsider:
      if (payload.length !== 32) return null;
      return { kind: kind === KIND.invalidate ? 'invalidate' : 'reconsider', hash: payload as BlockHash };
    case KIND.faucetKey:
      return payload.length === 32 ? 'faucetKey' : null;
    default:
      return null;
  }
}

function frame(kind: number, payload: Bytes): Bytes {
  const head = new Uint8Array(5);
  head[0] = kind;
  new DataView(head.buffer).setUint32(1, payload.length);
  return concat(head, payload, checksum(payload));
}

const checksum = (payload: Bytes): Bytes => sha256d(payload).subarray(0, 4);
const newKey = (): Bytes => new Uint8Array(randomBytes(32));

/** A file with the holder's process id; one whose holder has ended is taken over. Gives the function that releases it. */
function takeLock(path: string): Result<() => void, RegtestFileFailure> {
  for (;;) {
    try {
      const handle = openSync(path, 'wx', 0o600);
      writeSync(handle, `${process.pid}\n`);
      closeSync(handle);
      return ok(() => unlinkSync(path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = Number.parseInt(readFileSync(path, 'utf8'), 10);
      if (isRunning(holder)) return fail({ code: 'STORE_LOCKED', message: `${path} is held by process ${holder}` });
      unlinkSync(path);
    }
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
