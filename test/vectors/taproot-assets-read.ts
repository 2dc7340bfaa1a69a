import { readFileSync } from 'node:fs';
import { fromHex } from '../../src/base/bytes.ts';

const FOLDER = new URL('./taproot-assets/', import.meta.url);

/** A JSON vector with every integer past 2^53 kept whole, as a bigint. */
export function readVectors<T>(path: string): T {
  const reviver = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(context?.source as string) : value;
  return JSON.parse(readText(path), reviver as (key: string, value: unknown) => unknown) as T;
}

export const readText = (path: string): string => readFileSync(new URL(path, FOLDER), 'utf8');
/** A file of hexadecimal text, white space apart. */
export const readHex = (path: string): Uint8Array => fromHex(readText(path).replace(/\s/g, ''));

/** The bytes of a hex dump as Go's `hex.Dump` and `hexdump -C` print it. */
export function readHexDump(path: string): Uint8Array {
  const text = readText(path)
    .split('\n')
    .map((line) => line.replace(/^\s*[0-9a-f]{8}\s/, '').replace(/\|.*$/, ''))
    .join('');
  return fromHex(text.replace(/\s/g, ''));
}
