import { closeSync, existsSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type ByteSource, bytesSource, writeFile } from '../../asset/proof/file.ts';
import { isProof, MAX_FILE_SIZE } from '../../asset/proof/proof.ts';
import { type Bytes, fromHex, toHex, tryHex } from '../../base/bytes.ts';
import { usage } from '../define.ts';
import { hex, object, type TypeOf, text } from '../schema.ts';

/** Larger ones are read from a file in pieces, and not over the socket of the daemon or as text. */
const MAX_BYTES = 64 * 1024 * 1024;

/** A proof as an operation takes it: the bytes, or where they are. */
export const proofParams = object(
  {},
  {
    proof: hex(undefined, { description: 'a proof file, or the proof of a minting' }),
    path: text({ description: 'of a file that holds it, on the machine of the node' }),
  },
);
export type GivenProof = TypeOf<typeof proofParams>;

/** The parameters for the proof in a file, or on stdin (binary, or as hexadecimal text). Throws USAGE. */
export async function givenProof(path: string): Promise<GivenProof> {
  if (path !== '-') return { path: resolve(path) };
  const bytes = new TextEncoder().encode(await (await import('../stdin.ts')).stdinText());
  return { proof: toHex(plain(bytes, 'stdin')) };
}

/** Opens a proof, calls `use` with it as a file, and closes it again. Throws USAGE. */
export async function withProof<T>({ proof, path }: GivenProof, use: (source: ByteSource) => Promise<T>): Promise<T> {
  if ((proof === undefined) === (path === undefined)) throw usage('give a proof, or the path of one');
  if (path === undefined) return use(asFile(fromHex(proof as string)));
  const file = opened(path);
  try {
    const { size } = fstatSync(file);
    if (size > MAX_FILE_SIZE) throw usage(`${path} has ${size} bytes, more than a proof file may have`);
    const read = (offset: number, length: number): Bytes => readAt(file, { path, offset, length });
    const head = read(0, Math.min(8, size));
    if (!isProof(head) && tryHex(new TextDecoder().decode(head)) === null) return await use({ size, read });
    if (size > 2 * MAX_BYTES) throw usage(`${path} has ${size} bytes, more than are read of one proof or of text`);
    return await use(asFile(plain(read(0, size), path)));
  } finally {
    closeSync(file);
  }
}

/** The one proof of a minting alone stands for the file that has nothing else. */
const asFile = (bytes: Bytes): ByteSource => bytesSource(isProof(bytes) ? writeFile([bytes]) : bytes);

/** Bytes that may be written as hexadecimal text. */
function plain(bytes: Bytes, from: string): Bytes {
  const text = new TextDecoder().decode(bytes.subarray(0, 8));
  const decoded = /^[0-9a-fA-F]{8}$/.test(text) ? tryHex(new TextDecoder().decode(bytes).trim()) : null;
  const read = decoded ?? bytes;
  if (read.length > MAX_BYTES) throw usage(`${from} has ${read.length} bytes, more than the ${MAX_BYTES} that are read`);
  return read;
}

function opened(path: string): number {
  try {
    const file = openSync(path, 'r');
    if (fstatSync(file).isFile()) return file;
    closeSync(file);
  } catch (error) {
    throw usage(`${path} cannot be read: ${(error as Error).message}`);
  }
  // A pipe has no size to look at first.
  throw usage(`${path} is not a file`, 'give - to read from stdin');
}

function readAt(
  file: number,
  { path, offset, length }: { readonly path: string; readonly offset: number; readonly length: number },
): Bytes {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const got = readSync(file, bytes, done, length - done, offset + done);
    if (got === 0) throw usage(`${path} became shorter while it was read`);
    done += got;
  }
  return bytes;
}

/** Before something is done whose result is to be written there. Throws USAGE. */
export function requireNew(path: string): void {
  if (existsSync(path)) throw usage(`${path} exists already`, 'name another file');
  if (!existsSync(dirname(resolve(path)))) throw usage(`${path} cannot be written: there is no such folder`);
}

/** Writes bytes where no file is yet. Throws USAGE. */
export function writeNew(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw usage(`${path} cannot be written: ${(error as Error).message}`);
  }
}
