import type { Bytes } from '../base/bytes.ts';
import { bigsize, bigsizeNumber, type Codec, encodeWith, type ValueOf } from './codec.ts';
import { CodecError, Reader, within } from './reader.ts';

/** One record as it stands on the wire. */
export interface TlvRecord {
  readonly type: bigint;
  readonly value: Bytes;
}

// biome-ignore lint/suspicious/noExplicitAny: the variance of Codec needs it here and only here
export type TlvFields = { readonly [name: string]: readonly [type: bigint, codec: Codec<any>] };
/** Known records by name, absent ones left out; odd records nobody knows in `unknown`, as received. */
export type TlvValues<F extends TlvFields> = { readonly [K in keyof F]?: ValueOf<F[K][1]> } & { readonly unknown?: readonly TlvRecord[] };

/**
 * A TLV stream up to the end of the enclosing record (BOLT 1, "Type-Length-Value Format"): types strictly increasing, lengths minimal,
 * unknown even types refused, unknown odd types kept raw and written back in their place.
 */
export function tlvStream<F extends TlvFields>(fields: F): Codec<TlvValues<F>> {
  const byType = new Map(Object.entries(fields).map(([name, [type, codec]]) => [type, [name, codec] as const]));
  return {
    write(to, values) {
      const records: TlvRecord[] = [...(values.unknown ?? [])];
      for (const [name, [type, codec]] of Object.entries(fields)) {
        const value = (values as Record<string, unknown>)[name];
        if (value !== undefined) records.push({ type, value: encodeWith(codec, value) });
      }
      records.sort((a, b) => (a.type < b.type ? -1 : 1));
      for (const record of records) writeRecord(to, record);
    },
    read(from) {
      const out: Record<string, unknown> = {};
      const unknown: TlvRecord[] = [];
      for (const record of readRecords(from)) {
        const known = byType.get(record.type);
        if (known === undefined) {
          // BOLT 1: "if type is even: MUST fail to parse the tlv_stream"
          if (record.type % 2n === 0n) throw new CodecError(`unknown even type ${record.type}`);
          unknown.push({ type: record.type, value: record.value.slice() });
          continue;
        }
        out[known[0]] = within(known[0], () => {
          const reader = new Reader(record.value);
          const value = known[1].read(reader);
          if (reader.left !== 0) throw new CodecError(`${reader.left} bytes left over`);
          return value;
        });
      }
      if (unknown.length > 0) out['unknown'] = unknown;
      return out as TlvValues<F>;
    },
  };
}

function writeRecord(to: Parameters<Codec<unknown>['write']>[0], record: TlvRecord): void {
  bigsize.write(to, record.type);
  bigsizeNumber.write(to, record.value.length);
  to.bytes(record.value);
}

/** The records up to the end of the enclosing record, types strictly increasing; values are views on the input. */
export function* readRecords(from: Reader): IterableIterator<TlvRecord> {
  let last = -1n;
  while (from.left > 0) {
    const type = within('type', () => bigsize.read(from));
    if (type <= last) throw new CodecError(type === last ? `type ${type} twice` : `type ${type} after ${last}`);
    last = type;
    const length = within('length', () => bigsize.read(from));
    if (length > BigInt(from.left)) throw new CodecError(`record of ${length} bytes, ${from.left} left`);
    yield { type, value: from.take(Number(length)) };
  }
}

/** A stream of records that nobody interprets. */
export const rawTlvStream: Codec<readonly TlvRecord[]> = {
  write(to, records) {
    for (const record of records) writeRecord(to, record);
  },
  read: (from) => [...readRecords(from)].map(({ type, value }) => ({ type, value: value.slice() })),
};
