import { hash } from 'node:crypto';
import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { equal } from '../../base/bytes.ts';
import type { Graph } from '../../bolt/route/graph.ts';
import { decodeSnapshot, encodeSnapshot } from '../../bolt/route/snapshot.ts';

const HASH_BYTES = 32;

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
