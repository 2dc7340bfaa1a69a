// Proofs from files: read in pieces where they lie, in any form that they are handed around in, and nothing else.
import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { givenProof, withProof, writeNew } from '../../../../src/app/asset/proof-file.ts';
import { type ByteSource, openFile, readFile } from '../../../../src/asset/proof/file.ts';
import { MAX_FILE_SIZE } from '../../../../src/asset/proof/proof.ts';
import { type Bytes, toHex } from '../../../../src/base/bytes.ts';
import { longFile, newWorld } from '../../asset/asset-life.ts';

const folder = mkdtempSync(join(tmpdir(), 'lnkit-proofs-'));
const FILE = longFile(newWorld(), 3);
const place = (name: string, contents: Uint8Array | string): string => {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
};
const hashOf = async (source: ByteSource): Promise<string> => {
  const cursor = openFile(source);
  if (!cursor.ok) return cursor.failure.code;
  for (;;) {
    const next = cursor.value.next();
    if (!next.ok) return next.failure.code;
    if (next.value === null) return toHex(cursor.value.hash());
  }
};
const hash = toHex(FILE.subarray(-32));
const codeOf = (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  );

test('a file is the same from its path, as hexadecimal text, and over the socket', async () => {
  for (const path of [place('binary', FILE), place('text', `${toHex(FILE)}\n`)])
    expect(await withProof(await givenProof(path), hashOf)).toBe(hash);
  expect(await withProof({ proof: toHex(FILE) }, hashOf)).toBe(hash);
});

test('the proof of a minting alone stands for a file', async () => {
  const read = readFile(FILE);
  const [minting] = read.ok ? read.value : [];
  const count = async (source: ByteSource): Promise<number> => {
    const cursor = openFile(source);
    return cursor.ok ? cursor.value.count : -1;
  };
  expect(await withProof({ path: place('minting', minting as Bytes) }, count)).toBe(1);
});

test('what is missing, not a file, too large, or given twice is refused before it is read', async () => {
  const sparse = place('sparse', '');
  truncateSync(sparse, MAX_FILE_SIZE + 1);
  for (const path of [join(folder, 'nothing'), folder, sparse]) expect(await codeOf(withProof({ path }, hashOf)), path).toBe('USAGE');
  expect(await codeOf(withProof({}, hashOf))).toBe('USAGE');
  expect(await codeOf(withProof({ path: sparse, proof: '00' }, hashOf))).toBe('USAGE');
});

test('a file that is cut off while it is read is refused, and no file is written over', async () => {
  const path = place('shrinks', FILE);
  const shrink = async (source: ByteSource): Promise<string> => {
    truncateSync(path, FILE.length - 1);
    return hashOf(source);
  };
  expect(await codeOf(withProof({ path }, shrink))).toBe('USAGE');
  expect(() => writeNew(path, FILE)).toThrow('cannot be written');
});
