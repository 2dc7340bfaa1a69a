import { createRequire } from 'node:module';
import { assert } from '../base/assert.ts';
import { type Bytes, concat, fromBigInt, toBigInt } from '../base/bytes.ts';
import { sha256 } from './hash.ts';
import type { Secp256k1 } from './secp256k1.ts';

type Curves = typeof import('@noble/curves/secp256k1.js');

const require = createRequire(import.meta.url);
let curves: Curves | undefined;

/** Loaded when first used: where the native library loads, noble's 20 ms are never spent. */
function lib(): Curves {
  curves ??= require('@noble/curves/secp256k1.js') as Curves;
  return curves;
}

/** Order of the group (SEC 2). */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const RAW = { prehash: false } as const;

/** The pure implementation: the reference in tests, and what runs where no native build loads. */
export const nobleSecp: Secp256k1 = {
  name: 'noble',
  publicKey: (privateKey) => lib().secp256k1.getPublicKey(privateKey, true),
  isPrivateKey: (bytes) => bytes.length === 32 && isScalar(toBigInt(bytes)),
  isPublicKey: (bytes) => pointOf(bytes) !== null,
  sign: (hash, privateKey) => lib().secp256k1.sign(hashOf(hash), privateKey, { ...RAW, lowS: true }),
  signRecoverable(hash, privateKey) {
    const out = lib().secp256k1.sign(hashOf(hash), privateKey, { ...RAW, lowS: true, format: 'recovered' });
    return { signature: out.slice(1), recovery: out[0] as number };
  },
  verify(signature, hash, publicKey) {
    if (signature.length !== 64 || hash.length !== 32 || publicKey.length !== 33) return false;
    try {
      return lib().secp256k1.verify(signature, hash, publicKey, { ...RAW, lowS: true });
    } catch {
      return false;
    }
  },
  recover(signature, recovery, hash) {
    if (signature.length !== 64 || hash.length !== 32 || ![0, 1, 2, 3].includes(recovery)) return null;
    return orNull(() => lib().secp256k1.recoverPublicKey(concat(Uint8Array.of(recovery), signature), hash, RAW));
  },
  normalize(signature) {
    if (signature.length !== 64) return null;
    const [r, s] = [toBigInt(signature.subarray(0, 32)), toBigInt(signature.subarray(32))];
    if (!isScalar(r) || !isScalar(s)) return null;
    return concat(signature.subarray(0, 32), fromBigInt(s > N / 2n ? N - s : s, 32));
  },
  ecdh(publicKey, privateKey) {
    const scalar = scalarOf(privateKey);
    const point = pointOf(publicKey);
    return point === null ? null : sha256(point.multiply(scalar).toBytes(true));
  },
  publicAddTweak(publicKey, tweak) {
    const point = pointOf(publicKey);
    const scalar = tweak.length === 32 ? toBigInt(tweak) : N;
    if (point === null || scalar >= N) return null;
    return scalar === 0n ? point.toBytes(true) : compressed(point.add(lib().secp256k1.Point.BASE.multiply(scalar)));
  },
  publicMultiply(publicKey, tweak) {
    const point = pointOf(publicKey);
    const scalar = tweak.length === 32 ? toBigInt(tweak) : 0n;
    return point === null || !isScalar(scalar) ? null : compressed(point.multiply(scalar));
  },
  publicAdd(keys) {
    let sum: Point | null = null;
    for (const key of keys) {
      const point = pointOf(key);
      if (point === null) return null;
      sum = sum === null ? point : sum.add(point);
    }
    return sum === null ? null : compressed(sum);
  },
  privateAdd(privateKey, tweak) {
    const addend = toBigInt(tweak);
    assert(tweak.length === 32 && addend < N, 'tweak out of range');
    const sum = (scalarOf(privateKey) + addend) % N;
    assert(sum !== 0n, 'the sum of private key and tweak is zero');
    return fromBigInt(sum, 32);
  },
  privateMultiply: (privateKey, tweak) => fromBigInt((scalarOf(privateKey) * scalarOf(tweak)) % N, 32),
  privateNegate: (privateKey) => fromBigInt(N - scalarOf(privateKey), 32),
  schnorrSign(message, privateKey, aux) {
    assert(aux.length === 32, 'aux is 32 bytes');
    return lib().schnorr.sign(message, privateKey, aux);
  },
  schnorrVerify(signature, message, xOnlyKey) {
    if (signature.length !== 64 || xOnlyKey.length !== 32) return false;
    try {
      return lib().schnorr.verify(signature, message, xOnlyKey);
    } catch {
      return false;
    }
  },
};

type Point = InstanceType<Curves['secp256k1']['Point']>;

const isScalar = (value: bigint): boolean => value > 0n && value < N;

function scalarOf(privateKey: Bytes): bigint {
  const value = privateKey.length === 32 ? toBigInt(privateKey) : 0n;
  assert(isScalar(value), 'not a private key');
  return value;
}

function hashOf(hash: Bytes): Bytes {
  assert(hash.length === 32, 'a hash is 32 bytes');
  return hash;
}

function pointOf(bytes: Bytes): Point | null {
  if (bytes.length !== 33) return null;
  try {
    return lib().secp256k1.Point.fromBytes(bytes);
  } catch {
    return null;
  }
}

/** The sum of opposite points has no encoding. */
const compressed = (point: Point): Bytes | null => (point.is0() ? null : point.toBytes(true));

function orNull(run: () => Uint8Array): Bytes | null {
  try {
    return run();
  } catch {
    return null;
  }
}
