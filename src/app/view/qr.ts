// QR codes (ISO/IEC 18004), level L, for terminals: invoices are up to some hundred characters and scanned from a screen at once.
import { AppError } from '../error.ts';

/** Of level L, by version (1 to 40): error correction bytes of a block, and blocks. */
const ECC_LENGTH = [
  7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30,
  30, 30, 30, 30, 30,
];
const BLOCKS = [
  1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25,
];
const ALPHANUMERIC = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';

/** Rows of modules, true where dark, without a quiet zone. Throws USAGE for a text that no code holds. */
export type QrCode = readonly (readonly boolean[])[];

export function qrCode(text: string): QrCode {
  for (let version = 1; version <= 40; version++) {
    const capacity = 8 * dataLength(version);
    const bits = encodeText(text, version);
    if (bits.length <= capacity) return draw(version, interleave(pad(bits, capacity), version));
  }
  throw new AppError({ code: 'USAGE', message: `${text.length} characters are too many for a QR code` });
}

/** Two modules a character, dark on light whatever the terminal's colours are, with the quiet zone of four modules. */
export function qrText(text: string): string {
  const code = qrCode(text);
  const size = code.length;
  const light = (y: number, x: number): boolean => code[y]?.[x] !== true;
  const lines: string[] = [];
  for (let y = -4; y < size + 4; y += 2) {
    let line = '';
    for (let x = -4; x < size + 4; x++) line += light(y, x) ? (light(y + 1, x) ? '\u2588' : '\u2580') : light(y + 1, x) ? '\u2584' : ' ';
    lines.push(`\u001b[97;40m${line}\u001b[0m`);
  }
  return lines.join('\n');
}

// --- data

type Bits = number[];

const append = (bits: Bits, value: number, length: number): void => {
  for (let i = length - 1; i >= 0; i--) bits.push((value >>> i) & 1);
};

/** Alphanumeric where the text allows it (an invoice in upper case does): 5.5 bits a character instead of 8. */
function encodeText(text: string, version: number): Bits {
  const bits: Bits = [];
  const group = version < 10 ? 0 : version < 27 ? 1 : 2;
  if ([...text].every((char) => ALPHANUMERIC.includes(char))) {
    append(bits, 0b0010, 4);
    append(bits, text.length, [9, 11, 13][group] as number);
    for (let i = 0; i < text.length; i += 2) {
      const first = ALPHANUMERIC.indexOf(text[i] as string);
      if (i + 1 === text.length) append(bits, first, 6);
      else append(bits, 45 * first + ALPHANUMERIC.indexOf(text[i + 1] as string), 11);
    }
    return bits;
  }
  const bytes = new TextEncoder().encode(text);
  append(bits, 0b0100, 4);
  append(bits, bytes.length, [8, 16, 16][group] as number);
  for (const byte of bytes) append(bits, byte, 8);
  return bits;
}

function pad(bits: Bits, capacity: number): Uint8Array {
  const all = [...bits];
  append(all, 0, Math.min(4, capacity - all.length));
  append(all, 0, (8 - (all.length % 8)) % 8);
  for (let filler = 0xec; all.length < capacity; filler ^= 0xec ^ 0x11) append(all, filler, 8);
  return Uint8Array.from({ length: capacity / 8 }, (_, i) => all.slice(8 * i, 8 * i + 8).reduce((byte, bit) => (byte << 1) | bit, 0));
}

/** Modules that carry data or error correction. */
function rawModules(version: number): number {
  let modules = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const aligned = Math.floor(version / 7) + 2;
    modules -= (25 * aligned - 10) * aligned - 55;
    if (version >= 7) modules -= 36;
  }
  return modules;
}

const dataLength = (version: number): number =>
  Math.floor(rawModules(version) / 8) - (ECC_LENGTH[version - 1] as number) * (BLOCKS[version - 1] as number);

/** Cuts the data into blocks, adds the error correction of each, and takes their bytes in turn. The first blocks are a byte shorter. */
function interleave(data: Uint8Array, version: number): Uint8Array {
  const [count, eccLength] = [BLOCKS[version - 1] as number, ECC_LENGTH[version - 1] as number];
  const total = Math.floor(rawModules(version) / 8);
  const short = count - (total % count);
  const shortLength = Math.floor(total / count) - eccLength;
  const blocks: Uint8Array[] = [];
  const eccs: Uint8Array[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const length = shortLength + (i < short ? 0 : 1);
    const block = data.subarray(at, at + length);
    at += length;
    blocks.push(block);
    eccs.push(reedSolomon(block, eccLength));
  }
  const out: number[] = [];
  for (let i = 0; i <= shortLength; i++) for (const block of blocks) if (i < block.length) out.push(block[i] as number);
  for (let i = 0; i < eccLength; i++) for (const ecc of eccs) out.push(ecc[i] as number);
  return Uint8Array.from(out);
}

/** In GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let i = 7; i >= 0; i--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> i) & 1) * a;
  }
  return product;
}

/** The remainder of the data by (x - 1)(x - 2)(x - 4)..., which is what error correction appends. */
export function reedSolomon(data: Uint8Array, length: number): Uint8Array {
  const divisor = new Uint8Array(length);
  divisor[length - 1] = 1;
  for (let i = 0, root = 1; i < length; i++, root = multiply(root, 2))
    for (let j = 0; j < length; j++) divisor[j] = multiply(divisor[j] as number, root) ^ (divisor[j + 1] ?? 0);
  const remainder = new Uint8Array(length);
  for (const byte of data) {
    const factor = byte ^ (remainder[0] as number);
    remainder.copyWithin(0, 1);
    remainder[length - 1] = 0;
    for (let j = 0; j < length; j++) remainder[j] = (remainder[j] as number) ^ multiply(divisor[j] as number, factor);
  }
  return remainder;
}

// --- drawing

interface Grid {
  readonly size: number;
  readonly dark: boolean[][];
  /** Modules of patterns and formats: no data stands there. */
  readonly fixed: boolean[][];
}

function draw(version: number, bytes: Uint8Array): QrCode {
  const grid = patterns(version);
  drawData(grid, bytes);
  let best: { readonly dark: boolean[][]; readonly penalty: number } | null = null;
  for (let mask = 0; mask < 8; mask++) {
    const masked: Grid = { ...grid, dark: grid.dark.map((row) => [...row]) };
    applyMask(masked, mask);
    drawFormat(masked, mask);
    const penalty = penaltyOf(masked.dark);
    if (best === null || penalty < best.penalty) best = { dark: masked.dark, penalty };
  }
  return (best as { readonly dark: boolean[][] }).dark;
}

function set({ dark, fixed }: Grid, y: number, x: number, isDark: boolean): void {
  (dark[y] as boolean[])[x] = isDark;
  (fixed[y] as boolean[])[x] = true;
}

function patterns(version: number): Grid {
  const size = 17 + 4 * version;
  const rows = (): boolean[][] => Array.from({ length: size }, () => Array.from({ length: size }, () => false));
  const grid: Grid = { size, dark: rows(), fixed: rows() };
  for (let i = 0; i < size; i++) {
    set(grid, 6, i, i % 2 === 0);
    set(grid, i, 6, i % 2 === 0);
  }
  for (const [y, x] of [
    [3, 3],
    [3, size - 4],
    [size - 4, 3],
  ] as const)
    square(grid, { y, x, radius: 4 });
  const at = alignment(version);
  for (const [i, y] of at.entries())
    for (const [j, x] of at.entries()) {
      const corner = (i === 0 && j === 0) || (i === 0 && j === at.length - 1) || (i === at.length - 1 && j === 0);
      if (!corner) square(grid, { y, x, radius: 2 });
    }
  drawFormat(grid, 0);
  if (version >= 7) drawVersion(grid, version);
  return grid;
}

/** A finder (radius 4, with its light border) or an alignment pattern (radius 2). */
function square(grid: Grid, { y, x, radius }: { readonly y: number; readonly x: number; readonly radius: 2 | 4 }): void {
  for (let dy = -radius; dy <= radius; dy++)
    for (let dx = -radius; dx <= radius; dx++) {
      const distance = Math.max(Math.abs(dy), Math.abs(dx));
      const [row, column] = [y + dy, x + dx];
      if (row < 0 || row >= grid.size || column < 0 || column >= grid.size) continue;
      set(grid, row, column, radius === 4 ? distance !== 2 && distance !== 4 : distance !== 1);
    }
}

function alignment(version: number): readonly number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = version === 32 ? 26 : 2 * Math.ceil((4 * version + 4) / (2 * count - 2));
  const found = [6];
  for (let i = 0, at = 4 * version + 10; i < count - 1; i++, at -= step) found.splice(1, 0, at);
  return found;
}

/** Level L and the mask, with their BCH code, twice. */
function drawFormat(grid: Grid, mask: number): void {
  const data = (0b01 << 3) | mask;
  const bits = ((data << 10) | remainderOf(data, { generator: 0x537, length: 10 })) ^ 0x5412;
  const bit = (i: number): boolean => ((bits >>> i) & 1) === 1;
  const { size } = grid;
  for (let i = 0; i <= 5; i++) set(grid, i, 8, bit(i));
  set(grid, 7, 8, bit(6));
  set(grid, 8, 8, bit(7));
  set(grid, 8, 7, bit(8));
  for (let i = 9; i < 15; i++) set(grid, 8, 14 - i, bit(i));
  for (let i = 0; i < 8; i++) set(grid, 8, size - 1 - i, bit(i));
  for (let i = 8; i < 15; i++) set(grid, size - 15 + i, 8, bit(i));
  set(grid, size - 8, 8, true);
}

function drawVersion(grid: Grid, version: number): void {
  const bits = (version << 12) | remainderOf(version, { generator: 0x1f25, length: 12 });
  for (let i = 0; i < 18; i++) {
    const isDark = ((bits >>> i) & 1) === 1;
    const [a, b] = [grid.size - 11 + (i % 3), Math.floor(i / 3)];
    set(grid, a, b, isDark);
    set(grid, b, a, isDark);
  }
}

function remainderOf(data: number, code: { readonly generator: number; readonly length: number }): number {
  let remainder = data;
  for (let i = 0; i < code.length; i++) remainder = (remainder << 1) ^ ((remainder >>> (code.length - 1)) * code.generator);
  return remainder;
}

/** In columns of two, from the right, up and down in turn. */
function drawData({ size, dark, fixed }: Grid, bytes: Uint8Array): void {
  let at = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    const column = right <= 6 ? right - 1 : right;
    const upward = ((column + 1) & 2) === 0;
    for (let step = 0; step < size; step++)
      for (const x of [column, column - 1]) {
        const y = upward ? size - 1 - step : step;
        if ((fixed[y] as boolean[])[x] === true || at >= 8 * bytes.length) continue;
        (dark[y] as boolean[])[x] = (((bytes[at >>> 3] as number) >>> (7 - (at & 7))) & 1) === 1;
        at++;
      }
  }
}

const MASKS: readonly ((y: number, x: number) => boolean)[] = [
  (y, x) => (x + y) % 2 === 0,
  (y) => y % 2 === 0,
  (_, x) => x % 3 === 0,
  (y, x) => (x + y) % 3 === 0,
  (y, x) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (y, x) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (y, x) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (y, x) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function applyMask({ size, dark, fixed }: Grid, mask: number): void {
  const inverts = MASKS[mask] as (y: number, x: number) => boolean;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const row = dark[y] as boolean[];
      if ((fixed[y] as boolean[])[x] !== true && inverts(y, x)) row[x] = row[x] !== true;
    }
}

/** What makes a code hard to read: long runs, squares of one colour, false finders, too much of one colour. */
function penaltyOf(dark: readonly (readonly boolean[])[]): number {
  const size = dark.length;
  const lines = [...dark, ...dark.map((_, x) => dark.map((row) => row[x] as boolean))].map((line) =>
    line.map((d) => (d ? '1' : '0')).join(''),
  );
  let penalty = 0;
  for (const line of lines) {
    for (const run of line.match(/0{5,}|1{5,}/g) ?? []) penalty += run.length - 2;
    penalty += 40 * (line.match(/(?=10111010000|00001011101)/g) ?? []).length;
  }
  let count = 0;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const here = dark[y]?.[x];
      if (here === true) count++;
      if (y + 1 < size && x + 1 < size && here === dark[y]?.[x + 1] && here === dark[y + 1]?.[x] && here === dark[y + 1]?.[x + 1])
        penalty += 3;
    }
  return penalty + 10 * Math.floor(Math.abs((20 * count) / (size * size) - 10));
}
