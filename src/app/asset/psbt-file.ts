import { readFileSync, statSync } from 'node:fs';
import { toHex } from '../../base/bytes.ts';
import { usage } from '../define.ts';

const MAX_BYTES = 1 << 20;

/** A PSBT as text: from a file (binary or text) where there is one of that name, else what was typed. Throws USAGE. */
export function psbtText(given: string): string {
  const stat = statSync(given.slice(0, 4096), { throwIfNoEntry: false });
  if (stat === undefined) return given;
  if (stat.size > MAX_BYTES) throw usage(`${given} has ${stat.size} bytes: it is no PSBT of a group`);
  try {
    const bytes = new Uint8Array(readFileSync(given));
    // BIP 174: a binary one begins with "psbt" and 0xff.
    return bytes[4] === 0xff ? toHex(bytes) : new TextDecoder().decode(bytes);
  } catch (error) {
    throw usage(`${given} cannot be read: ${(error as Error).message}`);
  }
}
