import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { utf8 } from '../../../src/base/bytes.ts';
import type { ChannelId, NodeId, PaymentHash } from '../../../src/base/ids.ts';
import { msat, unixTime } from '../../../src/base/units.ts';
import type { Batch, Row } from '../../../src/node/batch.ts';
import { takeLock } from '../../../src/store/lock.ts';
import { APPLICATION_ID, MIGRATIONS } from '../../../src/store/schema.ts';
import { metaKey, openStore, type Store, StoreError } from '../../../src/store/store.ts';

const directories: string[] = [];
const stores: Store[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'lnkit-store-'));
  directories.push(directory);
  return directory;
}

function open(directory: string, part: { readonly create?: boolean; readonly migrations?: readonly string[] } = {}): Store {
  const store = openStore({ directory, create: part.create ?? false, command: 'lnkit test', ...part });
  stores.push(store);
  return store;
}

function close(store: Store): void {
  stores.splice(stores.indexOf(store), 1);
  store.close();
}

/** The code that opening fails with, and that it changed no byte of the store. */
function refusal(directory: string, part: { readonly create?: boolean } = {}): string {
  const bytes = (): string => readFileSync(join(directory, 'node.db')).toString('hex');
  const before = bytes();
  try {
    open(directory, part);
  } catch (error) {
    expect(bytes()).toBe(before);
    // The lock is given back.
    const lock = takeLock(directory, 'after');
    if ('holder' in lock) throw new Error('the lock is still held');
    lock.release();
    return error instanceof StoreError ? error.code : `${error}`;
  }
  return 'opened';
}

const key = (n: number, length = 32): Uint8Array => new Uint8Array(length).fill(n);
const payment = (n: number, part: Partial<Extract<Row, { table: 'payment' }>> = {}): Row => ({
  ...{ table: 'payment', key: key(n) as PaymentHash, blob: utf8(`payment ${n}`), status: 'pending', destination: key(2, 33) as NodeId },
  ...{ amountMsat: msat(1_000), idempotencyKey: null, createdAt: unixTime(n) },
  ...part,
});
const channel = (n: number, closed = false): Row => ({
  ...{ table: 'channel', key: key(n) as ChannelId, blob: utf8(`channel ${n}`), peer: key(2, 33) as NodeId, phase: 'normal', closed },
});
const extras = (n: number): Row => ({ table: 'extras', key: key(n) as ChannelId, blob: utf8(`extras ${n}`) });
const batch = (...rows: readonly Row[]): Batch => ({ rows, history: [] });
const texts = (blobs: readonly Uint8Array[]): readonly string[] => blobs.map((blob) => new TextDecoder().decode(blob)).sort();

test('a new store is durable at every commit, readable by its owner only, and says so', () => {
  const directory = place();
  const store = open(directory, { create: true });
  expect(store.synchronous()).toBe('FULL');
  expect(statSync(store.path).mode & 0o777).toBe(0o600);
  const raw = new Database(store.path, { readonly: true });
  expect([raw.pragma('journal_mode', { simple: true }), raw.pragma('application_id', { simple: true })]).toEqual(['wal', APPLICATION_ID]);
  expect(raw.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length);
  raw.close();
});

test('what was committed is there after the process died without closing, and only that', async () => {
  const directory = place();
  const store = open(directory, { create: true });
  await store.commit(batch(payment(1), channel(1), extras(1), { table: 'meta', key: metaKey('cursor'), blob: utf8('here') }));
  await store.commit({ rows: [], history: [{ subject: key(1), at: unixTime(5), what: 'note', blob: utf8('n') }] });
  // Another process looks at the files as they are now.
  const raw = new Database(store.path, { readonly: true });
  expect(raw.prepare('SELECT count(*) FROM payment').pluck().get()).toBe(1);
  raw.close();
  expect(store.commits).toBe(2);
  close(store);
  const again = open(directory);
  const loaded = again.load();
  expect([texts(loaded.payments), texts(loaded.channels), texts(loaded.extras)]).toEqual([['payment 1'], ['channel 1'], ['extras 1']]);
  expect(new TextDecoder().decode(loaded.meta.get('cursor'))).toBe('here');
  expect(again.history(key(1))).toMatchObject([{ at: 5, what: 'note' }]);
});

test('a batch is written whole or not at all', async () => {
  const store = open(place(), { create: true });
  await store.commit(batch(payment(1)));
  const wrong = { ...payment(3), amountMsat: msat(2n ** 70n) } as Row;
  await expect(store.commit(batch(payment(2), wrong))).rejects.toThrow();
  expect(store.payment(key(2) as PaymentHash)).toBe(null);
  expect(store.commits).toBe(1);
  await store.commit(batch(payment(2)));
  expect(store.payment(key(2) as PaymentHash)).not.toBe(null);
});

test('an empty batch costs no commit', async () => {
  const store = open(place(), { create: true });
  await store.commit(batch());
  expect(store.commits).toBe(0);
});

test('only what is not finished is loaded, and the rest is found by key and in lists', async () => {
  const store = open(place(), { create: true });
  const invoice = (n: number, state: string): Row => ({
    ...{ table: 'invoice', key: key(n) as PaymentHash, blob: utf8(`invoice ${n}`), state, createdAt: unixTime(n) },
  });
  await store.commit(batch(payment(1), payment(2, { status: 'settled', idempotencyKey: 'gift' }), payment(3, { status: 'failed' })));
  await store.commit(
    batch(invoice(1, 'open'), invoice(2, 'accepted'), invoice(3, 'settled'), invoice(4, 'cancelled'), invoice(5, 'expired')),
  );
  await store.commit(batch(channel(1), extras(1), channel(2, true), extras(2)));
  const loaded = store.load();
  expect(texts(loaded.payments)).toEqual(['payment 1']);
  expect(texts(loaded.invoices)).toEqual(['invoice 1', 'invoice 2']);
  expect([texts(loaded.channels), texts(loaded.extras)]).toEqual([['channel 1'], ['extras 1']]);
  expect(texts(store.closedChannels())).toEqual(['channel 2']);
  expect(texts(store.payments({ limit: 2 }))).toEqual(['payment 2', 'payment 3']);
  expect(texts(store.payments({ limit: 2, offset: 2 }))).toEqual(['payment 1']);
  expect(texts([store.paymentByKey('gift') as Uint8Array])).toEqual(['payment 2']);
  expect(store.paymentByKey('other')).toBe(null);
  expect(texts([store.invoice(key(3) as PaymentHash) as Uint8Array])).toEqual(['invoice 3']);
});

test('a row is replaced by its key, and removed with no blob', async () => {
  const store = open(place(), { create: true });
  await store.commit(batch(channel(1), payment(1)));
  await store.commit(
    batch({ table: 'channel', key: key(1) as ChannelId, blob: null }, payment(1, { status: 'settled', blob: utf8('new') })),
  );
  expect(store.load().channels).toEqual([]);
  expect(texts([store.payment(key(1) as PaymentHash) as Uint8Array])).toEqual(['new']);
});

test('a second process is told who holds the store, and a lock of a dead one is free', () => {
  const directory = place();
  const store = open(directory, { create: true });
  let told: unknown = null;
  try {
    open(directory);
  } catch (error) {
    told = error;
  }
  expect(told).toMatchObject({ code: 'STORE_LOCKED' });
  expect((told as Error).message).toContain(`\`lnkit test\` (process ${process.pid})`);
  close(store);
  // A holder's note that nobody holds the lock for is of no account.
  writeFileSync(join(directory, 'node.holder'), '{"pid":1,"command":"dead","since":0}');
  close(open(directory));
});

test('the note of the holder may be anything', () => {
  for (const note of ['', '{', '[]', '{"pid":"x"}', 'null']) {
    const directory = place();
    open(directory, { create: true });
    writeFileSync(join(directory, 'node.holder'), note);
    expect(() => open(directory)).toThrow('another process');
  }
});

test('a lock file that is no database is reported as what it is', () => {
  const directory = place();
  close(open(directory, { create: true }));
  writeFileSync(join(directory, 'node.lock'), 'x'.repeat(4096));
  expect(() => open(directory)).toThrow(StoreError);
  expect(() => open(directory)).toThrow('the lock');
});

test('there is no store where none was made', () => {
  const directory = place();
  expect(() => open(directory)).toThrow('there is no wallet');
  expect(readdirSync(directory)).toEqual([]);
});

test('a store of a newer version is refused, and not one byte of it changes', () => {
  const directory = place();
  close(open(directory, { create: true }));
  const raw = new Database(join(directory, 'node.db'));
  raw.pragma(`user_version = ${MIGRATIONS.length + 1}`);
  raw.close();
  expect(refusal(directory)).toBe('STORE_VERSION');
});

test('a file that is no store of ours is refused, and not one byte of it changes', () => {
  const foreign = place();
  const raw = new Database(join(foreign, 'node.db'));
  raw.exec('CREATE TABLE notes (text TEXT)');
  raw.close();
  expect(refusal(foreign)).toBe('STORE_CORRUPT');
  expect(refusal(foreign, { create: true })).toBe('STORE_CORRUPT');
  const text = place();
  writeFileSync(join(text, 'node.db'), 'this is no database, whatever its name may say. '.repeat(100));
  expect(refusal(text)).toBe('STORE_CORRUPT');
  const other = place();
  const named = new Database(join(other, 'node.db'));
  named.pragma('application_id = 77');
  named.close();
  expect(refusal(other)).toBe('STORE_CORRUPT');
});

test('a damaged store is refused, and not one byte of it changes', async () => {
  const directory = place();
  const store = open(directory, { create: true });
  await store.commit(batch(...Array.from({ length: 200 }, (_, n) => payment(n + 1, { blob: key(n, 1000) }))));
  close(store);
  const path = join(directory, 'node.db');
  const bytes = readFileSync(path);
  bytes.fill(0xaa, 8192, 8192 + 4096);
  writeFileSync(path, bytes);
  expect(refusal(directory)).toBe('STORE_CORRUPT');
  truncateSync(path, 4096);
  expect(refusal(directory)).toBe('STORE_CORRUPT');
});

test('an empty file where a store should be is a lost store, not a new one', () => {
  const directory = place();
  close(open(directory, { create: true }));
  writeFileSync(join(directory, 'node.db'), '');
  expect(refusal(directory)).toBe('STORE_CORRUPT');
});

test('a store without one of its tables is reported as damaged when it is read', () => {
  const directory = place();
  close(open(directory, { create: true }));
  const raw = new Database(join(directory, 'node.db'));
  raw.exec('DROP TABLE invoice');
  raw.close();
  const store = open(directory);
  expect(() => store.load()).toThrow(StoreError);
});

const NEXT = [...MIGRATIONS, 'ALTER TABLE peer ADD COLUMN note TEXT', 'CREATE TABLE more (key BLOB PRIMARY KEY) STRICT'];

test('an older store is brought forward in one transaction, with a backup of what it was', async () => {
  const directory = place();
  const store = open(directory, { create: true });
  await store.commit(batch(payment(1)));
  close(store);
  const moved = open(directory, { migrations: NEXT });
  expect(texts(moved.load().payments)).toEqual(['payment 1']);
  close(moved);
  const backup = join(directory, `node.db.v${MIGRATIONS.length}.bak`);
  expect(statSync(backup).mode & 0o777).toBe(0o600);
  const old = new Database(backup, { readonly: true });
  expect(old.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length);
  expect(old.prepare('SELECT count(*) FROM payment').pluck().get()).toBe(1);
  old.close();
  // Of the version before it is now a store of tomorrow.
  expect(refusal(directory)).toBe('STORE_VERSION');
});

test('a migration that fails leaves the store as it was, and one that a crash cut short is done again', () => {
  const directory = place();
  close(open(directory, { create: true }));
  expect(() => open(directory, { migrations: [...NEXT, 'CREATE NONSENSE'] })).toThrow();
  const raw = new Database(join(directory, 'node.db'), { readonly: true });
  expect(raw.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length);
  expect(raw.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").pluck().get()).toBe(0);
  raw.close();
  // The backup is there from before, and half of another one.
  expect(existsSync(join(directory, `node.db.v${MIGRATIONS.length}.bak`))).toBe(true);
  writeFileSync(join(directory, `node.db.v${MIGRATIONS.length}.bak.part`), 'half');
  close(open(directory, { migrations: NEXT }));
  expect(readdirSync(directory).filter((name) => name.endsWith('.part'))).toEqual([]);
});

test('a store made readable for others is closed to them again', () => {
  const directory = place();
  close(open(directory, { create: true }));
  chmodSync(join(directory, 'node.db'), 0o644);
  const store = open(directory);
  expect(statSync(store.path).mode & 0o777).toBe(0o600);
});
