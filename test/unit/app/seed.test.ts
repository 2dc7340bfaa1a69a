import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSeed, seedExists, writeSeed } from '../../../src/app/seed.ts';
import { toHex } from '../../../src/base/bytes.ts';

const folder = (): string => mkdtempSync(join(tmpdir(), 'lnkit-seed-'));
const seed = new Uint8Array(64).map((_, i) => i);
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => null,
    (error) => error.code,
  );

test('a seed comes back as it was written, from a file that only its owner reads', async () => {
  const directory = folder();
  expect(seedExists(directory)).toBe(false);
  await writeSeed({ directory, seed, passphrase: null });
  expect(seedExists(directory)).toBe(true);
  expect(statSync(join(directory, 'seed.json')).mode & 0o777).toBe(0o600);
  expect(await readSeed({ directory, passphrase: null })).toEqual(seed);
});

test('with a passphrase the seed is not in the file, and only that passphrase opens it', async () => {
  const directory = folder();
  await writeSeed({ directory, seed, passphrase: 'correct horse' });
  expect(readFileSync(join(directory, 'seed.json'), 'utf8')).not.toContain(toHex(seed.subarray(0, 16)));
  expect(await readSeed({ directory, passphrase: 'correct horse' })).toEqual(seed);
  expect(await codeOf(readSeed({ directory, passphrase: 'battery staple' }))).toBe('USAGE');
  expect(await codeOf(readSeed({ directory, passphrase: null }))).toBe('USAGE');
});

test('a seed is never overwritten, and one that is missing or damaged is told apart', async () => {
  const directory = folder();
  expect(await codeOf(readSeed({ directory, passphrase: null }))).toBe('NOT_FOUND');
  await writeSeed({ directory, seed, passphrase: null });
  expect(await codeOf(writeSeed({ directory, seed: seed.toReversed(), passphrase: null }))).toBe('USAGE');
  expect(await readSeed({ directory, passphrase: null })).toEqual(seed);
  for (const damaged of ['', '{}', '{"version":1,"protection":"none","seed":"00"}', 'null']) {
    writeFileSync(join(directory, 'seed.json'), damaged);
    expect(await codeOf(readSeed({ directory, passphrase: null }))).toBe('STORE_CORRUPT');
  }
});
