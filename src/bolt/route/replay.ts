// A question for routes in one file, with all that the answer depends on, so that it can be asked again elsewhere to the byte-same answer.
//
//     8 bytes "LNKROUTE", u32 version, u32 length of the head, the head in JSON, zeros to a multiple of 8, the graph's snapshot
import { type Bytes, concat, fromHex, toHex, tryText, utf8 } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { CostModel } from './cost.ts';
import type { Graph } from './graph.ts';
import { Knowledge, type KnownEdge } from './knowledge.ts';
import { USUAL_FINAL_BYTES } from './onion-room.ts';
import type { RouteQuery } from './query.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import type { Strategy } from './split.ts';

export interface Recorded {
  readonly query: RouteQuery;
  readonly self: NodeId;
  readonly model: CostModel;
  readonly strategy: Strategy;
  /** Unix time: knowledge fades. */
  readonly now: number;
  readonly graph: Graph;
  readonly knowledge: Knowledge;
}

const MAGIC = utf8('LNKROUTE');
const VERSION = 1;
/** What questions of the first exports do not say. */
const FIRST_EXPORTS = { kind: 'invoice', tails: [], finalBytes: USUAL_FINAL_BYTES } as const;

export function encodeRecorded(recorded: Recorded): Bytes {
  const { graph, knowledge, ...rest } = recorded;
  const head = utf8(JSON.stringify(toJson({ ...rest, known: [...knowledge.entries()] })));
  const lengths = new Uint8Array(8);
  const view = new DataView(lengths.buffer);
  view.setUint32(0, VERSION, true);
  view.setUint32(4, head.length, true);
  return concat(MAGIC, lengths, head, new Uint8Array((8 - (head.length % 8)) % 8), encodeSnapshot(graph, 0));
}

export function decodeRecorded(file: Bytes): Result<Recorded, string> {
  if (file.length < 16 || !MAGIC.every((byte, i) => file[i] === byte)) return fail('not an exported route query');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(8, true) !== VERSION) return fail(`exported by another version (${view.getUint32(8, true)})`);
  const length = view.getUint32(12, true);
  const text = 16 + length <= file.length ? tryText(file.subarray(16, 16 + length)) : null;
  if (text === null) return fail('the head is cut off');
  // The tables of a snapshot must stand at multiples of 8 bytes in memory.
  const graph = decodeSnapshot(file.slice(16 + ((length + 7) & ~7)), 0);
  if (graph === null) return fail('the graph is damaged');
  try {
    const head = fromJson(JSON.parse(text)) as Omit<Recorded, 'graph' | 'knowledge'> & { readonly known: readonly KnownEdge[] };
    const { known, ...rest } = head;
    const query: RouteQuery = 'tails' in rest.query ? rest.query : { ...(rest.query as RouteQuery), ...FIRST_EXPORTS };
    const knowledge = new Knowledge();
    for (const edge of known) knowledge.restore(edge);
    return ok({ ...rest, query, graph, knowledge });
  } catch (error) {
    return fail(`the head is damaged: ${(error as Error).message}`);
  }
}

/** JSON with bigints as {"$n": "1"}, byte strings as {"$b": "00"} and infinity as {"$inf": 1}. */
function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return { $n: `${value}` };
  if (value === Number.POSITIVE_INFINITY) return { $inf: 1 };
  if (value instanceof Uint8Array) return { $b: toHex(value) };
  if (Array.isArray(value)) return value.map(toJson);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]));
}

function fromJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value === null || typeof value !== 'object') return value;
  const object = value as { readonly $n?: string; readonly $b?: string; readonly $inf?: number };
  if (typeof object.$n === 'string') return BigInt(object.$n);
  if (typeof object.$b === 'string') return fromHex(object.$b);
  if (object.$inf === 1) return Number.POSITIVE_INFINITY;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromJson(inner)]));
}
