import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import {
  classifyScript,
  OP,
  opReturnScript,
  p2pkhScript,
  p2shScript,
  p2trScript,
  p2wpkhScript,
  p2wshScript,
  parseScript,
  push,
  readScriptNumber,
  script,
  scriptNumber,
  witnessProgram,
} from '../../../src/bitcoin/script.ts';

const KEY = fromHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');

test('pushes are the shortest there are', () => {
  expect(toHex(push(new Uint8Array(0)))).toBe('00');
  expect(toHex(push(Uint8Array.of(16)))).toBe('60');
  expect(toHex(push(Uint8Array.of(17)))).toBe('0111');
  expect(toHex(push(Uint8Array.of(0)))).toBe('0100');
  expect(toHex(push(Uint8Array.of(0x81)))).toBe('4f');
  expect(toHex(push(new Uint8Array(75))).slice(0, 2)).toBe('4b');
  expect(toHex(push(new Uint8Array(76))).slice(0, 4)).toBe('4c4c');
  expect(toHex(push(new Uint8Array(256))).slice(0, 6)).toBe('4d0001');
});

test('script numbers have a minimal sign-magnitude form', () => {
  const table: readonly (readonly [number, string])[] = [
    [0, ''],
    [1, '01'],
    [-1, '81'],
    [127, '7f'],
    [128, '8000'],
    [-128, '8080'],
    [144, '9000'],
    [255, 'ff00'],
    [0x7fffff, 'ffff7f'],
    [0x800000, '00008000'],
    [500_000_000, '0065cd1d'],
  ];
  for (const [value, hex] of table) expect([value, toHex(scriptNumber(value))]).toEqual([value, hex]);
});

test('a script number reads back, and its padded form is refused', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), (value) => {
      const bytes = scriptNumber(value);
      expect(readScriptNumber(bytes)).toBe(value);
      // A zero byte more carries the sign: the same number, not in its shortest form.
      if (bytes.length > 0 && bytes.length < 4) {
        const padded = Uint8Array.from([...bytes, 0]);
        const last = bytes.length - 1;
        padded[last] = (bytes[last] as number) & 0x7f;
        padded[last + 1] = (bytes[last] as number) & 0x80;
        expect(readScriptNumber(padded)).toBe(null);
      }
    }),
  );
});

test('a script parses into what built it', () => {
  const item = fc.oneof(fc.uint8Array({ minLength: 2, maxLength: 300 }), fc.integer({ min: 0x61, max: 0xff }));
  fc.assert(
    fc.property(fc.array(item), (items) => {
      expect(parseScript(script(...items))).toEqual(items);
    }),
  );
});

test('a push that passes the end does not parse', () => {
  for (const hex of ['02aa', '4c', '4c02aa', '4d01', '4dffff00', '4e01000000']) expect(parseScript(fromHex(hex))).toBe(null);
});

test('each template is told from the others', () => {
  const of = (bytes: Uint8Array): string => classifyScript(bytes).kind;
  expect(of(p2pkhScript(KEY))).toBe('p2pkh');
  expect(of(p2shScript(KEY))).toBe('p2sh');
  expect(of(p2wpkhScript(KEY))).toBe('p2wpkh');
  expect(of(p2wshScript(KEY))).toBe('p2wsh');
  expect(of(p2trScript(KEY.slice(1)))).toBe('p2tr');
  expect(of(fromHex('51024e73'))).toBe('p2a');
  expect(of(fromHex('5210751e76e8199196d454941c45d1b3a323'))).toBe('witness_unknown');
  expect(of(opReturnScript(KEY))).toBe('op_return');
  expect(of(fromHex('0010751e76e8199196d454941c45d1b3a323'))).toBe('nonstandard');
  expect(of(script(OP.DUP))).toBe('nonstandard');
  expect(toHex(classifyScript(p2wpkhScript(KEY)).payload)).toBe('751e76e8199196d454941c45d1b3a323f1433bd6');
});

test('a witness program is 2 to 40 bytes behind a version', () => {
  expect(witnessProgram(fromHex('5101aa'))).toBe(null);
  expect(witnessProgram(fromHex('5102aabb'))?.version).toBe(1);
  expect(witnessProgram(fromHex('4f02aabb'))).toBe(null);
  expect(witnessProgram(fromHex('5103aabb'))).toBe(null);
  expect(witnessProgram(fromHex(`5129${'00'.repeat(41)}`))).toBe(null);
});
