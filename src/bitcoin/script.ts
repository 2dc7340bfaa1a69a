import { type Bytes, concat, EMPTY } from '../base/bytes.ts';
import { hash160, sha256 } from '../crypto/hash.ts';

/** The opcodes that lnkit writes or reads, by their names in Bitcoin Core without the prefix. */
export const OP = {
  0: 0x00,
  PUSHDATA1: 0x4c,
  PUSHDATA2: 0x4d,
  PUSHDATA4: 0x4e,
  '1NEGATE': 0x4f,
  1: 0x51,
  2: 0x52,
  3: 0x53,
  16: 0x60,
  NOP: 0x61,
  IF: 0x63,
  NOTIF: 0x64,
  ELSE: 0x67,
  ENDIF: 0x68,
  VERIFY: 0x69,
  RETURN: 0x6a,
  IFDUP: 0x73,
  DROP: 0x75,
  DUP: 0x76,
  SWAP: 0x7c,
  SIZE: 0x82,
  EQUAL: 0x87,
  EQUALVERIFY: 0x88,
  ADD: 0x93,
  HASH160: 0xa9,
  SHA256: 0xa8,
  HASH256: 0xaa,
  CODESEPARATOR: 0xab,
  CHECKSIG: 0xac,
  CHECKSIGVERIFY: 0xad,
  CHECKMULTISIG: 0xae,
  CHECKMULTISIGVERIFY: 0xaf,
  CHECKLOCKTIMEVERIFY: 0xb1,
  CHECKSEQUENCEVERIFY: 0xb2,
  CHECKSIGADD: 0xba,
} as const;

/** A number is an opcode, bytes are pushed in the shortest way (BIP 62 rule 3). */
export type ScriptItem = number | Bytes;

/** Builds a script: `script(OP.DUP, OP.HASH160, hash, ...)`. Numbers to be pushed go through `scriptNumber`. */
export function script(...items: readonly ScriptItem[]): Bytes {
  return concat(...items.map((item) => (typeof item === 'number' ? Uint8Array.of(item) : push(item))));
}

/** The shortest script that pushes `data` (up to 520 bytes are valid on the stack). */
export function push(data: Bytes): Bytes {
  const first = data[0];
  if (first === undefined) return Uint8Array.of(OP[0]);
  if (data.length === 1 && first >= 1 && first <= 16) return Uint8Array.of(0x50 + first);
  if (data.length === 1 && first === 0x81) return Uint8Array.of(OP['1NEGATE']);
  if (data.length < OP.PUSHDATA1) return concat(Uint8Array.of(data.length), data);
  if (data.length <= 0xff) return concat(Uint8Array.of(OP.PUSHDATA1, data.length), data);
  if (data.length <= 0xffff) return concat(Uint8Array.of(OP.PUSHDATA2, data.length & 0xff, data.length >> 8), data);
  throw new RangeError(`${data.length} bytes are too many for a push`);
}

/** A number as script arithmetic has it: little-endian, sign in the top bit, as short as possible. |value| below 2^47. */
export function scriptNumber(value: number): Bytes {
  if (!Number.isSafeInteger(value) || Math.abs(value) >= 2 ** 47) throw new RangeError(`${value} is not a script number`);
  if (value === 0) return EMPTY;
  const bytes: number[] = [];
  for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  if ((bytes.at(-1) as number) & 0x80) bytes.push(0);
  if (value < 0) bytes[bytes.length - 1] = (bytes.at(-1) as number) | 0x80;
  return Uint8Array.from(bytes);
}

/** The number of at most `longest` bytes (4 for arithmetic, 5 for lock times), or null where it is too long or not minimal. */
export function readScriptNumber(bytes: Bytes, longest = 4): number | null {
  const last = bytes.at(-1);
  if (last === undefined) return 0;
  if (bytes.length > longest || bytes.length > 6) return null;
  if ((last & 0x7f) === 0 && (bytes.length === 1 || ((bytes.at(-2) as number) & 0x80) === 0)) return null;
  let value = last & 0x7f;
  for (let i = bytes.length - 2; i >= 0; i--) value = value * 256 + (bytes[i] as number);
  return last & 0x80 ? -value : value;
}

/** The items of a script, pushes of OP_0, OP_1NEGATE and OP_1 to OP_16 as opcodes; null where a push passes the end. */
export function parseScript(bytes: Bytes): readonly ScriptItem[] | null {
  const items: ScriptItem[] = [];
  let at = 0;
  while (at < bytes.length) {
    const opcode = bytes[at] as number;
    at += 1;
    if (opcode === 0 || opcode > OP.PUSHDATA4) {
      items.push(opcode);
      continue;
    }
    let length = opcode;
    if (opcode >= OP.PUSHDATA1) {
      const width = 1 << (opcode - OP.PUSHDATA1);
      if (at + width > bytes.length) return null;
      length = 0;
      for (let i = width - 1; i >= 0; i--) length = length * 256 + (bytes[at + i] as number);
      at += width;
    }
    if (at + length > bytes.length) return null;
    items.push(bytes.slice(at, at + length));
    at += length;
  }
  return items;
}

/** Of a compressed public key. */
export const p2pkhScript = (publicKey: Bytes): Bytes => script(OP.DUP, OP.HASH160, hash160(publicKey), OP.EQUALVERIFY, OP.CHECKSIG);
/** Of a redeem script (BIP 16). */
export const p2shScript = (redeemScript: Bytes): Bytes => script(OP.HASH160, hash160(redeemScript), OP.EQUAL);
/** Of a compressed public key (BIP 141). */
export const p2wpkhScript = (publicKey: Bytes): Bytes => script(OP[0], hash160(publicKey));
/** Of a witness script (BIP 141). */
export const p2wshScript = (witnessScript: Bytes): Bytes => script(OP[0], sha256(witnessScript));
/** Of a 32-byte x-only output key, already tweaked (BIP 341). */
export const p2trScript = (outputKey: Bytes): Bytes => script(OP[1], outputKey);
/** BIP 143: the script code of a P2WPKH input, from its 20-byte program. */
export const p2wpkhScriptCode = (keyHash: Bytes): Bytes => script(OP.DUP, OP.HASH160, keyHash, OP.EQUALVERIFY, OP.CHECKSIG);
/** An output that anyone can prune, with up to 80 bytes of data by the older relay rules. */
export const opReturnScript = (data: Bytes): Bytes => script(OP.RETURN, data);

export type ScriptKind = 'p2pkh' | 'p2sh' | 'p2wpkh' | 'p2wsh' | 'p2tr' | 'p2a' | 'witness_unknown' | 'op_return' | 'nonstandard';

export interface ClassifiedScript {
  readonly kind: ScriptKind;
  /** The hash, key or program inside; empty for op_return and nonstandard. */
  readonly payload: Bytes;
}

/** What an output script is, by Bitcoin Core's standard templates. */
export function classifyScript(bytes: Bytes): ClassifiedScript {
  const witness = witnessProgram(bytes);
  if (witness !== null) return { kind: witnessKind(witness.version, witness.program), payload: witness.program };
  const is = (at: number, opcode: number): boolean => bytes[at] === opcode;
  if (bytes.length === 25 && is(0, OP.DUP) && is(1, OP.HASH160) && is(2, 20) && is(23, OP.EQUALVERIFY) && is(24, OP.CHECKSIG))
    return { kind: 'p2pkh', payload: bytes.slice(3, 23) };
  if (bytes.length === 23 && is(0, OP.HASH160) && is(1, 20) && is(22, OP.EQUAL)) return { kind: 'p2sh', payload: bytes.slice(2, 22) };
  if (is(0, OP.RETURN)) return { kind: 'op_return', payload: EMPTY };
  return { kind: 'nonstandard', payload: EMPTY };
}

export interface WitnessProgram {
  /** 0 to 16. */
  readonly version: number;
  /** 2 to 40 bytes. */
  readonly program: Bytes;
}

/** BIP 141: a version opcode and one direct push of 2 to 40 bytes; null for anything else. */
export function witnessProgram(bytes: Bytes): WitnessProgram | null {
  if (bytes.length < 4 || bytes.length > 42) return null;
  const opcode = bytes[0] as number;
  if (opcode !== OP[0] && (opcode < OP[1] || opcode > OP[16])) return null;
  if (bytes[1] !== bytes.length - 2) return null;
  return { version: opcode === OP[0] ? 0 : opcode - 0x50, program: bytes.slice(2) };
}

/** The output script of a witness program; version 0 to 16, program 2 to 40 bytes. */
export const witnessScript = ({ version, program }: WitnessProgram): Bytes =>
  concat(Uint8Array.of(version === 0 ? OP[0] : 0x50 + version, program.length), program);

function witnessKind(version: number, program: Bytes): ScriptKind {
  if (version === 0) {
    if (program.length === 20) return 'p2wpkh';
    // BIP 141: a version 0 program of any other length can never be spent.
    return program.length === 32 ? 'p2wsh' : 'nonstandard';
  }
  if (version === 1 && program.length === 32) return 'p2tr';
  if (version === 1 && program.length === 2 && program[0] === 0x4e && program[1] === 0x73) return 'p2a';
  return 'witness_unknown';
}
