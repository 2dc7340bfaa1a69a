import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFragment, encodeFragment, type SendFragment } from '../../../src/asset/fragment.ts';
import { openSealed, sealTo } from '../../../src/asset/fragment-seal.ts';
import { uniqueScriptKey } from '../../../src/asset/keys.ts';
import { fromHex, utf8 } from '../../../src/base/bytes.ts';
import type { BlockHash, TxId } from '../../../src/base/ids.ts';
import { secp } from '../../../src/crypto/ec.ts';

const RECEIVER = new Uint8Array(32).fill(0x11);
const EPHEMERAL = new Uint8Array(32).fill(0x22);
const TEXT = utf8('where the assets stand');
/** As tapd 0.8.1 sealed `TEXT` (`internal/ecies`) from the one key to the other; the nonce was drawn at random. */
const BY_TAPD = fromHex(
  '012102466d7fcae563e5cb09a0d1870bb580344804617879a14949cf22285f1bae3f273bfeea1f70277e965172433f850d5b499fba9d0e177550d0d79e97ddd38ae132b1bea8b01e7d05e1c5f1b13a160e659e20c72404c9be094279a768fe9b0a',
);
const NONCE = BY_TAPD.slice(35, 59);

const fragment: SendFragment = {
  version: 1,
  blockHeader: {
    version: 2,
    previous: new Uint8Array(32).fill(0x31) as BlockHash,
    merkleRoot: new Uint8Array(32).fill(0x32),
    time: 1_700_000_000,
    bits: 0x207fffff,
    nonce: 7,
  },
  blockHeight: 1_234_567,
  outPoint: { txid: Uint8Array.from({ length: 32 }, (_, i) => i) as TxId, vout: 3 },
  outputs: [0xaa, 0xbb].map((byte) => {
    const assetId = new Uint8Array(32).fill(byte);
    const { publicKey: scriptKey } = uniqueScriptKey(secp.publicKey(RECEIVER), assetId);
    return { assetId, assetVersion: 1, amount: 2n ** 64n - 1n, derivation: 0, scriptKey };
  }),
  taprootAssetRoot: new Uint8Array(32).fill(0x44),
  unknown: [],
};

test('what tapd sealed is opened, and sealed the same', () => {
  expect(openSealed(BY_TAPD, RECEIVER)).toEqual({ ok: true, value: TEXT });
  expect(sealTo(secp.publicKey(RECEIVER), TEXT, { ephemeral: EPHEMERAL, nonce: NONCE })).toEqual(BY_TAPD);
});

test('a message for another key, changed in any bit or cut off anywhere is refused', () => {
  expect(openSealed(BY_TAPD, EPHEMERAL)).toMatchObject({ ok: false, failure: { code: 'NOT_DECRYPTED' } });
  for (let length = 0; length < BY_TAPD.length; length++)
    expect(openSealed(BY_TAPD.slice(0, length), RECEIVER).ok, `${length}`).toBe(false);
  fc.assert(
    fc.property(fc.nat(BY_TAPD.length * 8 - 1), (bit) => {
      const bent = BY_TAPD.slice();
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(openSealed(bent, RECEIVER).ok).toBe(false);
    }),
  );
});

test('a fragment is read as it was written; its outputs stand in the order of their ids', () => {
  const encoded = encodeFragment({ ...fragment, outputs: fragment.outputs.toReversed() });
  expect(encoded).toEqual(encodeFragment(fragment));
  expect(decodeFragment(encoded)).toEqual({ ok: true, value: fragment });
});

test('a fragment of another version, without outputs, with too many, with one twice, or with keys of another kind is refused', () => {
  const [first] = fragment.outputs as [SendFragment['outputs'][number]];
  const many = Array.from({ length: 257 }, (_, i) => ({ ...first, assetId: new Uint8Array(32).fill(i & 255, 0, i > 255 ? 31 : 32) }));
  const bad: readonly (readonly [Partial<SendFragment>, string])[] = [
    [{ version: 0 }, 'UNKNOWN_VERSION'],
    [{ version: 2 }, 'UNKNOWN_VERSION'],
    [{ outputs: [] }, 'MALFORMED'],
    [{ outputs: [first, first] }, 'MALFORMED'],
    [{ outputs: many }, 'MALFORMED'],
    [{ outputs: [{ ...first, derivation: 1 }] }, 'UNKNOWN_VERSION'],
    [{ outputs: [{ ...first, scriptKey: new Uint8Array(33) }] }, 'MALFORMED'],
    [{ unknown: [{ type: 100n, value: TEXT }] }, 'MALFORMED'],
  ];
  for (const [change, code] of bad)
    expect(decodeFragment(encodeFragment({ ...fragment, ...change }))).toMatchObject({ ok: false, failure: { code } });
  const odd = { ...fragment, unknown: [{ type: 101n, value: TEXT }] };
  expect(decodeFragment(encodeFragment(odd))).toEqual({ ok: true, value: odd });
});

test('whatever bytes come as a fragment, reading them gives a value', () => {
  const encoded = encodeFragment(fragment);
  for (let length = 0; length < encoded.length; length++) expect(decodeFragment(encoded.slice(0, length)).ok).toBe(false);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => typeof decodeFragment(bytes).ok === 'boolean'));
});
