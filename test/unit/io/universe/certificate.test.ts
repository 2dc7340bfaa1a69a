import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { PeerRates, peerOf } from '../../../../src/io/grpc/limits.ts';
import { serverCertificate } from '../../../../src/io/universe/certificate.ts';
import { cleanUp, newPath } from './kit.ts';

afterEach(cleanUp);
const now = Date.UTC(2026, 0, 1);

test('a certificate is made once, kept for its owner alone, and made anew before it ends', async () => {
  const path = newPath();
  const first = await serverCertificate(path, { host: 'example.org', now });
  expect(await serverCertificate(path, { host: 'example.org', now })).toEqual(first);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const certificate = new X509Certificate(first.certificate);
  expect(certificate.checkPrivateKey((await import('node:crypto')).createPrivateKey(first.key))).toBe(true);
  expect([certificate.checkHost('example.org'), certificate.checkHost('localhost')]).toEqual(['example.org', 'localhost']);
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  const later = await serverCertificate(path, { host: 'example.org', now: now + 3640 * 86_400_000 });
  expect(later).not.toEqual(first);
  expect(readFileSync(path, 'utf8')).toContain(later.key);
});

test('a file that holds no certificate is replaced', async () => {
  const path = newPath();
  writeFileSync(path, 'something else');
  const made = await serverCertificate(path, { host: '10.0.0.1', now });
  expect(new X509Certificate(made.certificate).checkIP('10.0.0.1')).toBe('10.0.0.1');
});

test('a peer is its address, or the network of an IPv6 subscriber', () => {
  expect(['10.0.0.1', '::ffff:10.0.0.1', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::9', '::1'].map(peerOf)).toEqual([
    ...['10.0.0.1', '10.0.0.1', '2001:db8:1:2::/64', '2001:db8:1:2::/64', '::/64'],
  ]);
});

test('a rate gives a burst, then turns, then nothing; and the longest silent peer is forgotten first', () => {
  const rates = new PeerRates({ perSecond: 10, burst: 2, maxPeers: 2 });
  const take = (peer: string, at: number) => rates.take(peer, { now: at, patience: 150 });
  expect([take('a', 0), take('a', 0), take('a', 0), take('a', 0)]).toEqual([0, 0, 100, null]);
  expect(take('a', 100)).toBe(100);
  expect([take('b', 100), take('c', 100)]).toEqual([0, 0]);
  expect(take('a', 100)).toBe(0);
});
