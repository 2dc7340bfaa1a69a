import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Bytes, equal } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { isRapid, readRapid } from '../../bolt/gossip/rapid.ts';
import { CHANNEL_ANNOUNCEMENT, messageTypeOf, readGossip, u32At } from '../../bolt/gossip/raw.ts';
import type { Intake } from './intake.ts';

export type GossipFormat = 'gossip_store' | 'rapid' | 'messages';

/** What an import did; how much of it was new or refused is in the service's counts. */
export interface Imported {
  readonly format: GossipFormat;
  readonly messages: number;
}

/** Told now and then: bytes that were read. */
export type Tell = (read: { readonly done: number; readonly total: number }) => void;

export interface ImportFailure {
  readonly code: 'INPUT';
  readonly message: string;
  readonly hint: string;
}

const refuse = (path: string, message: string): Result<never, ImportFailure> =>
  fail({
    code: 'INPUT',
    message: `${path}: ${message}`,
    hint: 'give a gossip_store of Core Lightning, a Rapid Gossip Sync snapshot, or length-prefixed messages',
  });

/** Above so many waiting messages reading pauses. */
const ENOUGH = 8_192;
/** Messages read in one turn of the event loop. */
const SLICE = 256;
const CHUNK_BYTES = 4 << 20;
/** A snapshot of the main network is 5 MB; what unpacks to more than this is made to fill our memory. */
const MAX_UNPACKED_BYTES = 64 << 20;
const unpack = promisify(gunzip);

/** Core Lightning's gossip_store: one byte of version, then records (flags u16, length u16, crc u32, timestamp u32, message). */
const STORE_MAJOR = 0;
const STORE_HEAD_BYTES = 12;
const DELETED = 0x8000;
/** Of an announcement: the channel's output is spent, and it is deleted some blocks later. */
const DYING = 0x0800;
const STORE_CHANNEL_AMOUNT = 4101;

/**
 * Takes in a file: Core Lightning's `gossip_store`, LDK's Rapid Gossip Sync snapshot (also gzipped), or messages each behind a u16 of their
 * length. Signatures are checked like those of a peer, except in a Rapid Gossip Sync snapshot, which has none.
 */
export async function importFile(
  path: string,
  intake: Intake,
  chainHash: Bytes,
  tell: Tell = () => {},
): Promise<Result<Imported, ImportFailure>> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    return refuse(path, (error as Error).message);
  }
  try {
    if (!fstatSync(file).isFile()) return refuse(path, 'not a regular file');
    const head = new Uint8Array(4);
    readSync(file, head, 0, 4, 0);
    if (isRapid(head) || (head[0] === 0x1f && head[1] === 0x8b)) {
      if (fstatSync(file).size > MAX_UNPACKED_BYTES) return refuse(path, 'too large for a Rapid Gossip Sync snapshot');
      return await importRapid(path, intake, chainHash);
    }
    const reader = new FileReader(file, tell);
    // Length-prefixed gossip begins with the length of a channel_announcement, 430 bytes or more: never with a version byte of 31 or less.
    const isStore = (head[0] as number) >> 5 === STORE_MAJOR && (head[0] as number) >= 9;
    return isStore ? await importStore(path, reader, intake) : await importMessages(path, reader, intake);
  } finally {
    await intake.idle();
    closeSync(file);
  }
}

async function importMessages(path: string, reader: FileReader, intake: Intake): Promise<Result<Imported, ImportFailure>> {
  let messages = 0;
  for (;;) {
    const head = reader.take(2);
    if (head === null) return messages === 0 ? refuse(path, 'an empty file') : ok({ format: 'messages', messages });
    const bytes = reader.take(((head[0] as number) << 8) | (head[1] as number));
    if (bytes === null) return refuse(path, `cut off after ${messages} messages`);
    if (messages === 0 && readGossip(bytes) === null) return refuse(path, 'not a file of gossip');
    messages++;
    intake.submit(bytes, { kind: 'file' });
    await pause(messages, intake, reader);
  }
}

async function importStore(path: string, reader: FileReader, intake: Intake): Promise<Result<Imported, ImportFailure>> {
  reader.take(1);
  let messages = 0;
  let records = 0;
  /** An announcement waits for the record of its amount, which follows it. */
  let announcement: Bytes | null = null;
  const submit = (bytes: Bytes, capacitySat?: number): void => {
    messages++;
    intake.submit(bytes, { kind: 'file' }, capacitySat);
  };
  for (;;) {
    const head = reader.take(STORE_HEAD_BYTES);
    const bytes = head === null ? null : reader.take(((head[2] as number) << 8) | (head[3] as number));
    if (head === null || bytes === null) {
      if (announcement !== null) submit(announcement);
      // A store that is being written ends in the middle of a record: what is whole counts.
      return messages > 0 || head === null ? ok({ format: 'gossip_store', messages }) : refuse(path, 'not a gossip_store');
    }
    const flags = ((head[0] as number) << 8) | (head[1] as number);
    await pause(++records, intake, reader);
    if (bytes.length < 2 || (flags & (DELETED | DYING)) !== 0) continue;
    const type = messageTypeOf(bytes);
    if (type === STORE_CHANNEL_AMOUNT && announcement !== null && bytes.length >= 10) {
      submit(announcement, u32At(bytes, 2) * 2 ** 32 + u32At(bytes, 6));
      announcement = null;
      continue;
    }
    if (announcement !== null) submit(announcement);
    announcement = null;
    if (type === CHANNEL_ANNOUNCEMENT) announcement = bytes;
    else if (type < 300) submit(bytes);
  }
}

async function importRapid(path: string, intake: Intake, chainHash: Bytes): Promise<Result<Imported, ImportFailure>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
    if (bytes[0] === 0x1f) bytes = await unpack(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (error) {
    return refuse(path, (error as Error).message);
  }
  const snapshot = await inSteps(readRapid(bytes));
  if (!snapshot.ok) return refuse(path, snapshot.failure);
  if (!equal(snapshot.value.chainHash, chainHash)) return refuse(path, 'of another chain');
  const refusal = await intake.takeDigest(snapshot.value);
  // As LDK: BOLT 7 lets channels without news for two weeks be pruned, which all of these would be.
  if (refusal !== null) return refuse(path, refusal === 'stale' ? 'a snapshot of more than two weeks ago' : 'a snapshot of the future');
  const { channels, updates, nodes } = snapshot.value;
  return ok({ format: 'rapid', messages: channels.length + updates.length + nodes.length });
}

/** Lets others run between the steps. */
async function inSteps<T>(steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets others run between slices, and waits while enough is under way. */
async function pause(count: number, intake: Intake, reader: FileReader): Promise<void> {
  if (count % SLICE === 0) reader.tell();
  if (intake.waiting >= ENOUGH) await intake.room(ENOUGH / 2);
  else if (count % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
}

/** Reads a file in chunks; what it gives out are views that stay valid, because every chunk is its own memory. */
class FileReader {
  readonly #file: number;
  readonly #tell: Tell;
  readonly #size: number;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  #read = 0;
  #isAtEnd = false;

  constructor(file: number, tell: Tell) {
    this.#file = file;
    this.#tell = tell;
    this.#size = fstatSync(file).size;
  }

  /** Says how much was given out. */
  tell(): void {
    this.#tell({ done: Math.min(this.#size, this.#read - this.#chunk.length + this.#at), total: this.#size });
  }

  /** The next `length` bytes, or null where the file ends before. */
  take(length: number): Uint8Array | null {
    if (this.#chunk.length - this.#at < length && !this.#isAtEnd) this.#refill(length);
    if (this.#chunk.length - this.#at < length || (length > 0 && this.#chunk.length === this.#at)) return null;
    this.#at += length;
    return this.#chunk.subarray(this.#at - length, this.#at);
  }

  #refill(length: number): void {
    const left = this.#chunk.subarray(this.#at);
    const next = new Uint8Array(Math.max(CHUNK_BYTES, length));
    next.set(left);
    const read = readSync(this.#file, next, left.length, next.length - left.length, this.#read);
    this.#read += read;
    this.#isAtEnd = read === 0;
    this.#chunk = next.subarray(0, left.length + read);
    this.#at = 0;
  }
}
