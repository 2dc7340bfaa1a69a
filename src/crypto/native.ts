import { createRequire } from 'node:module';
import { assert } from '../base/assert.ts';
import { type Bytes, concat, equal, fromBigInt, toBigInt } from '../base/bytes.ts';
import { taggedHash } from './hash.ts';
import { nobleSecp } from './noble.ts';
import type { Secp256k1 } from './secp256k1.ts';

type Addon = typeof import('secp256k1');
type Tiny = typeof import('tiny-secp256k1');

const require = createRequire(import.meta.url);

/**
 * libsecp256k1 through the addon of the npm package `secp256k1`, or null where no build of it loads on this machine. The addon has no
 * Schnorr signatures: those go to libsecp256k1 as WebAssembly (`tiny-secp256k1`), loaded when first needed.
 */
export function loadNative(): Secp256k1 | null {
  try {
    // The package's main file would load `elliptic` where the addon is missing; lnkit falls back to noble instead.
    return wrap(require('secp256k1/bindings.js') as Addon);
  } catch {
    return null;
  }
}

// The addon checks lengths and types before it touches memory, throws on every refusal, and writes results into a new Uint8Array.
function wrap(addon: Addon): Secp256k1 {
  return {
    name: 'native',
    publicKey: (privateKey) => addon.publicKeyCreate(privateKey, true),
    isPrivateKey: (bytes) => bytes.length === 32 && addon.privateKeyVerify(bytes),
    isPublicKey: (bytes) => bytes.length === 33 && addon.publicKeyVerify(bytes),
    sign: (hash, privateKey) => addon.ecdsaSign(hash, privateKey).signature,
    signRecoverable(hash, privateKey) {
      const { signature, recid } = addon.ecdsaSign(hash, privateKey);
      return { signature, recovery: recid };
    },
    verify(signature, hash, publicKey) {
      if (signature.length !== 64 || hash.length !== 32 || publicKey.length !== 33) return false;
      try {
        // libsecp256k1 takes low s only.
        return addon.ecdsaVerify(signature, hash, publicKey);
      } catch {
        return false;
      }
    },
    recover(signature, recovery, hash) {
      if (signature.length !== 64 || hash.length !== 32 || ![0, 1, 2, 3].includes(recovery)) return null;
      return orNull(() => addon.ecdsaRecover(signature, recovery, hash, true));
    },
    normalize(signature) {
      if (signature.length !== 64 || isZero(signature, 0) || isZero(signature, 32)) return null;
      return orNull(() => addon.signatureNormalize(Uint8Array.from(signature)));
    },
    ecdh(publicKey, privateKey) {
      assert(addon.privateKeyVerify(privateKey), 'not a private key');
      return publicKey.length === 33 ? orNull(() => addon.ecdh(publicKey, privateKey)) : null;
    },
    publicAddTweak(publicKey, tweak) {
      if (publicKey.length !== 33 || tweak.length !== 32) return null;
      return orNull(() => addon.publicKeyTweakAdd(publicKey, tweak, true));
    },
    publicMultiply(publicKey, tweak) {
      if (publicKey.length !== 33 || tweak.length !== 32) return null;
      return orNull(() => addon.publicKeyTweakMul(publicKey, tweak, true));
    },
    publicAdd(keys) {
      if (keys.length === 0 || keys.some((key) => key.length !== 33)) return null;
      return orNull(() => addon.publicKeyCombine([...keys], true));
    },
    // These three write into their argument: they get a copy. The addon's tweaks do not look whether the key is one.
    privateAdd: (privateKey, tweak) => addon.privateKeyTweakAdd(copyOf(addon, privateKey), tweak),
    privateMultiply: (privateKey, tweak) => addon.privateKeyTweakMul(copyOf(addon, privateKey), tweak),
    privateNegate: (privateKey) => addon.privateKeyNegate(copyOf(addon, privateKey)),
    schnorrSign: (message, privateKey, aux) => schnorrFor(message).schnorrSign(message, privateKey, aux),
    schnorrVerify: (signature, message, xOnlyKey) => schnorrVerify(addon, signature, message, xOnlyKey),
  };
}

function copyOf(addon: Addon, privateKey: Bytes): Uint8Array {
  assert(addon.privateKeyVerify(privateKey), 'not a private key');
  return Uint8Array.from(privateKey);
}

/**
 * BIP 340 out of two operations that the addon has: R = s*G - e*P must have r as its x and an even y. Twice as fast as the WebAssembly build.
 * A sum that is no point, and s or a key out of range, are refused by the addon.
 */
function schnorrVerify(addon: Addon, signature: Bytes, message: Bytes, xOnlyKey: Bytes): boolean {
  if (signature.length !== 64 || xOnlyKey.length !== 32) return false;
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  const e = toBigInt(taggedHash('BIP0340/challenge', r, xOnlyKey, message)) % N;
  if (e === 0n) return schnorrFor(message).schnorrVerify(signature, message, xOnlyKey);
  try {
    const minusEP = addon.publicKeyTweakMul(concat(EVEN, xOnlyKey), fromBigInt(N - e, 32), true);
    const point = addon.publicKeyTweakAdd(minusEP, s, true);
    return point[0] === 2 && equal(point.subarray(1), r);
  } catch {
    return false;
  }
}

/** Order of the group (SEC 2). */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const EVEN: Bytes = Uint8Array.of(2);

type Schnorr = Pick<Secp256k1, 'schnorrSign' | 'schnorrVerify'>;

let wasm: Schnorr | undefined;

/** BIP 340 allows messages of any length; the WebAssembly build takes 32 bytes only. */
function schnorrFor(message: Bytes): Schnorr {
  if (message.length !== 32) return nobleSecp;
  wasm ??= loadWasm();
  return wasm;
}

function loadWasm(): Schnorr {
  try {
    const tiny = require('tiny-secp256k1') as Tiny;
    return {
      schnorrSign(message, privateKey, aux) {
        assert(aux.length === 32, 'aux is 32 bytes');
        return Uint8Array.from(tiny.signSchnorr(message, privateKey, aux));
      },
      schnorrVerify(signature, message, xOnlyKey) {
        if (signature.length !== 64 || xOnlyKey.length !== 32) return false;
        try {
          return tiny.verifySchnorr(message, xOnlyKey, signature);
        } catch {
          return false;
        }
      },
    };
  } catch {
    return nobleSecp;
  }
}

function orNull(run: () => Uint8Array): Bytes | null {
  try {
    return run();
  } catch {
    return null;
  }
}

function isZero(bytes: Bytes, from: number): boolean {
  for (let i = from; i < from + 32; i++) if (bytes[i] !== 0) return false;
  return true;
}
