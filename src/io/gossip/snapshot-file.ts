import { hash } from 'node:crypto';
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { equal } from '../../base/bytes.ts';
import type { Graph } from '../../bolt/route/graph.ts';
import { decodeSnapshot, encodeSnapshot } from '../../bolt/route/snapshot.ts';

const HASH_BYTES = 32;
const GENERATION_AT = 16;

/** Writes the snapshot and its SHA-256 behind it, in one piece: a reader finds the old file or the new one. */
export function saveSnapshot(path: string, graph: Graph, generation: number): void {
  const body = encodeSnapshot(graph, generation);
  const temporary = `${path}.${process.pid}`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, body);
    writeSync(file, hash('sha256', body, 'buffer'));
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/** The same for a daemon, which has other things to do: the graph is read at once, hashed in another turn, and written beside. */
export async function saveSnapshotInTurns(path: string, graph: Graph, generation: number): Promise<void> {
  const body = encodeSnapshot(graph, generation);
  await new Promise((resolve) => setImmediate(resolve));
  const sum = hash('sha256', body, 'buffer');
  const temporary = `${path}.${process.pid}`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writev([body, sum]);
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** The graph of a snapshot by itself, whatever database it was made from; null where it is damaged, or none. */
export function readSnapshot(path: string): Graph | null {
  const file = readFileSync(path);
  const body = file.subarray(0, Math.max(0, file.length - HASH_BYTES));
  if (body.length < GENERATION_AT + 8 || !equal(hash('sha256', body, 'buffer'), file.subarray(body.length))) return null;
  // Tables are views at multiples of 8 bytes: the memory begins at one.
  const aligned = new Uint8Array(body);
  return decodeSnapshot(aligned, Number(new DataView(aligned.buffer).getBigUint64(GENERATION_AT, true)));
}

/** The graph of a snapshot, or null where there is none, or it is damaged, or of another generation than the database. */
export function loadSnapshot(path: string, generation: number): Graph | null {
  let file: Uint8Array;
  try {
    file = readFileSync(path);
  } catch {
    return null;
  }
  if (file.length < HASH_BYTES) return null;
  const body = file.subarray(0, file.length - HASH_BYTES);
  if (equal(hash('sha256', body, 'buffer'), file.subarray(body.length))) {
    const graph = decodeSnapshot(body, generation);
    if (graph !== null) return graph;
  }
  rmSync(path, { force: true });
  return null;
}
