import { Buffer } from 'node:buffer';
import { type Bytes, equal } from '../../base/bytes.ts';
import type { BlockHash, TxId } from '../../base/ids.ts';
import { fail, ok } from '../../base/result.ts';
import { type Height, unixTime } from '../../base/units.ts';
import { type BlockHeader, blockHash, decodeBlock, decodeBlockHeader, formatBlockHash, merkleRoot } from '../../bitcoin/block.ts';
import { decodeTx, formatTxId, type Tx, txId } from '../../bitcoin/tx.ts';
import { type ChainBlock, type ChainResult, malformed } from './source.ts';

/** What backends send, read with our own codecs and held to the hash that was asked for. */

/** Bytes of hexadecimal text; null where it is not. Made for blocks: a table of the runtime does the work. */
export function bytesOfHex(value: unknown): Bytes | null {
  if (typeof value !== 'string' || value.length % 2 !== 0) return null;
  const bytes = Buffer.from(value, 'hex');
  return bytes.length * 2 === value.length ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length) : null;
}

/** The block `asked`, with its merkle root checked: a backend cannot slip transactions in or out. */
export function readBlock(place: string, asked: BlockHash, height: Height, raw: Bytes): ChainResult<ChainBlock> {
  const name = formatBlockHash(asked);
  const decoded = decodeBlock(raw);
  if (!decoded.ok) return fail(malformed(`${place} sent a block ${name} that does not decode: ${decoded.failure.message}`));
  const { header, txs } = decoded.value;
  if (!equal(blockHash(header), asked)) return fail(malformed(`${place} sent another block than ${name}`));
  if (txs.length === 0 || !equal(merkleRoot(txs.map(txId)), header.merkleRoot))
    return fail(malformed(`${place} sent block ${name} with transactions that are not its own`));
  return ok({ hash: asked, height, prevHash: header.previous, header, time: unixTime(header.time), txs });
}

export function readHeader(place: string, asked: BlockHash, raw: Bytes): ChainResult<BlockHeader> {
  const header = decodeBlockHeader(raw);
  if (header.ok && equal(blockHash(header.value), asked)) return ok(header.value);
  return fail(malformed(`${place} sent another header than that of ${formatBlockHash(asked)}`));
}

export function readTransaction(place: string, asked: TxId, raw: Bytes): ChainResult<Tx> {
  const tx = decodeTx(raw);
  if (tx.ok && equal(txId(tx.value), asked)) return ok(tx.value);
  return fail(malformed(`${place} sent another transaction than ${formatTxId(asked)}`));
}

/** A member of a JSON object; undefined where `value` is none. */
export const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>)[name] : undefined;

export const heightOf = (value: unknown): Height | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff ? (value as Height) : null;
