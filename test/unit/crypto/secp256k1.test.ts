import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, fromBigInt, fromHex, toBigInt, toHex } from '../../../src/base/bytes.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { loadNative } from '../../../src/crypto/native.ts';
import { nobleSecp } from '../../../src/crypto/noble.ts';
import type { Secp256k1 } from '../../../src/crypto/secp256k1.ts';

const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const native = loadNative()!;

/** 32 bytes that are a scalar, its edges, or beyond. */
const bytes32 = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ minLength: 32, maxLength: 32 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0n, 1n, 2n, N - 1n, N, N + 1n, N / 2n, N / 2n + 1n, 2n ** 256n - 1n).map((v) => fromBigInt(v, 32)),
  },
);
const secret = bytes32.filter((b) => toBigInt(b) > 0n && toBigInt(b) < N);
/** Points, and bytes that only look like one. */
const key = fc.oneof(
  { weight: 5, arbitrary: secret.map((s) => native.publicKey(s)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(0, 2, 3, 4, 6), bytes32).map(([first, x]) => concat(Uint8Array.of(first), x)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 66 }) },
);
const signature = fc.oneof(
  fc.tuple(bytes32, secret).map(([hash, s]) => native.sign(hash, s)),
  fc.tuple(bytes32, bytes32).map(([r, s]) => concat(r, s)),
  fc.uint8Array({ maxLength: 70 }),
);
const RUNS = { numRuns: 60 };

/** What a backend gives or that it throws, in one comparable form. */
function outcome(run: () => Bytes | boolean | null): string {
  try {
    const value = run();
    return value instanceof Uint8Array ? toHex(value) : String(value);
  } catch {
    return 'throws';
  }
}

/** Native and noble must say the same. */
function agree(run: (backend: Secp256k1) => Bytes | boolean | null): void {
  expect(outcome(() => run(native))).toBe(outcome(() => run(nobleSecp)));
}

describe('native and noble secp256k1 agree', () => {
  it('runs native here', () => {
    expect(secp.name).toBe('native');
  });

  it('on which keys are valid', () => {
    fc.assert(
      fc.property(fc.oneof(bytes32, fc.uint8Array({ maxLength: 40 })), key, (s, k) => {
        agree((e) => e.isPrivateKey(s));
        agree((e) => e.isPublicKey(k));
      }),
      RUNS,
    );
  });

  it('on public keys, signatures and recovery', () => {
    fc.assert(
      fc.property(bytes32, secret, (hash, s) => {
        agree((e) => e.publicKey(s));
        const { signature, recovery } = native.signRecoverable(hash, s);
        // RFC 6979 reduces the hash before it goes into the nonce, libsecp256k1 does not: they differ where it is beyond the group's order.
        if (toBigInt(hash) < N) expect(nobleSecp.signRecoverable(hash, s)).toEqual({ signature, recovery });
        expect(native.verify(nobleSecp.sign(hash, s), hash, native.publicKey(s))).toBe(true);
        expect(native.sign(hash, s)).toEqual(signature);
        for (const e of [native, nobleSecp]) {
          expect(e.verify(signature, hash, native.publicKey(s))).toBe(true);
          expect(e.recover(signature, recovery, hash)).toEqual(native.publicKey(s));
        }
      }),
      RUNS,
    );
  });

  it('on what does not verify', () => {
    fc.assert(
      fc.property(signature, bytes32, key, fc.integer({ min: -1, max: 4 }), (sig, hash, k, recovery) => {
        agree((e) => e.verify(sig, hash, k));
        agree((e) => e.recover(sig, recovery, hash));
        agree((e) => e.normalize(sig));
        agree((e) => e.verify(sig, hash.subarray(1), k));
      }),
      { numRuns: 120 },
    );
  });

  it('refuse high s, normalise it, and recover from both', () => {
    fc.assert(
      fc.property(bytes32, secret, (hash, s) => {
        const { signature, recovery } = native.signRecoverable(hash, s);
        const high = concat(signature.subarray(0, 32), fromBigInt(N - toBigInt(signature.subarray(32)), 32));
        for (const e of [native, nobleSecp]) {
          expect(e.verify(high, hash, e.publicKey(s))).toBe(false);
          expect(e.normalize(high)).toEqual(signature);
          expect(e.normalize(signature)).toEqual(signature);
          expect(e.recover(high, recovery ^ 1, hash)).toEqual(e.publicKey(s));
        }
      }),
      RUNS,
    );
  });

  it('on point and scalar arithmetic, its refusals included', () => {
    fc.assert(
      fc.property(key, key, bytes32, secret, (a, b, tweak, s) => {
        agree((e) => e.ecdh(a, s));
        agree((e) => e.publicAddTweak(a, tweak));
        agree((e) => e.publicMultiply(a, tweak));
        agree((e) => e.publicAdd([a, b]));
        agree((e) => e.publicAdd([a]));
        agree((e) => e.privateAdd(s, tweak));
        agree((e) => e.privateMultiply(s, tweak));
        agree((e) => e.privateNegate(s));
      }),
      { numRuns: 120 },
    );
  });

  it('on Schnorr signatures of messages of any length', () => {
    fc.assert(
      fc.property(fc.oneof(bytes32, fc.uint8Array({ maxLength: 50 })), secret, bytes32, (message, s, aux) => {
        agree((e) => e.schnorrSign(message, s, aux));
        const signed = native.schnorrSign(message, s, aux);
        const x = native.publicKey(s).subarray(1);
        for (const e of [native, nobleSecp]) {
          expect(e.schnorrVerify(signed, message, x)).toBe(true);
          expect(e.schnorrVerify(signed, concat(message, Uint8Array.of(1)), x)).toBe(false);
        }
        agree((e) => e.schnorrVerify(signed, message, aux));
        agree((e) => e.schnorrVerify(concat(aux, aux), message, x));
        agree((e) => e.schnorrVerify(signed.subarray(1), message, x));
      }),
      { numRuns: 25 },
    );
  });
});

describe.each([native, nobleSecp])('$name', (e) => {
  const one = fromBigInt(1n, 32);
  const point = e.publicKey(one);

  it('keeps the laws: opposite points have no sum, private and public tweaks meet', () => {
    const opposite = e.publicKey(e.privateNegate(one));
    expect(e.publicAdd([point, opposite])).toBeNull();
    expect(e.publicAdd([])).toBeNull();
    expect(e.publicAddTweak(point, e.privateNegate(one))).toBeNull();
    expect(e.publicAddTweak(point, new Uint8Array(32))).toEqual(point);
    const tweak = fromBigInt(12345n, 32);
    expect(e.publicAddTweak(point, tweak)).toEqual(e.publicKey(e.privateAdd(one, tweak)));
    expect(e.publicMultiply(point, tweak)).toEqual(e.publicKey(e.privateMultiply(one, tweak)));
  });

  it('throws on private keys of ours that are none', () => {
    for (const bad of [new Uint8Array(32), fromBigInt(N, 32), new Uint8Array(31)]) {
      expect(() => e.publicKey(bad)).toThrow();
      expect(() => e.sign(one, bad)).toThrow();
      expect(() => e.ecdh(point, bad)).toThrow();
      expect(() => e.privateNegate(bad)).toThrow();
      expect(() => e.privateAdd(bad, one)).toThrow();
      expect(() => e.schnorrSign(one, bad, one)).toThrow();
    }
    expect(() => e.privateAdd(one, e.privateNegate(one))).toThrow();
    expect(() => e.sign(one.subarray(1), one)).toThrow();
  });

  it('gives plain Uint8Arrays, given Buffers too, and leaves its arguments alone', () => {
    const secret = Buffer.from(fromBigInt(7n, 32));
    const before = toHex(secret);
    const hash = Buffer.alloc(32, 3);
    const made = [
      e.publicKey(secret),
      e.sign(hash, secret),
      e.signRecoverable(hash, secret).signature,
      e.normalize(Buffer.from(e.sign(hash, secret))),
      e.ecdh(Buffer.from(point), secret),
      e.publicAddTweak(Buffer.from(point), secret),
      e.privateAdd(secret, hash),
      e.privateMultiply(secret, hash),
      e.privateNegate(secret),
      e.schnorrSign(hash, secret, hash),
    ];
    for (const bytes of made) expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    expect(toHex(secret)).toBe(before);
  });

  it('hashes the compressed shared point in ecdh (BOLT 4, BOLT 8)', () => {
    const [a, b] = [fromHex('12'.repeat(32)), fromHex('21'.repeat(32))];
    expect(toHex(e.ecdh(e.publicKey(b), a)!)).toBe('1e2fb3c8fe8fb9f262f649f64d26ecf0f2c0a805a767cf02dc2d77a6ef1fdcc3');
    expect(e.ecdh(e.publicKey(a), b)).toEqual(e.ecdh(e.publicKey(b), a));
  });
});

describe('what importing costs', () => {
  it('loads neither noble curves, elliptic nor WebAssembly to recover a key', () => {
    const script = `
      const { secp } = await import('./src/crypto/ec.ts');
      const { createRequire } = await import('node:module');
      const { signature, recovery } = secp.signRecoverable(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2));
      secp.recover(signature, recovery, new Uint8Array(32).fill(1));
      const loaded = Object.keys(createRequire(process.cwd() + '/x').cache);
      console.log(JSON.stringify(loaded.map((path) => path.replace(/.*node_modules/, ''))));`;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    const loaded = JSON.parse(out) as readonly string[];
    expect(loaded.some((path) => path.startsWith('/secp256k1/'))).toBe(true);
    expect(loaded.filter((path) => /noble.curves|elliptic|tiny-secp256k1/.test(path))).toEqual([]);
  });
});
