/**
 * SHA-256 of 72 bytes (two hashes and a 64-bit sum), as WebAssembly written here instruction by instruction. A merkle-sum sparse tree hashes
 * some 240 such nodes for one leaf, and a call of a general hash function costs more than the hash. The second of the two blocks holds only the
 * sum and the padding: where the sum stays, so does its whole message schedule, which is therefore handed in.
 *
 * FIPS 180-4 names: a to h the working variables, W the message schedule, K the constants.
 */
interface WasmModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Hashes the words at `left` and `right` with the second block's schedule at `SCHEDULE`, and stores the words of the hash at `out`. */
  readonly node: (left: number, right: number, out: number) => void;
}

/** Where the 64 words K + W of the second block stand in memory. */
export const SCHEDULE = 0;

const PRIMES = primes(64);
const fraction = (x: number): number => ((x % 1) * 2 ** 32) | 0;
/** FIPS 180-4, 4.2.2 and 5.3.3: the first 32 bits of the fractional parts of cube and square roots of the first primes. */
export const K: readonly number[] = PRIMES.map((p) => fraction(Math.cbrt(p)));
const INITIAL: readonly number[] = PRIMES.slice(0, 8).map((p) => fraction(Math.sqrt(p)));

/** The part of WebAssembly's JavaScript interface used here; the project compiles without the DOM's types. */
declare const WebAssembly:
  | undefined
  | { Module: new (code: Uint8Array) => object; Instance: new (module: object) => { readonly exports: unknown } };

/** The instance of this process, or null where the platform has no WebAssembly. */
export function loadSha256Wasm(): WasmModule | null {
  if (typeof WebAssembly === 'undefined') return null;
  return new WebAssembly.Instance(new WebAssembly.Module(assemble())).exports as WasmModule;
}

/** K + W of the block that holds a sum (as two words) and the padding of a message of 72 bytes. */
export function sumSchedule(high: number, low: number, to: Uint32Array): void {
  to.fill(0, 0, 16);
  to[0] = high;
  to[1] = low;
  to[2] = 0x80000000;
  to[15] = 72 * 8;
  for (let i = 16; i < 64; i++) {
    const [x, y] = [to[i - 15] as number, to[i - 2] as number];
    const small0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const small1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    to[i] = (to[i - 16] as number) + small0 + (to[i - 7] as number) + small1;
  }
  for (let i = 0; i < 64; i++) to[i] = (to[i] as number) + (K[i] as number);
}

const rotate = (x: number, by: number): number => (x >>> by) | (x << (32 - by));

function primes(count: number): readonly number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
}

// Opcodes of the WebAssembly core specification, 5.4.
const OP = {
  end: 0x0b,
  get: 0x20,
  set: 0x21,
  tee: 0x22,
  load: 0x28,
  store: 0x36,
  const: 0x41,
  add: 0x6a,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
} as const;
const [SHIFT_RIGHT, ROTATE_RIGHT] = [0x76, 0x78];
const [LEFT, RIGHT, OUT] = [0, 1, 2];
/** Locals: the working variables, the schedule's window, the state between the blocks, and two scratch words. */
const [STATE, WINDOW, SAVED, T, PAIR] = [3, 11, 19 + 8, 35, 36];
const LOCALS = 34;

class Assembler {
  readonly code: number[] = [];
  op(...bytes: number[]): this {
    this.code.push(...bytes);
    return this;
  }
  get(local: number): this {
    return this.op(OP.get, local);
  }
  set(local: number): this {
    return this.op(OP.set, local);
  }
  constant(value: number): this {
    return this.op(OP.const, ...signed(value));
  }
  load(pointer: number, offset: number): this {
    return this.get(pointer).op(OP.load, 2, ...unsigned(offset));
  }
  /** Exclusive or of rotations of a local; the last is a shift where `shift` is given. */
  mix(local: number, rotations: readonly number[], shift?: number): this {
    for (const [i, by] of rotations.entries()) {
      this.get(local).constant(by).op(ROTATE_RIGHT);
      if (i > 0) this.op(OP.xor);
    }
    if (shift !== undefined) this.get(local).constant(shift).op(SHIFT_RIGHT).op(OP.xor);
    return this;
  }
}

/** The 64 rounds; `word` leaves K + W of a round on the stack. Renames the working variables instead of moving them. */
function rounds(to: Assembler, word: (round: number) => void): void {
  const at = (name: number, round: number): number => STATE + ((name + 64 - round) % 8);
  to.get(at(1, 0)).get(at(2, 0)).op(OP.xor).set(PAIR);
  for (let r = 0; r < 64; r++) {
    const [a, b, d, e, f, g, h] = [0, 1, 3, 4, 5, 6, 7].map((name) => at(name, r)) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    word(r);
    to.get(h).op(OP.add).mix(e, [6, 11, 25]).op(OP.add);
    // Ch(e, f, g) = g ^ (e & (f ^ g))
    to.get(g).get(e).get(f).get(g).op(OP.xor, OP.and, OP.xor, OP.add).op(OP.tee, T);
    to.get(d).op(OP.add).set(d);
    to.get(T).mix(a, [2, 13, 22]).op(OP.add);
    // Maj(a, b, c) = b ^ ((a ^ b) & (b ^ c)), and b ^ c was a ^ b one round ago.
    to.get(PAIR).get(a).get(b).op(OP.xor).op(OP.tee, PAIR).op(OP.and).get(b).op(OP.xor, OP.add).set(h);
  }
}

function nodeFunction(): readonly number[] {
  const to = new Assembler();
  for (let i = 0; i < 16; i++) to.load(i < 8 ? LEFT : RIGHT, 4 * (i % 8)).set(WINDOW + i);
  for (let i = 0; i < 8; i++) to.constant(INITIAL[i] as number).set(STATE + i);
  rounds(to, (r) => {
    const local = WINDOW + (r % 16);
    if (r >= 16) {
      to.get(local)
        .mix(WINDOW + ((r + 1) % 16), [7, 18], 3)
        .op(OP.add);
      to.get(WINDOW + ((r + 9) % 16))
        .op(OP.add)
        .mix(WINDOW + ((r + 14) % 16), [17, 19], 10)
        .op(OP.add)
        .set(local);
    }
    to.get(local)
      .constant(K[r] as number)
      .op(OP.add);
  });
  for (let i = 0; i < 8; i++) {
    to.get(STATE + i)
      .constant(INITIAL[i] as number)
      .op(OP.add);
    to.op(OP.tee, SAVED + i).set(STATE + i);
  }
  rounds(to, (r) => void to.constant(SCHEDULE).op(OP.load, 2, ...unsigned(4 * r)));
  for (let i = 0; i < 8; i++)
    to.get(OUT)
      .get(STATE + i)
      .get(SAVED + i)
      .op(OP.add)
      .op(OP.store, 2, 4 * i);
  return [1, LOCALS, 0x7f, ...to.code, OP.end];
}

function assemble(): Uint8Array {
  const section = (id: number, body: readonly number[]): readonly number[] => [id, ...unsigned(body.length), ...body];
  const name = (text: string): readonly number[] => [text.length, ...Array.from(text, (c) => c.charCodeAt(0))];
  const body = nodeFunction();
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name('memory'), 2, 0, ...name('node'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

/** LEB128. */
function unsigned(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return [...bytes, rest];
}

function signed(value: number): readonly number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const byte = rest & 0x7f;
    const isLast = (rest >> 6 === 0 && (byte & 0x40) === 0) || (rest >> 6 === -1 && (byte & 0x40) !== 0);
    bytes.push(isLast ? byte : byte | 0x80);
    if (isLast) return bytes;
  }
}
