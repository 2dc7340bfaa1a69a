import { type Bytes, concat } from '../base/bytes.ts';
import { sha256 } from './hash.ts';
import { loadSha256Wasm, SCHEDULE, sumSchedule } from './sha256-wasm.ts';

/**
 * The hashes of a merkle-sum sparse merkle tree with 256 levels: a node is SHA-256(left hash || right hash || sum, 8 bytes big-endian), level 0
 * the root, level 256 the leaves. Bit `level` of a key says on which side its path goes below that level, least significant bit of each byte first.
 */
export interface MerkleSum {
  /** The hash of one branch. `sum` is that of the branch, 0 to 2^64 - 1. */
  branch(left: Bytes, right: Bytes, sum: bigint): Bytes;
  /** The hash at level `to` of a subtree that is empty but for the node `hash` at level `from` on the path of `key`. */
  fold(part: { readonly hash: Bytes; readonly sum: bigint; readonly key: Bytes; readonly from: number; readonly to: number }): Bytes;
  /** The hash of an empty subtree at a level from 0 to 256. */
  empty(level: number): Bytes;
}

export const LEVELS = 256;

/** The side of `key` below `level`: 0 left, 1 right. */
export const keyBit = (key: Bytes, level: number): 0 | 1 => (((key[level >> 3] as number) >> (level & 7)) & 1) as 0 | 1;

/** Pure and slow: the reference in tests, and what runs where there is no WebAssembly. */
export function plainMerkleSum(): MerkleSum {
  const tail = (sum: bigint): Bytes => {
    const out = new Uint8Array(8);
    new DataView(out.buffer).setBigUint64(0, sum);
    return out;
  };
  const branch = (left: Bytes, right: Bytes, sum: bigint): Bytes => sha256(concat(left, right, tail(sum)));
  const empties = emptyHashes(branch);
  return {
    branch,
    fold({ hash, sum, key, from, to }) {
      let at = hash;
      for (let level = from; level > to; level--) {
        const sibling = empties[level] as Bytes;
        at = keyBit(key, level - 1) === 0 ? branch(at, sibling, sum) : branch(sibling, at, sum);
      }
      return at;
    },
    empty: (level) => empties[level] as Bytes,
  };
}

// Offsets in the module's memory: two operands, a result, and the hash of every empty level, all as native words.
const [A, B] = [512, 544];
const EMPTIES = 1024;

/** The same over WebAssembly, some six times as fast; null where that is missing. */
export function wasmMerkleSum(): MerkleSum | null {
  const wasm = loadSha256Wasm();
  if (wasm === null) return null;
  const words = new Uint32Array(wasm.memory.buffer);
  const schedule = new Uint32Array(wasm.memory.buffer, SCHEDULE, 64);
  let prepared = -1n;
  const prepare = (sum: bigint): void => {
    if (sum === prepared) return;
    prepared = sum;
    sumSchedule(Number(sum >> 32n), Number(sum & 0xffffffffn), schedule);
  };
  const branch = (left: Bytes, right: Bytes, sum: bigint): Bytes => {
    prepare(sum);
    put(words, A, left);
    put(words, B, right);
    wasm.node(A, B, A);
    return take(words, A);
  };
  const empties = emptyHashes(branch);
  for (const [level, hash] of empties.entries()) put(words, EMPTIES + 32 * level, hash);
  return {
    branch,
    fold({ hash, sum, key, from, to }) {
      if (from <= to) return hash;
      prepare(sum);
      put(words, A, hash);
      for (let level = from; level > to; level--) {
        const sibling = EMPTIES + 32 * level;
        if (keyBit(key, level - 1) === 0) wasm.node(A, sibling, A);
        else wasm.node(sibling, A, A);
      }
      return take(words, A);
    },
    empty: (level) => empties[level] as Bytes,
  };
}

/** The one of this process, made when first used. */
export function merkleSum(): MerkleSum {
  instance ??= wasmMerkleSum() ?? plainMerkleSum();
  return instance;
}
let instance: MerkleSum | null = null;

/** An empty leaf is hashed as no value with a sum of 0. */
function emptyHashes(branch: MerkleSum['branch']): readonly Bytes[] {
  const hashes: Bytes[] = [];
  hashes[LEVELS] = sha256(new Uint8Array(8));
  for (let level = LEVELS - 1; level >= 0; level--) {
    const below = hashes[level + 1] as Bytes;
    hashes[level] = branch(below, below, 0n);
  }
  return hashes;
}

function put(words: Uint32Array, offset: number, hash: Bytes): void {
  const at = offset >> 2;
  for (let i = 0; i < 8; i++) {
    const j = 4 * i;
    words[at + i] =
      ((hash[j] as number) << 24) | ((hash[j + 1] as number) << 16) | ((hash[j + 2] as number) << 8) | (hash[j + 3] as number);
  }
}

function take(words: Uint32Array, offset: number): Bytes {
  const out = new Uint8Array(32);
  const at = offset >> 2;
  for (let i = 0; i < 8; i++) {
    const word = words[at + i] as number;
    const j = 4 * i;
    out[j] = word >>> 24;
    out[j + 1] = word >>> 16;
    out[j + 2] = word >>> 8;
    out[j + 3] = word;
  }
  return out;
}
