import { assert } from '../base/assert.ts';
import { type Bytes, concat } from '../base/bytes.ts';

/** The strict DER form (BIP 66, without the hash type byte) of a signature of 64 bytes r || s. */
export function encodeDer(signature: Bytes): Bytes {
  assert(signature.length === 64, 'a signature is 64 bytes');
  const [r, s] = [derInteger(signature.subarray(0, 32)), derInteger(signature.subarray(32))];
  return concat(Uint8Array.of(0x30, r.length + s.length), r, s);
}

/** The 64 bytes r || s of a strict DER signature without its hash type byte (BIP 66), or null where it is not one. */
export function decodeDer(der: Bytes): Bytes | null {
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const lengthR = der[3] as number;
  if (5 + lengthR >= der.length) return null;
  const lengthS = der[5 + lengthR] as number;
  if (lengthR + lengthS + 6 !== der.length) return null;
  const r = scalarOf(der, 2, lengthR);
  const s = scalarOf(der, 4 + lengthR, lengthS);
  return r === null || s === null ? null : concat(r, s);
}

function derInteger(value: Bytes): Bytes {
  let start = 0;
  while (start < 31 && value[start] === 0) start++;
  const digits = value.subarray(start);
  const sign = (digits[0] as number) >= 0x80 ? [0] : [];
  return Uint8Array.of(0x02, sign.length + digits.length, ...sign, ...digits);
}

/** The 32 bytes of the integer whose tag stands at `at`: not negative, no needless zero in front. */
function scalarOf(der: Bytes, at: number, length: number): Bytes | null {
  const from = at + 2;
  if (der[at] !== 0x02 || length === 0 || ((der[from] as number) & 0x80) !== 0) return null;
  if (length > 1 && der[from] === 0 && ((der[from + 1] as number) & 0x80) === 0) return null;
  const digits = der[from] === 0 ? der.subarray(from + 1, from + length) : der.subarray(from, from + length);
  if (digits.length > 32) return null;
  const out = new Uint8Array(32);
  out.set(digits, 32 - digits.length);
  return out;
}
