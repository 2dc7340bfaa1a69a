import { type AnyFields, type Codec, struct, type ValuesOf } from './codec.ts';
import { within } from './reader.ts';
import { type TlvFields, type TlvValues, tlvStream } from './tlv.ts';

/** One Lightning message: its number, the BOLT's name, its fields in order, and its TLV stream. */
export interface MessageDefinition<Name extends string, F extends AnyFields, T extends TlvFields> {
  readonly type: number;
  readonly name: Name;
  readonly fields: F;
  readonly tlvs: T;
  /** Of what follows the two bytes of the type. */
  readonly codec: Codec<{ readonly name: Name; readonly tlvs: TlvValues<T> } & ValuesOf<F>>;
}

export type MessageOf<D> =
  D extends MessageDefinition<infer Name, infer F, infer T> ? { readonly name: Name; readonly tlvs: TlvValues<T> } & ValuesOf<F> : never;

const NO_TLVS = {} as const;

/** Declares a message once: codec, type, JSON and fuzzing are derived from this. */
export function message<const Name extends string, F extends AnyFields, T extends TlvFields = Record<never, never>>(
  type: number,
  name: Name,
  fields: F,
  tlvs: T = NO_TLVS as T,
): MessageDefinition<Name, F, T> {
  const body = struct(fields);
  const stream = tlvStream(tlvs);
  return {
    type,
    name,
    fields,
    tlvs,
    codec: {
      write(to, value) {
        body.write(to, value);
        stream.write(to, value.tlvs);
      },
      read: (from) => within(name, () => ({ name, ...body.read(from), tlvs: within('tlvs', () => stream.read(from)) })),
    },
  };
}
