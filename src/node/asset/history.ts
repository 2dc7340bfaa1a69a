import { type AssetFailure, refuse } from '../../asset/failure.ts';
import { ZERO32 } from '../../asset/genesis.ts';
import { type ByteSource, bytesSource, hashProof, openFile } from '../../asset/proof/file.ts';
import { decodeProof } from '../../asset/proof/proof.ts';
import type { Bytes } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { bytes, type Codec, decodeWith, encodeWith, nullable, struct, u32 } from '../../codec/codec.ts';
import { blob, versioned } from '../../codec/stored.ts';
import type { Row } from '../batch.ts';

/**
 * The transitions of an asset before it came to us, as links that are stored and not held in memory: a file of ten thousand transitions is as many
 * rows, of which a file that is made later reads one after the other. A link's name is the hash that a proof file has after its transition, and so
 * says all that came before it; files that begin alike share their links. Rows are never changed, and one that nobody needs does no harm.
 */
export interface HistoryLink {
  /** The link before; null for a minting. */
  readonly before: Bytes | null;
  /** How many transitions end here. */
  readonly length: number;
  readonly proof: Bytes;
}

export const historyCodec: Codec<HistoryLink> = versioned(struct({ before: nullable(bytes(32)), length: u32, proof: blob }));

/** The stored form of a link, or null where there is none. */
export type History = (link: Bytes) => Bytes | null;

export interface Linked {
  readonly link: Bytes;
  readonly length: number;
  readonly row: Row;
}

/** One more transition after `before` (null for a minting). */
export function linkTo(before: Pick<Linked, 'link' | 'length'> | null, proof: Bytes): Linked {
  const link = hashProof(before?.link ?? ZERO32, proof);
  const length = (before?.length ?? 0) + 1;
  const row: Row = { table: 'asset_history', key: link, blob: encodeWith(historyCodec, { before: before?.link ?? null, length, proof }) };
  return { link, length, row };
}

/** The transitions up to a link, oldest first. Throws a RangeError where the store has lost one: rows are written before what names them. */
export function linkedTransitions(history: History, link: Bytes | null): readonly Bytes[] {
  const newestFirst: Bytes[] = [];
  for (let at = link; at !== null; ) {
    const stored = history(at);
    const read = stored === null ? null : decodeWith(historyCodec, stored);
    if (read === null || !read.ok) throw new RangeError('the store has lost a transition of an asset');
    newestFirst.push(read.value.proof);
    at = read.value.before;
  }
  return newestFirst.reverse();
}

/** A proof file as the node takes it in: its ends, and where the rest is stored. */
export interface FileParts {
  readonly first: Bytes;
  readonly last: Bytes;
  readonly transitions: number;
  /** The link that ends the transitions before the last; null where it is the only one. */
  readonly before: Bytes | null;
  /** The same for whole files of further inputs of the last transition. */
  readonly additionalHeads: readonly Bytes[];
}

/** The rows that hold all of a verified file but its last transition, which becomes a holding; only one is in memory at a time. */
export function* takeApart(source: ByteSource): Generator<Row, Result<FileParts, AssetFailure<string>>> {
  const cursor = openFile(source);
  if (!cursor.ok) return cursor;
  let first: Bytes | null = null;
  let last: Bytes | null = null;
  let before: Linked | null = null;
  for (;;) {
    const next = cursor.value.next();
    if (!next.ok) return next;
    if (next.value === null) break;
    if (last !== null) {
      before = linkTo(before, last);
      yield before.row;
    }
    first ??= next.value;
    last = next.value;
  }
  if (first === null || last === null) return refuse('EMPTY', 'the proof file is empty');
  const proof = decodeProof(last);
  if (!proof.ok) return proof;
  const additionalHeads: Bytes[] = [];
  for (const file of proof.value.additionalInputs) {
    const head = yield* linkFile(bytesSource(file));
    if (!head.ok) return head;
    additionalHeads.push(head.value);
  }
  return ok({ first, last, transitions: cursor.value.count, before: before?.link ?? null, additionalHeads });
}

function* linkFile(source: ByteSource): Generator<Row, Result<Bytes, AssetFailure<string>>> {
  const cursor = openFile(source);
  if (!cursor.ok) return cursor;
  let head: Linked | null = null;
  for (;;) {
    const next = cursor.value.next();
    if (!next.ok) return next;
    if (next.value === null) return head === null ? refuse('EMPTY', 'the proof file is empty') : ok(head.link);
    head = linkTo(head, next.value);
    yield head.row;
  }
}
