// Small random networks, and their answers by trying everything.
import fc from 'fast-check';
import type { NodeId } from '../../../../src/base/ids.ts';
import { Graph } from '../../../../src/bolt/route/graph.ts';
import { ONION_BYTES, USUAL_FINAL_BYTES } from '../../../../src/bolt/route/onion-room.ts';

/** An id that no key need have: graphs do not look. */
export const idOf = (n: number): NodeId => {
  const id = new Uint8Array(33).fill(n);
  id[0] = 2;
  id[1] = n;
  return id as NodeId;
};

/** Of an onion in which every path of a small network fits. */
export const WIDE = { bytes: ONION_BYTES, finalBytes: USUAL_FINAL_BYTES, maxCltvExpiry: 900_000 };

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly capacitySat: number;
  readonly disabled: boolean;
  readonly htlcMinimumMsat: number;
  readonly htlcMaximumMsat: number;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
}

export interface Channel {
  readonly a: number;
  readonly b: number;
  readonly capacitySat: number;
  readonly forth: Omit<Edge, 'from' | 'to' | 'capacitySat'>;
  readonly back: Omit<Edge, 'from' | 'to' | 'capacitySat'>;
}

const direction = fc.record({
  disabled: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  htlcMinimumMsat: fc.constantFrom(0, 1, 1000, 50_000, 400_000),
  htlcMaximumMsat: fc.constantFrom(100_000, 500_000, 1_000_000, 5_000_000),
  feeBaseMsat: fc.integer({ min: 0, max: 5_000 }),
  feeProportionalMillionths: fc.integer({ min: 0, max: 20_000 }),
  cltvExpiryDelta: fc.integer({ min: 1, max: 144 }),
});

export const NODES = 6;

export const network = fc.array(
  fc
    .record({
      a: fc.integer({ min: 0, max: NODES - 1 }),
      b: fc.integer({ min: 0, max: NODES - 1 }),
      capacitySat: fc.constantFrom(150, 600, 1_200, 6_000),
      forth: direction,
      back: direction,
    })
    .filter(({ a, b }) => a !== b),
  { minLength: 4, maxLength: 11 },
);

/** The channel of index `i` has the short channel id `i + 1` blocks up. */
export const scidOf = (i: number): bigint => BigInt(i + 1) << 40n;

export function graphOf(channels: readonly Channel[]): Graph {
  const graph = new Graph();
  for (let node = 0; node < NODES; node++) graph.addNode(idOf(node));
  channels.forEach(({ a, b, capacitySat, forth, back }, i) => {
    const channel = graph.addChannel({ scid: scidOf(i), a: idOf(a), b: idOf(b), capacityMsat: capacitySat * 1000, flags: 0 });
    const toB = graph.edgeTo(channel, graph.findNode(idOf(b)));
    for (const [edge, policy] of [
      [toB, forth],
      [toB ^ 1, back],
    ] as const)
      graph.setPolicy(edge, {
        ...policy,
        htlcMaximumMsat: Math.min(policy.htlcMaximumMsat, capacitySat * 1000),
        timestamp: 1,
        checksum: 0,
      });
  });
  return graph;
}

/** Every path without a circle from one node to another, as edges of the graph. */
export function* paths(graph: Graph, from: number, to: number, seen: readonly number[] = []): IterableIterator<readonly number[]> {
  if (from === to) {
    yield [];
    return;
  }
  const { inStart, inEdges } = graph.adjacency();
  for (let i = inStart[from] as number; i < (inStart[from + 1] as number); i++) {
    const edge = (inEdges[i] as number) ^ 1;
    const next = graph.targetOf(edge);
    if (seen.includes(next) || next === from) continue;
    for (const rest of paths(graph, next, to, [...seen, from])) yield [edge, ...rest];
  }
}
