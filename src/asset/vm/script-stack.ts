import { type Bytes, EMPTY, equal } from '../../base/bytes.ts';
import { OP, readScriptNumber, scriptNumber } from '../../bitcoin/script.ts';
import { hash160, ripemd160, sha1, sha256, sha256d } from '../../crypto/hash.ts';

/** The stack of a script, and the opcodes that do nothing but work on it. */

/** A script that does not hold. Caught where the spend is judged. */
export class Invalid extends Error {
  override readonly name = 'Invalid';
}

const TRUE = Uint8Array.of(1);
export const bool = (value: boolean): Bytes => (value ? TRUE : EMPTY);
/** Anything but zero, also but the negative zero. */
export const isTrue = (item: Bytes): boolean => item.some((byte, i) => byte !== 0 && !(byte === 0x80 && i === item.length - 1));

export class Stack {
  readonly items: Bytes[];
  readonly #alternative: Bytes[] = [];

  constructor(items: Bytes[]) {
    this.items = items;
  }

  get size(): number {
    return this.items.length + this.#alternative.length;
  }
  push(...items: readonly Bytes[]): void {
    this.items.push(...items);
  }
  pop(): Bytes {
    return need(this.items.pop());
  }
  /** Counted from the top, which is 0. */
  at(depth: number): Bytes {
    return need(this.items.at(-1 - depth));
  }
  take(depth: number): Bytes {
    const item = this.at(depth);
    this.items.splice(this.items.length - 1 - depth, 1);
    return item;
  }
  /** At most four bytes, minimal. */
  number(): number {
    const value = readScriptNumber(this.pop());
    if (value === null) throw new Invalid('a number is too long or not minimal');
    return value;
  }
  /** A number that names an item. */
  depth(): number {
    const depth = this.number();
    if (depth < 0 || depth >= this.items.length) throw new Invalid('the stack has too few items');
    return depth;
  }
  toAlternative(): void {
    this.#alternative.push(this.pop());
  }
  fromAlternative(): void {
    this.push(need(this.#alternative.pop()));
  }
}

function need(item: Bytes | undefined): Bytes {
  if (item === undefined) throw new Invalid('the stack has too few items');
  return item;
}

export const STACK_OPS: ReadonlyMap<number, (s: Stack) => void> = new Map<number, (s: Stack) => void>([
  [0x6b, (s) => s.toAlternative()],
  [0x6c, (s) => s.fromAlternative()],
  // 2DROP, 2DUP, 3DUP, 2OVER, 2ROT, 2SWAP
  [0x6d, (s) => void [s.pop(), s.pop()]],
  [0x6e, (s) => s.push(s.at(1), s.at(0))],
  [0x6f, (s) => s.push(s.at(2), s.at(1), s.at(0))],
  [0x70, (s) => s.push(s.at(3), s.at(2))],
  [0x71, (s) => s.push(s.take(5), s.take(4))],
  [0x72, (s) => s.push(s.take(3), s.take(2))],
  [OP.IFDUP, (s) => (isTrue(s.at(0)) ? s.push(s.at(0)) : undefined)],
  // DEPTH
  [0x74, (s) => s.push(scriptNumber(s.items.length))],
  [OP.DROP, (s) => void s.pop()],
  [OP.DUP, (s) => s.push(s.at(0))],
  // NIP, OVER, PICK, ROLL, ROT
  [0x77, (s) => void s.take(1)],
  [0x78, (s) => s.push(s.at(1))],
  [0x79, (s) => s.push(s.at(s.depth()))],
  [0x7a, (s) => s.push(s.take(s.depth()))],
  [0x7b, (s) => s.push(s.take(2))],
  [OP.SWAP, (s) => s.push(s.take(1))],
  // TUCK
  [0x7d, (s) => s.push(s.at(0), s.take(1), s.take(0))],
  [OP.SIZE, (s) => s.push(scriptNumber(s.at(0).length))],
  [OP.EQUAL, (s) => s.push(bool(equal(s.pop(), s.pop())))],
]);

export const UNARY: ReadonlyMap<number, (a: number) => number> = new Map([
  [0x8b, (a) => a + 1],
  [0x8c, (a) => a - 1],
  [0x8f, (a) => -a],
  [0x90, (a) => Math.abs(a)],
  [0x91, (a) => (a === 0 ? 1 : 0)],
  [0x92, (a) => (a === 0 ? 0 : 1)],
]);

export const BINARY: ReadonlyMap<number, (a: number, b: number) => number> = new Map([
  [OP.ADD, (a, b) => a + b],
  [0x94, (a, b) => a - b],
  [0x9a, (a, b) => (a !== 0 && b !== 0 ? 1 : 0)],
  [0x9b, (a, b) => (a !== 0 || b !== 0 ? 1 : 0)],
  [0x9c, (a, b) => (a === b ? 1 : 0)],
  [0x9e, (a, b) => (a === b ? 0 : 1)],
  [0x9f, (a, b) => (a < b ? 1 : 0)],
  [0xa0, (a, b) => (a > b ? 1 : 0)],
  [0xa1, (a, b) => (a <= b ? 1 : 0)],
  [0xa2, (a, b) => (a >= b ? 1 : 0)],
  [0xa3, (a, b) => Math.min(a, b)],
  [0xa4, (a, b) => Math.max(a, b)],
]);

export const HASHES: ReadonlyMap<number, (data: Bytes) => Bytes> = new Map([
  [0xa6, ripemd160],
  [0xa7, sha1],
  [OP.SHA256, sha256],
  [OP.HASH160, hash160],
  [OP.HASH256, sha256d],
]);
