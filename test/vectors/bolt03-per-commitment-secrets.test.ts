import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { decodeWith, encodeWith } from '../../src/codec/codec.ts';
import { emptyShaChain, insertSecret, perCommitmentSecret, secretAt, shaChainCodec } from '../../src/crypto/shachain.ts';
import vectors from './bolt03-per-commitment-secrets.json' with { type: 'json' };

describe('BOLT 3, appendix D: per-commitment secrets', () => {
  it.each(vectors.generation)('$name', ({ seed, index, output }) => {
    expect(toHex(perCommitmentSecret(fromHex(seed), BigInt(index)))).toBe(output);
  });

  it.each(vectors.storage)('$name', ({ inserts }) => {
    let store = emptyShaChain;
    for (const { index, secret, ok } of inserts) {
      expect(store.next).toBe(BigInt(index));
      const before = encodeWith(shaChainCodec, store);
      const inserted = insertSecret(store, fromHex(secret));
      expect(inserted.ok).toBe(ok);
      expect(encodeWith(shaChainCodec, store)).toEqual(before);
      if (!inserted.ok) continue;
      store = inserted.value;
      expect(toHex(secretAt(store, BigInt(index))!)).toBe(secret);
      expect(decodeWith(shaChainCodec, encodeWith(shaChainCodec, store))).toEqual({ ok: true, value: store });
    }
  });
});
