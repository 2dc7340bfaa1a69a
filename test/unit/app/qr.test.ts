// Held to the worked examples of the standard's tutorials; an independent reader was found to read codes of every version.
import { expect, test } from 'vitest';
import { AppError } from '../../../src/app/error.ts';
import { qrCode, qrText, reedSolomon } from '../../../src/app/view/qr.ts';

test('error correction is that of the worked example (HELLO WORLD, 1-M)', () => {
  const data = Uint8Array.of(32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17);
  expect([...reedSolomon(data, 10)]).toEqual([196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
});

test('the size follows from the length, and upper case takes less room than lower case', () => {
  expect(qrCode('A'.repeat(25))).toHaveLength(21);
  expect(qrCode('A'.repeat(26))).toHaveLength(25);
  expect(qrCode('a'.repeat(17))).toHaveLength(21);
  expect(qrCode('a'.repeat(18))).toHaveLength(25);
  expect(qrCode('A'.repeat(4296))).toHaveLength(177);
  expect(qrCode('a'.repeat(300)).length).toBeGreaterThan(qrCode('A'.repeat(300)).length);
  expect(() => qrCode('A'.repeat(4297))).toThrow(AppError);
});

/** The 15 bits beside the upper left finder. */
function formatOf(code: readonly (readonly boolean[])[]): string {
  const at = (y: number, x: number): string => (code[y]?.[x] === true ? '1' : '0');
  const across = [0, 1, 2, 3, 4, 5, 7, 8].map((x) => at(8, x)).join('');
  return across + [7, 5, 4, 3, 2, 1, 0].map((y) => at(y, 8)).join('');
}

/** Of level L by mask, as the standard's table has them. */
const FORMATS = [
  '111011111000100',
  '111001011110011',
  '111110110101010',
  '111100010011101',
  '110011000101111',
  '110001100011000',
  '110110001000001',
  '110100101110110',
];

test('every code tells its level and mask in a format that the standard lists', () => {
  for (const text of ['A', 'lnbc1', 'LNBC1QQQ', '0'.repeat(100)]) expect(FORMATS).toContain(formatOf(qrCode(text)));
});

test('a code of version 7 tells its version', () => {
  const code = qrCode('A'.repeat(200));
  expect(code).toHaveLength(45);
  let bits = '';
  for (let i = 17; i >= 0; i--) bits += code[Math.floor(i / 3)]?.[45 - 11 + (i % 3)] === true ? '1' : '0';
  expect(bits).toBe('000111110010010100');
});

test('on a terminal a code has its quiet zone and one line for two rows', () => {
  const lines = qrText('A').split('\n');
  expect(lines).toHaveLength(Math.ceil((21 + 8) / 2));
  expect(lines[0]).toContain('\u2588'.repeat(29));
});
