import type { Json, JsonObject, Schema } from './operation.ts';

declare const value: unique symbol;
/** A JSON Schema that knows the type it describes. */
export type SchemaOf<T> = Schema & { readonly [value]?: T };
export type TypeOf<S> = S extends SchemaOf<infer T> ? T : never;

type Properties = { readonly [name: string]: SchemaOf<unknown> };
type Values<P extends Properties> = { readonly [K in keyof P]: TypeOf<P[K]> };

interface Notes {
  readonly description?: string;
}

export const text = (notes: Notes & { readonly pattern?: string; readonly format?: string } = {}): SchemaOf<string> => ({
  type: 'string',
  ...notes,
});
export const flag = (notes: Notes = {}): SchemaOf<boolean> => ({ type: 'boolean', ...notes });
export const count = (notes: Notes = {}): SchemaOf<number> => ({ type: 'integer', minimum: 0, ...notes });
export const decimal = (notes: Notes = {}): SchemaOf<number> => ({ type: 'number', ...notes });
/** An amount, exact whatever its size: a bigint where a number would not be. */
export const amount = (notes: Notes = {}): SchemaOf<number | bigint> => ({ type: 'integer', minimum: 0, ...notes });
/** An amount that may be below zero. */
export const delta = (notes: Notes = {}): SchemaOf<number | bigint> => ({ type: 'integer', ...notes });
/** Lower-case hexadecimal, of so many bytes where `bytes` is given. */
export const hex = (bytes?: number, notes: Notes = {}): SchemaOf<string> => ({
  type: 'string',
  pattern: bytes === undefined ? '^([0-9a-f]{2})*$' : `^[0-9a-f]{${2 * bytes}}$`,
  ...notes,
});
export const scid = (notes: Notes = {}): SchemaOf<string> => ({ type: 'string', pattern: '^\\d+x\\d+x\\d+$', ...notes });
/** A transaction output, `txid:vout`. */
export const outpoint = (notes: Notes = {}): SchemaOf<string> => ({ type: 'string', pattern: '^[0-9a-f]{64}:\\d+$', ...notes });
export const time = (notes: Notes = {}): SchemaOf<number> => ({ type: 'integer', description: 'unix seconds', ...notes });
export const choice = <const T extends readonly string[]>(options: T, notes: Notes = {}): SchemaOf<T[number]> => ({
  type: 'string',
  enum: options,
  ...notes,
});
export const list = <T>(items: SchemaOf<T>, notes: Notes = {}): SchemaOf<readonly T[]> => ({ type: 'array', items, ...notes });
/** Anything that JSON can say. */
export const anything = (notes: Notes = {}): SchemaOf<Json> => ({ ...notes });
export const nullable = <T>(schema: SchemaOf<T>, notes: Notes = {}): SchemaOf<T | null> => ({
  anyOf: [schema, { type: 'null' }],
  ...notes,
});
/** An object whose keys are not known beforehand. */
export const record = <T>(values: SchemaOf<T>, notes: Notes = {}): SchemaOf<{ readonly [key: string]: T }> => ({
  type: 'object',
  additionalProperties: values,
  ...notes,
});

/** An object: all of `required`, any of `optional`, nothing else. */
export function object<R extends Properties, O extends Properties = Record<never, never>>(
  required: R,
  optional: O = {} as O,
): SchemaOf<Values<R> & Partial<Values<O>>> {
  return {
    type: 'object',
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}

/** The same object with more required properties. */
export function withProperties<T, P extends Properties>(schema: SchemaOf<T>, more: P): SchemaOf<T & Values<P>> {
  const properties = { ...(schema['properties'] as object), ...more };
  return { ...schema, properties, required: [...(schema['required'] as readonly string[]), ...Object.keys(more)] } as Schema;
}

/** The `error` object of CLI.md. */
export const errorSchema: SchemaOf<JsonObject> = {
  type: 'object',
  properties: {
    code: { type: 'string' },
    message: { type: 'string' },
    hint: { type: 'string' },
    details: { type: 'object' },
  },
  required: ['code', 'message'],
  additionalProperties: false,
};

/**
 * Where `given` does not fit `schema`: the path and what is wrong, or null where it fits. Knows the keywords that this file writes; it
 * stands at the door of the daemon, where parameters come from outside.
 */
export function misfit(given: unknown, schema: Schema, path = ''): string | null {
  const anyOf = schema['anyOf'] as readonly Schema[] | undefined;
  if (anyOf !== undefined) return anyOf.some((option) => misfit(given, option, path) === null) ? null : wrong(path, 'has the wrong type');
  switch (schema['type']) {
    case undefined:
      return null;
    case 'object':
      return misfitObject(given, schema, path);
    case 'array': {
      if (!Array.isArray(given)) return wrong(path, 'is not a list');
      for (const [index, item] of given.entries()) {
        const found = misfit(item, schema['items'] as Schema, `${path}[${index}]`);
        if (found !== null) return found;
      }
      return null;
    }
    case 'string':
      return misfitString(given, schema, path);
    case 'integer': {
      if (typeof given !== 'bigint' && !Number.isSafeInteger(given)) return wrong(path, 'is not an integer');
      const minimum = schema['minimum'] as number | undefined;
      return minimum !== undefined && (given as number | bigint) < minimum ? wrong(path, `is below ${minimum}`) : null;
    }
    case 'number':
      return typeof given === 'number' && Number.isFinite(given) ? null : wrong(path, 'is not a number');
    case 'null':
      return given === null ? null : wrong(path, 'is not null');
    default:
      return typeof given === schema['type'] ? null : wrong(path, `is not a ${schema['type']}`);
  }
}

function misfitString(given: unknown, schema: Schema, path: string): string | null {
  if (typeof given !== 'string') return wrong(path, 'is not a string');
  const options = schema['enum'] as readonly string[] | undefined;
  if (options !== undefined && !options.includes(given)) return wrong(path, `is none of ${options.join(', ')}`);
  const pattern = schema['pattern'] as string | undefined;
  return pattern === undefined || new RegExp(pattern).test(given) ? null : wrong(path, `does not match ${pattern}`);
}

function misfitObject(given: unknown, schema: Schema, path: string): string | null {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return wrong(path, 'is not an object');
  for (const name of (schema['required'] as readonly string[] | undefined) ?? [])
    if (!Object.hasOwn(given, name)) return wrong(join(path, name), 'is missing');
  const properties = (schema['properties'] as { readonly [name: string]: Schema } | undefined) ?? {};
  const others = schema['additionalProperties'] as boolean | Schema | undefined;
  for (const [name, item] of Object.entries(given)) {
    const property = Object.hasOwn(properties, name) ? properties[name] : typeof others === 'object' ? others : undefined;
    if (property === undefined && others === false) return wrong(join(path, name), 'is not known');
    const found = property === undefined ? null : misfit(item, property, join(path, name));
    if (found !== null) return found;
  }
  return null;
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);
const wrong = (path: string, what: string): string => `${path === '' ? 'the value' : path} ${what}`;
