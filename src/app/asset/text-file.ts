import { readFileSync, statSync } from 'node:fs';
import { toHex, tryHex } from '../../base/bytes.ts';
import { usage } from '../define.ts';

const MAX_BYTES = 1 << 20;

/** A PSBT as text: from a file (binary or text) where there is one of that name, else what was typed. Throws USAGE. */
export function psbtText(given: string): string {
  // No name of a file is longer.
  const stat = given.length > 4096 || /[^/]{256}/.test(given) ? undefined : statSync(given, { throwIfNoEntry: false });
  if (stat === undefined) return given;
  if (stat.size > MAX_BYTES) throw usage(`${given} has ${stat.size} bytes: more than is read of a PSBT`);
  try {
    const bytes = new Uint8Array(readFileSync(given));
    // BIP 174: a binary one begins with "psbt" and 0xff.
    return bytes[4] === 0xff ? toHex(bytes) : new TextDecoder().decode(bytes);
  } catch (error) {
    throw usage(`${given} cannot be read: ${(error as Error).message}`);
  }
}

/** A commitment with a thousand leaves takes a few megabytes. */
const MAX_TEXT = 64 << 20;

/** A text file. Throws USAGE. */
export function readText(path: string): string {
  try {
    if (statSync(path).size <= MAX_TEXT) return readFileSync(path, 'utf8');
  } catch (error) {
    throw usage(`${path} cannot be read: ${(error as Error).message}`);
  }
  throw usage(`${path} has more than the ${MAX_TEXT} bytes that are read`);
}

/** A proof takes less. */
const MAX_PROOF = 16 << 20;

/** A file as hexadecimal; it may hold hexadecimal text itself. Throws USAGE. */
export function readBytes(path: string): string {
  try {
    if (statSync(path).size > MAX_PROOF) throw new Error(`it has more than ${MAX_PROOF} bytes`);
    const bytes = new Uint8Array(readFileSync(path));
    const text = bytes.length > 0 && bytes.every((byte) => byte < 0x80) ? tryHex(new TextDecoder().decode(bytes).trim()) : null;
    return toHex(text ?? bytes);
  } catch (error) {
    throw usage(`${path} cannot be read: ${(error as Error).message}`);
  }
}
