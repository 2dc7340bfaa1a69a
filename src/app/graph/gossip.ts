// Gossip of files in and out, and what a run of gossip did.
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Bytes, concat } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { unixTime } from '../../base/units.ts';
import { crc32c } from '../../bolt/gossip/checksum.ts';
import { openChain, parseChainUrl } from '../../io/chain/open.ts';
import { GraphDatabase } from '../../io/gossip/database.ts';
import { type GossipService, type GossipStatus, openGossip } from '../../io/gossip/service.ts';
import { lockDirectory } from '../../store/store.ts';
import { networkDir, type Settings } from '../config.ts';
import { AppError } from '../error.ts';
import type { Fraction } from '../operation.ts';
import { choice, count, flag, object, record, type TypeOf, text } from '../schema.ts';
import { statsOf } from './show.ts';
import type { GraphSource } from './source.ts';

const counts = {
  nodes: count(),
  channels: count(),
  updates: count({ description: 'directions of channels whose policy is known' }),
  accepted: count({ description: 'messages that were new' }),
  rejected: count({ description: 'messages that were not taken' }),
  refused: record(count(), { description: 'the same by reason' }),
};
export const statusSchema = object({ ...counts, synced: flag(), peers: count(), waiting: count(), assume_valid: flag(), learned: count() });
export const syncSchema = object({
  ...counts,
  complete: flag({ description: 'a peer was asked for all it knows' }),
  peers: count(),
  duration_ms: count(),
});
export const importSchema = object({
  ...counts,
  file: text(),
  format: choice(['gossip_store', 'rapid', 'messages']),
  messages: count(),
  assume_valid: flag(),
  duration_ms: count(),
});
export const exportSchema = object({
  file: text(),
  channels: count(),
  updates: count(),
  nodes: count(),
  unsigned: count(),
  bytes: count(),
});
type StatusJson = TypeOf<typeof statusSchema>;
export type ImportJson = TypeOf<typeof importSchema>;
export type ExportJson = TypeOf<typeof exportSchema>;

export function countsOf(status: GossipStatus) {
  const refused = status.refused as { readonly [reason: string]: number };
  const rejected = Object.values(refused).reduce((sum, one) => sum + one, 0);
  return { nodes: status.nodes, channels: status.channels, updates: status.updates, accepted: status.accepted, rejected, refused };
}

/** Of a graph that nobody serves now. */
export function storedStatus(source: GraphSource): StatusJson {
  const { nodes, channels, updates, learned } = statsOf(source);
  const idle = { accepted: 0, rejected: 0, refused: {}, synced: false, peers: 0, waiting: 0, assume_valid: false };
  return { nodes, channels, updates, learned, ...idle };
}

/** What has happened between two looks at a service. */
export function since(before: GossipStatus, after: GossipStatus) {
  const refused: Record<string, number> = {};
  const old = before.refused as { readonly [reason: string]: number };
  for (const [reason, number] of Object.entries(after.refused))
    if (number > (old[reason] ?? 0)) refused[reason] = number - (old[reason] ?? 0);
  return countsOf({ ...after, accepted: after.accepted - before.accepted, refused });
}

const PROGRESS_MS = 200;

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
const grouped = (count: number): string => count.toLocaleString('en');

/** What a person watches while gossip is taken in. */
export const countsText = (now: { readonly channels: number; readonly updates: number; readonly waiting: number }): string =>
  `${grouped(now.channels)} channels, ${grouped(now.updates)} updates, ${grouped(now.waiting)} messages wait for their signatures`;

/** The same of a sync, of whose channels the peer has told how many there are, or not yet. */
export const syncText = (now: GossipStatus): string =>
  now.sync === null ? countsText(now) : `${grouped(now.sync.done)} of ${grouped(now.sync.total)} channels asked for: ${countsText(now)}`;

/** Takes in a file. Throws NOT_FOUND or MALFORMED. */
export async function importInto(
  service: GossipService,
  part: { readonly file: string; readonly assumeValid: boolean; progress(text: string, of?: Fraction): void },
): Promise<ImportJson> {
  if (!existsSync(part.file)) throw new AppError({ code: 'NOT_FOUND', message: `there is no ${part.file}` });
  const started = performance.now();
  const before = service.status();
  let read: Fraction = { done: 0, total: 0 };
  const told = setInterval(() => {
    const { channels, updates, waiting } = service.status();
    const text = `${megabytes(read.done)} of ${megabytes(read.total)} MB: ${countsText({ channels, updates, waiting })}`;
    part.progress(text, read);
  }, PROGRESS_MS);
  const imported = await service
    .importGossip(part.file, (fraction) => {
      read = fraction;
    })
    .finally(() => clearInterval(told));
  if (!imported.ok) throw new AppError({ code: 'MALFORMED', message: imported.failure.message, hint: imported.failure.hint });
  const { format, messages } = imported.value;
  const duration_ms = Math.round(performance.now() - started);
  return { ...since(before, service.status()), file: part.file, format, messages, assume_valid: part.assumeValid, duration_ms };
}

/** Takes in a file where no daemon runs and no wallet need be: the graph is opened by itself. Throws STORE_LOCKED where another lnkit has it. */
export async function importStored(
  settings: Settings,
  part: { readonly file: string; readonly assumeValid: boolean; progress(text: string, of?: Fraction): void },
): Promise<ImportJson> {
  const { network } = settings;
  const directory = networkDir(settings);
  const source = part.assumeValid ? null : chainOf(settings);
  const lock = lockDirectory({ directory, command: 'lnkit gossip import' });
  const service = await openGossip({
    directory,
    network,
    nodeId: new Uint8Array(33) as NodeId,
    send() {},
    punish() {},
    now: () => unixTime(Math.floor(Date.now() / 1000)),
    chain: source,
    log() {},
  });
  try {
    return await importInto(service, part);
  } finally {
    await service.close();
    source?.close();
    lock.release();
  }
}

function chainOf(settings: Settings) {
  if (settings.chain === null)
    throw new AppError({
      code: 'CHAIN_UNREACHABLE',
      message: 'no chain backend is configured to look the funding outputs up in',
      hint: 'give --chain, or take them for granted with --assume-valid',
    });
  const address = parseChainUrl(settings.chain, settings.network);
  if (!address.ok) throw new AppError(address.failure);
  return openChain(address.value);
}

/** Core Lightning's gossip_store, version 0.12: one byte, then (flags u16, length u16, crc32c u32, timestamp u32, message). */
const STORE_VERSION = 0x0c;
const CHANNEL_AMOUNT = 4101;
const CHUNK_BYTES = 1 << 20;

/** Writes every signed announcement and update as a gossip_store. Throws NOT_FOUND, or USAGE where the file cannot be written. */
export function exportStored(directory: string, path: string): ExportJson {
  const file = join(directory, 'graph.db');
  if (!existsSync(file))
    throw new AppError({ code: 'NOT_FOUND', message: `there is no graph in ${directory}`, hint: 'sync it with `lnkit gossip sync`' });
  const database = new GraphDatabase(file);
  try {
    const out = new StoreWriter(path);
    const told = { channels: 0, updates: 0, nodes: 0, unsigned: 0 };
    for (const row of database.everything()) {
      if (row.kind === 'unsigned') told.unsigned++;
      else if (row.kind === 'node') {
        out.record(row.message);
        told.nodes++;
      } else {
        out.record(row.announcement);
        out.record(amountRecord(row.capacitySat));
        for (const update of row.updates) out.record(update);
        told.channels++;
        told.updates += row.updates.length;
      }
    }
    return { file: path, ...told, bytes: out.close() };
  } finally {
    database.close();
  }
}

function amountRecord(capacitySat: bigint): Bytes {
  const bytes = new Uint8Array(10);
  const at = new DataView(bytes.buffer);
  at.setUint16(0, CHANNEL_AMOUNT);
  at.setBigUint64(2, capacitySat);
  return bytes;
}

/** Where a channel_update and a node_announcement have their timestamps; other records have none. */
function timestampOf(message: Bytes): number {
  const at = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const type = at.getUint16(0);
  if (type === 258) return at.getUint32(2 + 64 + 32 + 8);
  return type === 257 ? at.getUint32(2 + 64 + 2 + at.getUint16(2 + 64)) : 0;
}

class StoreWriter {
  readonly #file: number;
  #parts: Bytes[] = [Uint8Array.of(STORE_VERSION)];
  #waiting = 1;
  #written = 0;

  constructor(path: string) {
    try {
      this.#file = openSync(path, 'w', 0o644);
    } catch (error) {
      throw new AppError({ code: 'USAGE', message: `${path} cannot be written: ${(error as Error).message}` });
    }
  }

  record(message: Bytes): void {
    const head = new Uint8Array(12);
    const at = new DataView(head.buffer);
    at.setUint16(2, message.length);
    at.setUint32(8, timestampOf(message));
    at.setUint32(4, crc32c(message, crc32c(head.subarray(8))));
    this.#parts.push(head, message);
    this.#waiting += head.length + message.length;
    if (this.#waiting >= CHUNK_BYTES) this.#flush();
  }

  close(): number {
    this.#flush();
    closeSync(this.#file);
    return this.#written;
  }

  #flush(): void {
    this.#written += writeSync(this.#file, concat(...this.#parts));
    this.#parts = [];
    this.#waiting = 0;
  }
}
