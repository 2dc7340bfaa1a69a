import { readFileSync, writeFileSync } from 'node:fs';
import { toHex, tryHex } from '../../base/bytes.ts';
import { usage } from '../define.ts';

/** Larger proofs do not go over the socket of the daemon in one piece. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The proof in a file (binary, or as hexadecimal text), or on stdin as hexadecimal text; as hexadecimal. Throws USAGE. */
export async function readProof(path: string): Promise<string> {
  const bytes = path === '-' ? new TextEncoder().encode(await (await import('../stdin.ts')).stdinText()) : readWhole(path);
  if (bytes.length > MAX_BYTES) throw usage(`${path} has ${bytes.length} bytes, more than the ${MAX_BYTES} that are read`);
  const text = new TextDecoder().decode(bytes.subarray(0, 8));
  if (/^[0-9a-fA-F]{8}$/.test(text)) {
    const decoded = tryHex(new TextDecoder().decode(bytes).trim());
    if (decoded !== null) return toHex(decoded);
  }
  return toHex(bytes);
}

function readWhole(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw usage(`${path} cannot be read: ${(error as Error).message}`);
  }
}

/** Writes bytes where no file is yet. Throws USAGE. */
export function writeNew(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw usage(`${path} cannot be written: ${(error as Error).message}`);
  }
}
