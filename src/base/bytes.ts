/** Byte strings. Inside lnkit they are `Uint8Array`; hexadecimal text exists only at the edges. */
export type Bytes = Uint8Array;

export const EMPTY: Bytes = new Uint8Array(0);

const HEX: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Lower-case hexadecimal. */
export function toHex(bytes: Bytes): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] as number];
  return text;
}

/** Bytes of hexadecimal text (either case), or null where it is not. */
export function tryHex(text: string): Bytes | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** Bytes of hexadecimal text known to be valid (constants, tests); throws otherwise. */
export function fromHex(text: string): Bytes {
  const bytes = tryHex(text);
  if (bytes === null) throw new TypeError('not hexadecimal');
  return bytes;
}

export function concat(...parts: readonly Bytes[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Equality; not constant-time, for public data only. */
export function equal(a: Bytes, b: Bytes): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Equality that takes the same time wherever the difference is, for secrets (MACs, payment secrets). */
export function equalSecret(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number);
  return difference === 0;
}

/** Lexicographic order: negative, zero or positive. */
export function compare(a: Bytes, b: Bytes): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const d = (a[i] as number) - (b[i] as number);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

export function reversed(bytes: Bytes): Bytes {
  return bytes.slice().reverse();
}

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const utf8 = (text: string): Bytes => utf8Encoder.encode(text);

/** Text of UTF-8 bytes, or null where they are not UTF-8. */
export function tryText(bytes: Bytes): string | null {
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Big-endian unsigned integer of any width. */
export function toBigInt(bytes: Bytes): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
}

/** Big-endian bytes of an unsigned integer that fits `length` bytes. */
export function fromBigInt(value: bigint, length: number): Bytes {
  return fromHex(value.toString(16).padStart(2 * length, '0'));
}
