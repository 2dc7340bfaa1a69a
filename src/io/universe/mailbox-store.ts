import type { Bytes } from '../../base/bytes.ts';
import { equal } from '../../base/bytes.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Columns, plain, UniverseDatabase } from './database.ts';
import type { MailboxMessage } from './mailbox-contract.ts';

/** A landed migration is never changed. A claim stays when its message is removed: nobody pays once for two messages. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE claim (txid BLOB NOT NULL, vout INTEGER NOT NULL, receiver BLOB NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (txid, vout)) STRICT, WITHOUT ROWID;
  CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, receiver BLOB NOT NULL, payload BLOB NOT NULL, arrived_at INTEGER NOT NULL,
    block_height INTEGER NOT NULL, txid BLOB NOT NULL, vout INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX message_receiver ON message (receiver, id);
  `,
];

export interface MailboxLimits {
  readonly messages: number;
  readonly bytes: number;
  readonly messagesPerReceiver: number;
  readonly bytesPerReceiver: number;
}

export const MAILBOX_LIMITS: MailboxLimits = {
  messages: 200_000,
  bytes: 1024 * 1024 * 1024,
  messagesPerReceiver: 2_000,
  bytesPerReceiver: 32 * 1024 * 1024,
};

export interface NewMessage {
  readonly receiver: Bytes;
  readonly payload: Bytes;
  readonly outPoint: OutPoint;
  readonly blockHeight: number;
  readonly arrivedAt: number;
}

/** Which messages: each bound that is not null holds. */
export interface MessageFilter {
  readonly receiver: Bytes;
  readonly afterId: bigint;
  readonly fromHeight: number;
  readonly afterTime: number;
}

export type StoreRefusal = 'IN_USE' | 'FULL' | 'RECEIVER_FULL';

/** `mailbox.db`: encrypted messages until their receivers remove them. */
export class MailboxStore {
  readonly #database: UniverseDatabase;
  readonly #limits: MailboxLimits;
  #messages: number;
  #bytes: number;

  constructor(path: string, limits: Partial<MailboxLimits> = {}) {
    this.#database = new UniverseDatabase(path, MIGRATIONS);
    this.#limits = { ...MAILBOX_LIMITS, ...limits };
    const held = this.#database.one('SELECT count(*) AS n, coalesce(sum(length(payload)), 0) AS bytes FROM message');
    this.#messages = Number(held?.['n']);
    this.#bytes = Number(held?.['bytes']);
  }

  get messages(): number {
    return this.#messages;
  }

  /** The message of an outpoint for this receiver is there once, whoever sends it how often: the same id again. */
  add(message: NewMessage): Result<{ readonly id: bigint; readonly isNew: boolean }, StoreRefusal> {
    const { receiver, payload, outPoint } = message;
    const limits = this.#limits;
    return this.#database.write(() => {
      const claim = this.#database.one('SELECT receiver, message FROM claim WHERE txid = ? AND vout = ?', outPoint.txid, outPoint.vout);
      if (claim !== null)
        return equal(plain(claim['receiver']), receiver) ? ok({ id: claim['message'] as bigint, isNew: false }) : fail('IN_USE');
      if (this.#messages >= limits.messages || this.#bytes + payload.length > limits.bytes) return fail('FULL');
      const held = this.#database.one(
        'SELECT count(*) AS n, coalesce(sum(length(payload)), 0) AS bytes FROM message WHERE receiver = ?',
        receiver,
      );
      if (Number(held?.['n']) >= limits.messagesPerReceiver || Number(held?.['bytes']) + payload.length > limits.bytesPerReceiver)
        return fail('RECEIVER_FULL');
      const sql = 'INSERT INTO message (receiver, payload, arrived_at, block_height, txid, vout) VALUES (?, ?, ?, ?, ?, ?)';
      const { id } = this.#database.run(sql, receiver, payload, message.arrivedAt, message.blockHeight, outPoint.txid, outPoint.vout);
      this.#database.run('INSERT INTO claim VALUES (?, ?, ?, ?)', outPoint.txid, outPoint.vout, receiver, id);
      this.#messages += 1;
      this.#bytes += payload.length;
      return ok({ id, isNew: true });
    });
  }

  /** In the order in which they came. */
  find({ receiver, afterId, fromHeight, afterTime }: MessageFilter): readonly MailboxMessage[] {
    const sql = 'SELECT * FROM message WHERE receiver = ? AND id > ? AND block_height >= ? AND arrived_at > ? ORDER BY id';
    return this.#database.all(sql, receiver, afterId, fromHeight, afterTime).map(messageOf);
  }

  /** How many of them were there and were the receiver's. */
  remove(receiver: Bytes, ids: readonly bigint[]): number {
    return this.#database.write(() => {
      let removed = 0;
      for (const id of ids) removed += this.#remove('SELECT * FROM message WHERE id = ? AND receiver = ?', BigInt.asIntN(64, id), receiver);
      return removed;
    });
  }

  /** The outpoints that paid for messages, from a message on, of blocks up to a height. */
  outPoints(part: {
    readonly afterId: bigint;
    readonly upToHeight: number;
    readonly limit: number;
  }): readonly { readonly id: bigint; readonly outPoint: OutPoint }[] {
    const sql = 'SELECT id, txid, vout FROM message WHERE id > ? AND block_height <= ? ORDER BY id LIMIT ?';
    const rows = this.#database.all(sql, part.afterId, part.upToHeight, part.limit);
    return rows.map((row) => ({ id: row['id'] as bigint, outPoint: { txid: plain(row['txid']) as TxId, vout: Number(row['vout']) } }));
  }

  /** Of an output that is spent: its receiver has it. */
  forget(id: bigint): void {
    this.#database.write(() => this.#remove('SELECT * FROM message WHERE id = ?', id));
  }

  close(): void {
    this.#database.close();
  }

  #remove(sql: string, ...values: readonly (bigint | Bytes)[]): number {
    const row = this.#database.one(sql, ...values);
    if (row === null) return 0;
    this.#database.run('DELETE FROM message WHERE id = ?', row['id'] as bigint);
    this.#messages -= 1;
    this.#bytes -= plain(row['payload']).length;
    return 1;
  }
}

const messageOf = (row: Columns): MailboxMessage => ({
  id: row['id'] as bigint,
  encryptedPayload: plain(row['payload']),
  arrivedAt: Number(row['arrived_at']),
});
