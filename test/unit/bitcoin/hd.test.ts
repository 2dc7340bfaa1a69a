import { HDKey } from '@scure/bip32';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { hdKeys } from '../../../src/bitcoin/hd.ts';
import type { KeyManager } from '../../../src/bolt/channel/types.ts';

const SEED = fromHex('000102030405060708090a0b0c0d0e0f');

test('node and channel keys lie on the documented paths', () => {
  const keys: KeyManager = hdKeys(SEED, 'regtest');
  const theirs = HDKey.fromMasterSeed(SEED);
  expect(toHex(keys.nodeSecret)).toBe(toHex(theirs.derive("m/1017'/1'/6'/0/0").privateKey as Uint8Array));
  expect(toHex(keys.nodeId)).toBe(toHex(theirs.derive("m/1017'/1'/6'/0/0").publicKey as Uint8Array));
  const secrets = Object.values(keys.channelSecrets(7));
  secrets.forEach((secret, k) => {
    expect(toHex(secret)).toBe(toHex(theirs.derive(`m/1017'/1'/20'/7'/${k}'`).privateKey as Uint8Array));
  });
});

test('no two channels, and no two networks of different coins, share a secret', () => {
  const regtest = hdKeys(SEED, 'regtest');
  const bitcoin = hdKeys(SEED, 'bitcoin');
  const all = [0, 1, 2]
    .flatMap((i) => [...Object.values(regtest.channelSecrets(i)), ...Object.values(bitcoin.channelSecrets(i))])
    .map(toHex);
  all.push(toHex(regtest.nodeSecret), toHex(bitcoin.nodeSecret));
  expect(new Set(all).size).toBe(3 * 12 + 2);
});
