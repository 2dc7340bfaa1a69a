import type { Json } from './operation.ts';

// lib.es2024 does not know JSON.rawJSON and the reviver's context yet; Node 22 has both.
interface ExactJson {
  rawJSON(text: string): object;
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
}
const exact = JSON as unknown as ExactJson;

const withBigints = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? exact.rawJSON(`${value}`) : value);

/** JSON text in which bigints are exact integers. `indent` in spaces. */
export function stringify(value: unknown, indent?: number): string {
  // Most answers hold no bigint, and without a replacer JSON.stringify is several times faster; it throws on the first bigint it meets.
  try {
    return JSON.stringify(value, null, indent) ?? 'null';
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, withBigints, indent);
  }
}

/** Reads JSON; an integer that a double does not hold exactly becomes a bigint. Throws SyntaxError. */
export function parse(text: string): Json {
  return exact.parse(text, (_, value, { source }) => {
    if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) return value;
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  }) as Json;
}

/** The same integer as a number where that is exact, which JSON.stringify writes fastest. */
export function jsonInteger(value: bigint): number | bigint {
  return value <= 9_007_199_254_740_991n && value >= -9_007_199_254_740_991n ? Number(value) : value;
}
