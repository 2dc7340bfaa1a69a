import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../../src/base/bytes.ts';
import { EDGE_CONTRADICTS, EDGE_KNOWN, Graph } from '../../../../src/bolt/route/graph.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../../src/bolt/route/snapshot.ts';
import { idOf } from './networks.ts';

const policy = {
  disabled: false,
  timestamp: 5,
  cltvExpiryDelta: 40,
  htlcMinimumMsat: 1,
  htlcMaximumMsat: 900,
  feeBaseMsat: 1,
  feeProportionalMillionths: 2,
  checksum: 3,
};

type Step =
  | { readonly kind: 'add'; readonly scid: number; readonly a: number; readonly b: number }
  | { readonly kind: 'remove'; readonly scid: number }
  | { readonly kind: 'policy'; readonly scid: number; readonly direction: 0 | 1; readonly fee: number }
  | { readonly kind: 'compact' }
  | { readonly kind: 'snapshot' };

const scid = fc.integer({ min: 1, max: 300 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      scid,
      a: fc.integer({ min: 1, max: 120 }),
      b: fc.integer({ min: 121, max: 200 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), scid }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('policy' as const),
      scid,
      direction: fc.constantFrom(0 as const, 1 as const),
      fee: fc.nat(1000),
    }),
  },
  fc.record({ kind: fc.constant('compact' as const) }),
  fc.record({ kind: fc.constant('snapshot' as const) }),
);

interface Model {
  readonly a: number;
  readonly b: number;
  readonly fees: [number | null, number | null];
}

const big = (n: number): bigint => (BigInt(n) << 40n) | 0xffff0001n;

describe('the graph', () => {
  it('agrees with a plain map through additions, removals, policies, compactions and snapshots', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        let graph = new Graph();
        const model = new Map<number, Model>();
        for (const one of steps) graph = apply(graph, model, one);
        expect(graph.liveChannels).toBe(model.size);
        const { inStart, inEdges } = graph.adjacency();
        const degrees = new Map<number, number>();
        for (const [key, { a, b, fees }] of model) {
          const channel = graph.findChannel(big(key));
          expect(graph.scidOf(channel)).toBe(big(key));
          expect([toHex(graph.nodeIdOf(graph.node1[channel] as number)), toHex(graph.nodeIdOf(graph.node2[channel] as number))]).toEqual([
            toHex(idOf(a)),
            toHex(idOf(b)),
          ]);
          for (const direction of [0, 1] as const) {
            const edge = 2 * channel + direction;
            expect((graph.edgeFlags[edge] as number) & EDGE_KNOWN).toBe(fees[direction] === null ? 0 : 1);
            if (fees[direction] !== null) expect(graph.feeBaseMsat[edge]).toBe(fees[direction]);
            const target = graph.targetOf(edge);
            degrees.set(target, (degrees.get(target) ?? 0) + 1);
            expect(Array.from(inEdges.subarray(inStart[target] as number, inStart[target + 1] as number))).toContain(edge);
          }
        }
        for (let node = 0; node < graph.nodes; node++)
          expect((inStart[node + 1] as number) - (inStart[node] as number)).toBe(degrees.get(node) ?? 0);
      }),
      { numRuns: 60 },
    );
  });

  it('orders the ends of a channel by their ids, whoever is named first', () => {
    const graph = new Graph();
    const channel = graph.addChannel({ scid: 7n, a: idOf(9), b: idOf(3), capacityMsat: 0, flags: 0 });
    expect(toHex(graph.nodeIdOf(graph.node1[channel] as number))).toBe(toHex(idOf(3)));
    expect(graph.addChannel({ scid: 7n, a: idOf(1), b: idOf(2), capacityMsat: 0, flags: 0 })).toBe(channel);
  });

  it('keeps policies that contradict themselves or the capacity out of routes', () => {
    const graph = new Graph();
    const channel = graph.addChannel({ scid: 7n, a: idOf(1), b: idOf(2), capacityMsat: 1000, flags: 0 });
    graph.setPolicy(2 * channel, { ...policy, htlcMinimumMsat: 901 });
    graph.setPolicy(2 * channel + 1, { ...policy, htlcMaximumMsat: 1001 });
    expect([graph.edgeFlags[2 * channel], graph.edgeFlags[2 * channel + 1]]).toEqual([
      EDGE_KNOWN | EDGE_CONTRADICTS,
      EDGE_KNOWN | EDGE_CONTRADICTS,
    ]);
    graph.setCapacity(channel, 2000);
    expect(graph.edgeFlags[2 * channel + 1]).toBe(EDGE_KNOWN);
  });

  it('takes the larger announced maximum for the capacity where that is unknown', () => {
    const graph = new Graph();
    const channel = graph.addChannel({ scid: 7n, a: idOf(1), b: idOf(2), capacityMsat: 0, flags: 0 });
    graph.setPolicy(2 * channel, policy);
    graph.setPolicy(2 * channel + 1, { ...policy, htlcMaximumMsat: 1500 });
    expect(graph.edgeCapacityMsat(2 * channel)).toBe(1500);
  });
});

function apply(graph: Graph, model: Map<number, Model>, one: Step): Graph {
  switch (one.kind) {
    case 'add':
      graph.addChannel({ scid: big(one.scid), a: idOf(one.b), b: idOf(one.a), capacityMsat: 1000, flags: 0 });
      if (!model.has(one.scid)) model.set(one.scid, { a: one.a, b: one.b, fees: [null, null] });
      return graph;
    case 'remove': {
      const channel = graph.findChannel(big(one.scid));
      expect(channel === -1).toBe(!model.delete(one.scid));
      if (channel !== -1) graph.removeChannel(channel);
      return graph;
    }
    case 'policy': {
      const channel = graph.findChannel(big(one.scid));
      if (channel === -1) return graph;
      graph.setPolicy(2 * channel + one.direction, { ...policy, feeBaseMsat: one.fee });
      (model.get(one.scid) as Model).fees[one.direction] = one.fee;
      return graph;
    }
    case 'compact':
      return graph.compact();
    case 'snapshot': {
      const file = encodeSnapshot(graph, 9);
      const read = decodeSnapshot(file, 9);
      expect(read).not.toBeNull();
      expect(decodeSnapshot(file, 8)).toBeNull();
      return read as Graph;
    }
  }
}
