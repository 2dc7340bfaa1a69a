import { must } from '../../base/assert.ts';
import { type Bytes, concat } from '../../base/bytes.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256 } from '../../crypto/hash.ts';
import { indexOfCommitment, perCommitmentSecret as secretOfIndex } from '../../crypto/shachain.ts';
import type { ChannelSecrets } from './types.ts';

/** One side's public keys of a channel, 33 bytes each, valid points. */
export interface Basepoints {
  readonly fundingPubkey: Bytes;
  readonly revocationBasepoint: Bytes;
  readonly paymentBasepoint: Bytes;
  readonly delayedPaymentBasepoint: Bytes;
  readonly htlcBasepoint: Bytes;
}

export function basepoints(secrets: ChannelSecrets): Basepoints {
  return {
    fundingPubkey: secp.publicKey(secrets.fundingKey),
    revocationBasepoint: secp.publicKey(secrets.revocationBasepointSecret),
    paymentBasepoint: secp.publicKey(secrets.paymentBasepointSecret),
    delayedPaymentBasepoint: secp.publicKey(secrets.delayedPaymentBasepointSecret),
    htlcBasepoint: secp.publicKey(secrets.htlcBasepointSecret),
  };
}

/**
 * The last secrets and points by the (never changed) seed. Each is asked for again: the point is told in a `revoke_and_ack`, then its
 * commitment is built, and two commitments later its secret is revealed.
 */
const recent = new WeakMap<Bytes, Map<bigint, PerCommitment>>();
const RECENT_KEPT = 6;

interface PerCommitment {
  readonly secret: Bytes;
  readonly point: Bytes;
}

function perCommitment(seed: Bytes, commitmentNumber: bigint): PerCommitment {
  const kept = recent.get(seed) ?? new Map<bigint, PerCommitment>();
  const before = kept.get(commitmentNumber);
  if (before !== undefined) return before;
  const secret = secretOfIndex(seed, indexOfCommitment(commitmentNumber));
  const made = { secret, point: secp.publicKey(secret) };
  kept.set(commitmentNumber, made);
  for (const oldest of kept.keys()) if (kept.size > RECENT_KEPT) kept.delete(oldest);
  recent.set(seed, kept);
  return made;
}

/** The per-commitment secret, 32 bytes, of commitment `commitmentNumber` (0, 1, 2, ...; at most 2^48 - 1). */
export const perCommitmentSecret = (seed: Bytes, commitmentNumber: bigint): Bytes => perCommitment(seed, commitmentNumber).secret;

/** The per-commitment point, 33 bytes, of commitment `commitmentNumber`. */
export const perCommitmentPoint = (seed: Bytes, commitmentNumber: bigint): Bytes => perCommitment(seed, commitmentNumber).point;

/** BOLT 3: basepoint + SHA256(per_commitment_point || basepoint) * G. Both are valid points, else it throws. */
export function derivePublicKey(basepoint: Bytes, perCommitmentPoint: Bytes): Bytes {
  return must(secp.publicAddTweak(basepoint, sha256(concat(perCommitmentPoint, basepoint))), 'a derived key is a point');
}

/** BOLT 3: basepoint_secret + SHA256(per_commitment_point || basepoint). */
export function derivePrivateKey(basepointSecret: Bytes, perCommitmentPoint: Bytes): Bytes {
  return secp.privateAdd(basepointSecret, sha256(concat(perCommitmentPoint, secp.publicKey(basepointSecret))));
}

/** BOLT 3: the key of penalties; the revocation basepoint is the other side's, the point the commitment owner's. */
export function revocationPublicKey(revocationBasepoint: Bytes, perCommitmentPoint: Bytes): Bytes {
  const a = secp.publicMultiply(revocationBasepoint, sha256(concat(revocationBasepoint, perCommitmentPoint)));
  const b = secp.publicMultiply(perCommitmentPoint, sha256(concat(perCommitmentPoint, revocationBasepoint)));
  return must(a && b && secp.publicAdd([a, b]), 'a revocation key is a point');
}

/** The private key of `revocationPublicKey`, once the commitment's owner has told its secret. */
export function revocationPrivateKey(part: { readonly revocationBasepointSecret: Bytes; readonly perCommitmentSecret: Bytes }): Bytes {
  const basepoint = secp.publicKey(part.revocationBasepointSecret);
  const point = secp.publicKey(part.perCommitmentSecret);
  const a = secp.privateMultiply(part.revocationBasepointSecret, sha256(concat(basepoint, point)));
  const b = secp.privateMultiply(part.perCommitmentSecret, sha256(concat(point, basepoint)));
  return secp.privateAdd(a, b);
}

/** The public keys that the scripts of one commitment hold. "Owner" is who may publish it, BOLT 3's "local". */
export interface CommitmentKeys {
  readonly perCommitmentPoint: Bytes;
  readonly revocation: Bytes;
  readonly ownerDelayed: Bytes;
  readonly ownerHtlc: Bytes;
  readonly otherHtlc: Bytes;
  /** BOLT 3, `remotepubkey`: the other side's payment basepoint itself. */
  readonly otherPayment: Bytes;
}

/** Keys made before, by the point (as an object: points are passed on, not copied). The five point operations are a good part of a commitment's cost. */
const known = new WeakMap<Bytes, { readonly owner: Basepoints; readonly other: Basepoints; readonly keys: CommitmentKeys }>();

export function commitmentKeys(owner: Basepoints, other: Basepoints, perCommitmentPoint: Bytes): CommitmentKeys {
  const before = known.get(perCommitmentPoint);
  if (before !== undefined && before.owner === owner && before.other === other) return before.keys;
  const keys = {
    perCommitmentPoint,
    revocation: revocationPublicKey(other.revocationBasepoint, perCommitmentPoint),
    ownerDelayed: derivePublicKey(owner.delayedPaymentBasepoint, perCommitmentPoint),
    ownerHtlc: derivePublicKey(owner.htlcBasepoint, perCommitmentPoint),
    otherHtlc: derivePublicKey(other.htlcBasepoint, perCommitmentPoint),
    otherPayment: other.paymentBasepoint,
  };
  known.set(perCommitmentPoint, { owner, other, keys });
  return keys;
}
