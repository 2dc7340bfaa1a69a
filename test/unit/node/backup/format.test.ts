// A backup file in hostile hands: whatever is cut, bent or of somebody else is refused with its code, and what is not known is kept.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '../../../../src/base/bytes.ts';
import { height, unixTime } from '../../../../src/base/units.ts';
import { hdKeys } from '../../../../src/bitcoin/hd.ts';
import type { Network } from '../../../../src/bitcoin/network.ts';
import { sha256 } from '../../../../src/crypto/hash.ts';
import { NO_ASSETS } from '../../../../src/node/asset/types.ts';
import { assetSection, isAssetSection, readAssetSection } from '../../../../src/node/backup/assets.ts';
import { type Backup, fingerprintOf, openBackup, readBackupHead, sealBackup } from '../../../../src/node/backup/format.ts';

const keysOf = (who: string, network: Network = 'regtest') => {
  const keys = hdKeys(sha256(utf8(who)), network);
  return { key: keys.wallet.backupKey(), nodeId: keys.nodeId, network };
};
const alice = keysOf('alice');
const head = {
  network: 'regtest',
  fingerprint: fingerprintOf(alice.nodeId),
  createdAt: unixTime(1_700_000_000),
  height: height(7),
} as const;
const nonce = new Uint8Array(24).fill(5);
const backup: Backup = {
  head,
  sections: [assetSection({ assets: NO_ASSETS, cursor: [] }, () => null), { kind: 'of tomorrow', version: 9, body: utf8('kept') }],
};
const file = sealBackup(backup, { key: alice.key, nonce });
const codeOf = (bytes: Uint8Array, owner = alice): string => {
  const opened = openBackup(bytes, owner);
  return opened.ok ? 'ok' : opened.failure.code;
};

test('a backup opens with the key of its words, and sections that are not known come out as they went in', () => {
  const opened = openBackup(file, alice);
  expect(opened).toEqual({ ok: true, value: backup });
  expect(sealBackup(backup, { key: alice.key, nonce })).toEqual(file);
  expect(opened.ok && opened.value.sections.filter(isAssetSection).length).toBe(1);
});

test('its head is read without a key', () => {
  expect(readBackupHead(file)).toMatchObject({ ok: true, value: { head } });
});

test('another wallet, another network and a newer version have their own codes', () => {
  expect(codeOf(file, keysOf('bob'))).toBe('USAGE');
  expect(codeOf(file, keysOf('alice', 'signet'))).toBe('WRONG_NETWORK');
  const newer = file.slice();
  newer[4] = 2;
  expect(codeOf(newer)).toBe('STORE_VERSION');
  expect(codeOf(utf8('TAPF and more'))).toBe('MALFORMED');
});

test('a file that is cut off anywhere says so', () => {
  for (let length = 0; length < file.length; length++) expect(codeOf(file.subarray(0, length)), `${length}`).toBe('MALFORMED');
});

test('no bit of a file can be changed unnoticed', () => {
  fc.assert(
    fc.property(fc.nat(file.length * 8 - 1), (bit) => {
      const bent = file.slice();
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(codeOf(bent)).not.toBe('ok');
    }),
  );
});

test('an asset section with a record of a newer version is refused as newer', () => {
  const [section] = backup.sections;
  if (section === undefined) throw new Error('no section');
  expect(readAssetSection(section).ok).toBe(true);
  const newer = readAssetSection({ ...section, body: section.body.slice().fill(2, 0, 1) });
  expect(newer.ok ? 'ok' : newer.failure.code).toBe('STORE_VERSION');
});
