import { type Bytes, toHex, tryText } from '../../src/base/bytes.ts';
import type { Batch, HistoryRow, Row, StoredState } from '../../src/node/batch.ts';

/** What the SQLite store keeps, in memory: a batch is written whole or not at all. */
export class MemoryStore {
  readonly #tables: ReadonlyMap<Row['table'], Map<string, Row>>;
  readonly history: HistoryRow[];
  commits = 0;

  constructor(copy: MemoryStore | null = null) {
    const names: readonly Row['table'][] = ['channel', 'extras', 'payment', 'invoice', 'forward', 'peer', 'meta'];
    this.#tables = new Map(names.map((name) => [name, new Map(copy?.rows(name))]));
    this.history = [...(copy?.history ?? [])];
  }

  rows(table: Row['table']): ReadonlyMap<string, Row> {
    return this.#tables.get(table) as Map<string, Row>;
  }

  row<T extends Row['table']>(table: T, key: Bytes): Extract<Row, { table: T }> | undefined {
    return this.rows(table).get(toHex(key)) as Extract<Row, { table: T }> | undefined;
  }

  commit(batch: Batch): void {
    for (const row of batch.rows) {
      const table = this.#tables.get(row.table) as Map<string, Row>;
      if (row.blob === null) table.delete(toHex(row.key));
      else table.set(toHex(row.key), row);
    }
    this.history.push(...batch.history);
    this.commits++;
  }

  load(): StoredState {
    const open = [...this.rows('channel').values()].filter((row) => row.table === 'channel' && row.blob !== null && !row.closed);
    const keys = new Set(open.map((row) => toHex(row.key)));
    return {
      channels: blobs(open),
      extras: blobs([...this.rows('extras')].filter(([key]) => keys.has(key)).map(([, row]) => row)),
      payments: blobs([...this.rows('payment').values()].filter((row) => row.table === 'payment' && row.status === 'pending')),
      invoices: blobs(
        [...this.rows('invoice').values()].filter((row) => row.table === 'invoice' && (row.state === 'open' || row.state === 'accepted')),
      ),
      forwards: [...this.rows('forward').values()].map((row) => ({ key: row.key, blob: row.blob as Bytes })),
      peers: blobs([...this.rows('peer').values()]),
      meta: new Map([...this.rows('meta').values()].map((row) => [tryText(row.key) as string, row.blob as Bytes])),
    };
  }
}

/** Copies, as a database gives them: nothing in memory shares bytes with what is stored. */
const blobs = (rows: readonly Row[]): readonly Bytes[] => rows.flatMap(({ blob }) => (blob === null ? [] : [blob.slice()]));
