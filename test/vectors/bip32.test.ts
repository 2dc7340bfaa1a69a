import { HDKey } from '@scure/bip32';
import { expect, test } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import {
  deriveChild,
  derivePath,
  formatPath,
  formatXprv,
  formatXpub,
  HARDENED,
  masterKey,
  neuter,
  parseHdKey,
  parsePath,
} from '../../src/bitcoin/bip32.ts';
import vectors from './bip32-hd-keys.json' with { type: 'json' };

const chains = vectors.vectors.flatMap((v) => v.chains.map((c) => ({ seed: v.seed, ...c })));

test.each(chains)('seed $seed, $path: both extended keys are the BIP’s, and read back', ({ seed, path, xpub, xprv }) => {
  const indexes = parsePath(path);
  if (indexes === null) throw new Error('path does not parse');
  const key = derivePath(masterKey(fromHex(seed)), indexes);
  expect([formatXpub(key, 'bitcoin'), formatXprv(key, 'bitcoin'), formatPath(indexes)]).toEqual([xpub, xprv, path]);
  expect(parseHdKey(xprv)).toEqual({ ok: true, value: key });
  expect(parseHdKey(xpub)).toEqual({ ok: true, value: neuter(key) });
});

test.each(vectors.invalid)('$key is refused: $reason', ({ key }) => {
  expect(parseHdKey(key).ok).toBe(false);
});

test('public derivation meets private derivation, and another implementation agrees', () => {
  const seed = fromHex('000102030405060708090a0b0c0d0e0f');
  const master = masterKey(seed);
  const theirs = HDKey.fromMasterSeed(seed);
  for (let index = 0; index < 20; index++) {
    const child = deriveChild(master, index);
    expect(deriveChild(neuter(master), index)).toEqual(neuter(child));
    expect(formatXprv(child, 'bitcoin')).toBe(theirs.deriveChild(index).privateExtendedKey);
  }
  expect(() => deriveChild(neuter(master), HARDENED)).toThrow();
});

test('malformed paths are null', () => {
  for (const path of ['', '0/1', 'm/', 'm/x', 'm/-1', 'm/2147483648', "m/1''", 'm//1'])
    expect([path, parsePath(path)]).toEqual([path, null]);
  expect(parsePath("m/1h/2H/3'/4")).toEqual([1 + HARDENED, 2 + HARDENED, 3 + HARDENED, 4]);
});
