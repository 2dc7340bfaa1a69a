import { readFileSync, statSync } from 'node:fs';
import { MAX_META_SIZE } from '../../asset/proof/meta.ts';
import { toHex, utf8 } from '../../base/bytes.ts';
import { usage } from '../define.ts';

/** Metadata as typed or from a file, in hexadecimal; undefined where neither was given. Throws USAGE. */
export function metaHex(given: { readonly text: string | undefined; readonly file: string | undefined }): string | undefined {
  const { text, file } = given;
  if (text !== undefined && file !== undefined) throw usage('give --meta or --meta-file, not both');
  if (text !== undefined) return toHex(utf8(text));
  if (file === undefined) return undefined;
  try {
    // Looked at before it is read: whatever lies there may be large.
    if (statSync(file).size <= MAX_META_SIZE) return toHex(new Uint8Array(readFileSync(file)));
  } catch (error) {
    throw usage(`${file} cannot be read: ${(error as Error).message}`);
  }
  throw usage(`${file} is larger than the ${MAX_META_SIZE} bytes that metadata may have`);
}
