import { createHash, createHmac, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, toHex, utf8 } from '../../../src/base/bytes.ts';
import * as hash from '../../../src/crypto/hash.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const openssl = (name: string, data: Uint8Array) => createHash(name).update(data).digest();

describe('hashes', () => {
  it("are OpenSSL's", () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(toHex(hash.sha256(a))).toBe(openssl('sha256', a).toString('hex'));
        expect(toHex(hash.sha512(a))).toBe(openssl('sha512', a).toString('hex'));
        expect(toHex(hash.sha256d(a))).toBe(openssl('sha256', openssl('sha256', a)).toString('hex'));
        expect(toHex(hash.hash160(a))).toBe(toHex(hash.ripemd160(openssl('sha256', a))));
        expect(toHex(hash.hmacSha256(a, b))).toBe(createHmac('sha256', a).update(b).digest('hex'));
        expect(toHex(hash.hmacSha512(a, b))).toBe(createHmac('sha512', a).update(b).digest('hex'));
        const derived = hash.hkdfSha256({ salt: a, ikm: b, info: utf8('x'), length: 64 });
        expect(toHex(derived)).toBe(Buffer.from(hkdfSync('sha256', b, a, 'x', 64)).toString('hex'));
      }),
    );
  });

  it('are tagged as BIP 340 says', () => {
    const tag = openssl('sha256', utf8('BIP0340/aux'));
    const message = Uint8Array.of(1, 2, 3);
    expect(toHex(hash.taggedHash('BIP0340/aux', Uint8Array.of(1), Uint8Array.of(2, 3)))).toBe(
      openssl('sha256', concat(tag, tag, message)).toString('hex'),
    );
  });

  it('know RIPEMD-160 of the empty string', () => {
    expect(toHex(hash.ripemd160(new Uint8Array(0)))).toBe('9c1185a5c5e9fc54612808977ee8f548b2258d31');
  });
});
