import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { decodeAddress, decodeAddressFor, encodeAddress } from '../../../src/bitcoin/address.ts';
import { NETWORKS } from '../../../src/bitcoin/network.ts';
import { OP, script, witnessScript } from '../../../src/bitcoin/script.ts';

const hash = fc.uint8Array({ minLength: 20, maxLength: 20 });
const output = fc.oneof(
  hash.map((h) => script(OP.DUP, OP.HASH160, h, OP.EQUALVERIFY, OP.CHECKSIG)),
  hash.map((h) => script(OP.HASH160, h, OP.EQUAL)),
  hash.map((program) => witnessScript({ version: 0, program })),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((program) => witnessScript({ version: 0, program })),
  fc
    .tuple(fc.integer({ min: 1, max: 16 }), fc.uint8Array({ minLength: 2, maxLength: 40 }))
    .map(([version, program]) => witnessScript({ version, program })),
);

test('an address reads back to its script and its network', () => {
  fc.assert(
    fc.property(output, fc.constantFrom(...NETWORKS), (bytes, network) => {
      const text = encodeAddress(bytes, network);
      if (text === null) throw new Error('no address');
      const decoded = decodeAddressFor(text, network);
      expect(decoded.ok && toHex(decoded.value.script)).toBe(toHex(bytes));
    }),
  );
});

test('a changed character never decodes', () => {
  fc.assert(
    fc.property(output, fc.nat(), fc.constantFrom(...'023456789acdefghjklmnpqrstuvwxyz'), (bytes, at, char) => {
      const text = encodeAddress(bytes, 'bitcoin') as string;
      const i = 4 + (at % (text.length - 4));
      if (text[i] === char) return;
      expect(decodeAddress(text.slice(0, i) + char + text.slice(i + 1)).ok).toBe(false);
    }),
  );
});

test('known base58 addresses have their scripts', () => {
  const genesis = decodeAddress('1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa');
  expect(genesis.ok && [toHex(genesis.value.script), genesis.value.networks]).toEqual([
    '76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac',
    ['bitcoin'],
  ]);
  const p2sh = decodeAddress('2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc');
  expect(p2sh.ok && [toHex(p2sh.value.script), p2sh.value.networks]).toEqual([
    'a9144e9f39ca4688ff102128ea4ccda34105324305b087',
    ['testnet4', 'signet', 'regtest'],
  ]);
});

test('failures name their kind', () => {
  const code = (text: string): string => {
    const decoded = decodeAddressFor(text, 'regtest');
    return decoded.ok ? 'ok' : decoded.failure.code;
  };
  expect(code('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4')).toBe('WRONG_NETWORK');
  expect(code('1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb')).toBe('CHECKSUM');
  expect(code('bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5')).toBe('CHECKSUM');
  expect(code('hello')).toBe('MALFORMED');
  expect(code('')).toBe('MALFORMED');
  expect(code('bcrt1')).toBe('CHECKSUM');
});

test('a script without an address has none', () => {
  expect(encodeAddress(fromHex('6a00'), 'bitcoin')).toBe(null);
  expect(encodeAddress(fromHex('0010751e76e8199196d454941c45d1b3a323'), 'bitcoin')).toBe(null);
});
