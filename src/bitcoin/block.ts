import { type Bytes, concat, reversed, toBigInt, toHex, tryHex } from '../base/bytes.ts';
import type { BlockHash, TxId } from '../base/ids.ts';
import type { Result } from '../base/result.ts';
import { type Codec, type DecodeFailure, decodeWith, encodeWith } from '../codec/codec.ts';
import { CodecError, within } from '../codec/reader.ts';
import { sha256d } from '../crypto/hash.ts';
import { compactSize, type Tx, txCodec } from './tx.ts';

/** The 80 bytes at the head of a block. `time` in unix seconds, `bits` the compact target. */
export interface BlockHeader {
  readonly version: number;
  readonly previous: BlockHash;
  readonly merkleRoot: Bytes;
  readonly time: number;
  readonly bits: number;
  readonly nonce: number;
}

export interface Block {
  readonly header: BlockHeader;
  readonly txs: readonly Tx[];
}

export const blockHeaderCodec: Codec<BlockHeader> = {
  write: (to, h) => void to.i32le(h.version).bytes(h.previous).bytes(h.merkleRoot).u32le(h.time).u32le(h.bits).u32le(h.nonce),
  read: (from) => ({
    version: from.i32le(),
    previous: from.take(32).slice() as BlockHash,
    merkleRoot: from.take(32).slice(),
    time: from.u32le(),
    bits: from.u32le(),
    nonce: from.u32le(),
  }),
};

export const blockCodec: Codec<Block> = {
  write(to, block) {
    blockHeaderCodec.write(to, block.header);
    compactSize.write(to, block.txs.length);
    for (const tx of block.txs) txCodec.write(to, tx);
  },
  read(from) {
    const header = within('header', () => blockHeaderCodec.read(from));
    const count = compactSize.read(from);
    // The smallest transaction has 10 bytes.
    if (count * 10 > from.left) throw new CodecError(`${count} transactions in ${from.left} bytes`);
    return { header, txs: Array.from({ length: count }, (_, i) => within(`txs.${i}`, () => txCodec.read(from))) };
  },
};

export const encodeBlock = (block: Block): Bytes => encodeWith(blockCodec, block);
export const decodeBlock = (bytes: Bytes): Result<Block, DecodeFailure> => decodeWith(blockCodec, bytes);
export const encodeBlockHeader = (header: BlockHeader): Bytes => encodeWith(blockHeaderCodec, header);
export const decodeBlockHeader = (bytes: Bytes): Result<BlockHeader, DecodeFailure> => decodeWith(blockHeaderCodec, bytes);

export const blockHash = (header: BlockHeader): BlockHash => sha256d(encodeBlockHeader(header)) as BlockHash;

/** The form people read: hexadecimal of the reversed bytes. */
export const formatBlockHash = (hash: BlockHash): string => toHex(reversed(hash));
export function parseBlockHash(text: string): BlockHash | null {
  const bytes = text.length === 64 ? tryHex(text) : null;
  return bytes === null ? null : (reversed(bytes) as BlockHash);
}

/** Root of the tree of transaction ids in block order; at least one is needed. */
export function merkleRoot(txids: readonly TxId[]): Bytes {
  if (txids.length === 0) throw new RangeError('a block has at least one transaction');
  let level: readonly Bytes[] = txids;
  while (level.length > 1) level = parents(level);
  return level[0] as Bytes;
}

/** The siblings from leaf to root that prove the place of one transaction. */
export function merkleBranch(txids: readonly TxId[], index: number): readonly Bytes[] {
  if (index < 0 || index >= txids.length) throw new RangeError(`no transaction ${index}`);
  const branch: Bytes[] = [];
  let level: readonly Bytes[] = txids;
  for (let at = index; level.length > 1; at >>= 1) {
    branch.push((level[at ^ 1] ?? level[at]) as Bytes);
    level = parents(level);
  }
  return branch;
}

/** The root that a branch leads to; equal to the header's where the proof holds. */
export function merkleRootOfBranch(part: { readonly txid: TxId; readonly index: number; readonly branch: readonly Bytes[] }): Bytes {
  let hash: Bytes = part.txid;
  let at = part.index;
  for (const sibling of part.branch) {
    hash = sha256d((at & 1) === 0 ? concat(hash, sibling) : concat(sibling, hash));
    at >>>= 1;
  }
  return hash;
}

/** True where the header's hash is at most its own target. Whether the target is the right one, only the chain before it says. */
export function hasProofOfWork(header: BlockHeader): boolean {
  const exponent = header.bits >>> 24;
  const mantissa = header.bits & 0x7fffff;
  if (mantissa === 0 || (header.bits & 0x800000) !== 0 || exponent > 34) return false;
  const target = exponent <= 3 ? BigInt(mantissa) >> BigInt(8 * (3 - exponent)) : BigInt(mantissa) << BigInt(8 * (exponent - 3));
  return target > 0n && toBigInt(reversed(blockHash(header))) <= target;
}

function parents(level: readonly Bytes[]): readonly Bytes[] {
  const next: Bytes[] = [];
  for (let i = 0; i < level.length; i += 2) {
    const left = level[i] as Bytes;
    next.push(sha256d(concat(left, level[i + 1] ?? left)));
  }
  return next;
}
