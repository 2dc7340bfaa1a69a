import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import {
  basepoints,
  commitmentKeys,
  derivePrivateKey,
  derivePublicKey,
  perCommitmentPoint,
  perCommitmentSecret,
  revocationPrivateKey,
  revocationPublicKey,
} from '../../src/bolt/channel/keys.ts';
import { secp } from '../../src/crypto/ec.ts';
import legacy from './bolt03-commitment-legacy.json' with { type: 'json' };
import { fixtureParams, perCommitmentPoint as fixturePoint, privateKey, secrets } from './bolt03-fixture.ts';
import vectors from './bolt03-key-derivation.json' with { type: 'json' };
import generation from './bolt03-per-commitment-secrets.json' with { type: 'json' };

const point = fromHex(vectors.per_commitment_point);

test('BOLT 3 appendix E: derived public and private keys', () => {
  expect(toHex(derivePublicKey(fromHex(vectors.base_point), point))).toBe(vectors.localpubkey);
  expect(toHex(derivePrivateKey(fromHex(vectors.base_secret), point))).toBe(vectors.localprivkey);
});

test('BOLT 3 appendix E: revocation keys', () => {
  expect(toHex(revocationPublicKey(fromHex(vectors.base_point), point))).toBe(vectors.revocationpubkey);
  const key = revocationPrivateKey({
    revocationBasepointSecret: fromHex(vectors.base_secret),
    perCommitmentSecret: fromHex(vectors.per_commitment_secret),
  });
  expect(toHex(key)).toBe(vectors.revocationprivkey);
});

test('BOLT 3 appendix C: the keys of the commitment', () => {
  const { owner, other } = fixtureParams('static_remotekey');
  const keys = commitmentKeys(owner, other, fixturePoint);
  expect(toHex(keys.ownerHtlc)).toBe(legacy.params.local_htlcpubkey);
  expect(toHex(keys.otherHtlc)).toBe(legacy.params.remote_htlcpubkey);
  expect(toHex(keys.ownerDelayed)).toBe(legacy.params.local_delayedpubkey);
  expect(toHex(keys.revocation)).toBe(legacy.params.local_revocation_pubkey);
  expect(toHex(derivePrivateKey(secrets.localDelayedSecret, fixturePoint))).toBe(
    toHex(privateKey(legacy.params.internal.local_delayed_privkey)),
  );
  expect(toHex(derivePrivateKey(secrets.localPaymentSecret, fixturePoint))).toBe(toHex(privateKey(legacy.params.local_privkey)));
  expect(toHex(derivePrivateKey(secrets.remotePaymentSecret, fixturePoint))).toBe(toHex(privateKey(legacy.params.internal.remote_privkey)));
});

test('the first commitment uses the secret of index 2^48 - 1 (BOLT 3 appendix D)', () => {
  const first = generation.generation.find((given) => BigInt(given.index) === 2n ** 48n - 1n && /^0+$/.test(given.seed));
  expect(toHex(perCommitmentSecret(fromHex(first?.seed ?? ''), 0n))).toBe(first?.output);
  expect(toHex(perCommitmentPoint(fromHex(first?.seed ?? ''), 0n))).toBe(toHex(secp.publicKey(fromHex(first?.output ?? ''))));
});

test('basepoints are the public keys of the secrets', () => {
  const key = (fill: number) => new Uint8Array(32).fill(fill);
  const made = basepoints({
    fundingKey: key(1),
    revocationBasepointSecret: key(2),
    paymentBasepointSecret: key(3),
    delayedPaymentBasepointSecret: key(4),
    htlcBasepointSecret: key(5),
    commitmentSeed: key(6),
  });
  const order = [made.fundingPubkey, made.revocationBasepoint, made.paymentBasepoint, made.delayedPaymentBasepoint, made.htlcBasepoint];
  expect(order.map(toHex)).toEqual([1, 2, 3, 4, 5].map((fill) => toHex(secp.publicKey(key(fill)))));
});
