import fc from 'fast-check';
import type { Bytes } from '../../src/base/bytes.ts';
import {
  type AnyMessageDefinition,
  type Message,
  type MessageName,
  type MessageNamed,
  messageDefinitions,
} from '../../src/bolt/wire/message.ts';
import type { Shape } from '../../src/bolt/wire/types.ts';

/** Any valid message of one kind, made from the table alone: fields, records and unknown odd records. */
export function messageArbitrary<N extends MessageName>(name: N): fc.Arbitrary<MessageNamed<N>> {
  const definition = messageDefinitions.find((d) => d.name === name) as AnyMessageDefinition;
  const fields = Object.fromEntries(Object.entries(definition.fields).map(([field, codec]) => [field, shapeArbitrary(codec.shape)]));
  const message = fc
    .tuple(fc.record(fields), tlvsArbitrary(definition))
    .map(([values, tlvs]) => ({ name, ...values, tlvs }) as unknown as MessageNamed<N>);
  return message;
}

/** Any valid message. */
export const anyMessage: fc.Arbitrary<Message> = fc
  .constantFrom(...messageDefinitions.map((definition) => definition.name))
  .chain((name) => messageArbitrary(name) as fc.Arbitrary<Message>);

function tlvsArbitrary(definition: AnyMessageDefinition): fc.Arbitrary<Record<string, unknown>> {
  const known = Object.entries(definition.tlvs);
  const records = fc.record(Object.fromEntries(known.map(([name, [, codec]]) => [name, shapeArbitrary(codec.shape)])), {
    requiredKeys: [],
  });
  const types = new Set(known.map(([, [type]]) => type));
  return fc
    .tuple(records, unknownRecords(types))
    .map(([values, unknown]) => (unknown.length === 0 ? { ...values } : { ...values, unknown }));
}

/** BOLT 1: odd types that nobody knows, ascending. */
function unknownRecords(types: ReadonlySet<bigint>): fc.Arbitrary<{ type: bigint; value: Bytes }[]> {
  const oddType = fc
    .oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    .map((type) => type | 1n)
    .filter((type) => !types.has(type));
  return fc
    .uniqueArray(fc.record({ type: oddType, value: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 3, selector: (record) => record.type })
    .map((records) => records.toSorted((a, b) => (a.type < b.type ? -1 : 1)));
}

export function shapeArbitrary(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'number':
      return fc.integer({ min: 0, max: 2 ** shape.bits - 1 });
    case 'bigint':
      return shape.signed ? fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) : fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'bytes':
      return bytesArbitrary(shape.length);
    case 'point':
      return pointShaped;
    case 'var_bytes':
      return fc.uint8Array({ maxLength: 80 });
    case 'list': {
      const item = shapeArbitrary(shape.item);
      return typeof shape.count === 'number'
        ? fc.array(item, { minLength: shape.count, maxLength: shape.count })
        : fc.array(item, { maxLength: 6 });
    }
    case 'struct':
      return fc.record(Object.fromEntries(shape.fields.map(([name, field]) => [name, shapeArbitrary(field)])));
    case 'present':
      return fc.constant(true);
  }
}

/** 33 bytes with the first one of a compressed point. Most are not on the curve: the codec does not ask. */
const pointShaped: fc.Arbitrary<Bytes> = fc
  .tuple(fc.constantFrom(2, 3), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([first, x]) => Uint8Array.of(first, ...x));

/** Long strings come from one number, so that generating them costs little. */
function bytesArbitrary(length: number): fc.Arbitrary<Bytes> {
  if (length <= 64) return fc.uint8Array({ minLength: length, maxLength: length });
  return fc.integer({ min: 1, max: 0x7fffffff }).map((seed) => {
    const random = xorshift(seed);
    return Uint8Array.from({ length }, () => random() & 0xff);
  });
}

/** Pseudo-random 32-bit numbers that replay from a seed other than 0 (Marsaglia 2003). */
export function xorshift(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
