import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, EMPTY, fromHex, toHex } from '../../../src/base/bytes.ts';
import { chacha20Stream, chacha20Xor, open, seal } from '../../../src/crypto/chacha.ts';

const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('ChaCha20-Poly1305', () => {
  it("is OpenSSL's", () => {
    fc.assert(
      fc.property(
        fixed(32),
        fixed(12),
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 200 }),
        (key, nonce, ad, plaintext) => {
          const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
          cipher.setAAD(ad, { plaintextLength: plaintext.length });
          const expected = concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
          const sealed = seal({ key, nonce, ad }, plaintext);
          expect(toHex(sealed)).toBe(toHex(expected));
          expect(open({ key, nonce, ad }, sealed)).toEqual(plaintext);
          const into = new Uint8Array(sealed.length + 9);
          seal({ key, nonce, ad }, plaintext, into.subarray(5, 5 + sealed.length));
          expect(into.subarray(5, 5 + sealed.length)).toEqual(sealed);
        },
      ),
    );
  });

  it('opens nothing that was changed, cut or sealed otherwise', () => {
    fc.assert(
      fc.property(
        fixed(32),
        fixed(12),
        fc.uint8Array({ maxLength: 60 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (key, nonce, plaintext, n, flip) => {
          const sealed = seal({ key, nonce }, plaintext);
          const changed = sealed.slice();
          changed[n % changed.length] = (changed[n % changed.length] as number) ^ flip;
          expect(open({ key, nonce }, changed)).toBeNull();
          expect(open({ key, nonce }, sealed.subarray(0, n % sealed.length))).toBeNull();
          expect(open({ key, nonce, ad: Uint8Array.of(1) }, sealed)).toBeNull();
        },
      ),
    );
  });
});

describe('ChaCha20', () => {
  // RFC 8439, A.1, vector 1: key and nonce of zeros, block 0.
  const zeros =
    '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586';

  it('streams from block 0', () => {
    expect(toHex(chacha20Stream(new Uint8Array(32), 64))).toBe(zeros);
    expect(chacha20Stream(new Uint8Array(32), 0)).toEqual(EMPTY);
    expect(toHex(chacha20Xor({ key: new Uint8Array(32), nonce: new Uint8Array(12) }, fromHex(zeros)))).toBe('00'.repeat(64));
  });
});
