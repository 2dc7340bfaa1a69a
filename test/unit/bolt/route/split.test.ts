import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_COSTS } from '../../../../src/bolt/route/cost.ts';
import { decompose } from '../../../../src/bolt/route/decompose.ts';
import { FlowSearcher } from '../../../../src/bolt/route/flow.ts';
import { ProblemBuilder } from '../../../../src/bolt/route/problem.ts';
import { Searcher } from '../../../../src/bolt/route/search.ts';
import { type Strategy, split } from '../../../../src/bolt/route/split.ts';
import { faultOf } from '../../../bench/topology/plans.ts';
import { type Channel, graphOf, network, paths, WIDE } from './networks.ts';

const searcher = new Searcher();
const flows = new FlowSearcher();
const amount = fc.integer({ min: 1, max: 8_000 }).map((sat) => sat * 1000);

const plan = (channels: readonly Channel[], request: { amountMsat: number; maxFeeMsat: number; maxParts: number }, strategy: Strategy) => {
  const graph = graphOf(channels);
  const builder = new ProblemBuilder(graph);
  const problem = builder.build(0, 1);
  const parts = split(
    { ...request, maxCltvDelta: 1000, maxHops: 20, onion: WIDE },
    { problem, builder, model: DEFAULT_COSTS, searcher, flows },
    strategy,
  );
  return { graph, builder, parts };
};

const open = {
  disabled: false,
  htlcMinimumMsat: 1,
  htlcMaximumMsat: 5e6,
  feeBaseMsat: 0,
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 10,
};
const between = (a: number, b: number, capacitySat: number): Channel => ({ a, b, capacitySat, forth: open, back: open });

/** Networks of five nodes, each joined to each but the payer to the payee, in which one or two quanta fill an edge: paths are in each other's way. */
const PAIRS = [0, 1, 2, 3, 4].flatMap((a) => [0, 1, 2, 3, 4].filter((b) => a < b && a + b !== 1).map((b) => [a, b] as const));
const narrow = fc
  .array(fc.record({ wide: fc.boolean(), forth: fc.integer({ min: 0, max: 20_000 }), back: fc.integer({ min: 0, max: 20_000 }) }), {
    minLength: PAIRS.length,
    maxLength: PAIRS.length,
  })
  .map((all) =>
    all.map(({ wide, forth, back }, i): Channel => {
      const [a, b] = PAIRS[i] as readonly [number, number];
      const policy = (feeProportionalMillionths: number) => ({ ...open, feeProportionalMillionths });
      return { a, b, capacitySat: wide ? 250 : 150, forth: policy(forth), back: policy(back) };
    }),
  );

describe('splitting', () => {
  for (const strategy of ['halving', 'flow'] as const)
    it(`by ${strategy} breaks no limit of an edge, shared by parts or not, nor of the query`, () => {
      fc.assert(
        fc.property(
          network,
          amount,
          fc.integer({ min: 1, max: 8 }),
          fc.integer({ min: 0, max: 200_000 }),
          (channels, amountMsat, maxParts, maxFeeMsat) => {
            const { graph, builder, parts } = plan(channels, { amountMsat, maxFeeMsat, maxParts }, strategy);
            for (const adjustment of builder.adjustments.values()) expect(adjustment.usedMsat).toBe(0);
            if (parts === null) return;
            const hops = parts.map(({ path }) =>
              path.edges.map((edge, i) => ({
                scid: graph.scidOf(edge >> 1),
                amountMsat: path.amountsMsat[i] as number,
                cltvDelta: i + 1 < path.edges.length ? (graph.cltvExpiryDelta[path.edges[i + 1] as number] as number) : 0,
              })),
            );
            expect(parts.reduce((sum, part) => sum + part.amountMsat, 0)).toBe(amountMsat);
            expect(faultOf(graph, { source: 0, target: 1, amountMsat, maxFeeMsat, maxParts, maxCltvDelta: 1000 }, hops)).toBeNull();
          },
        ),
        { numRuns: 400 },
      );
    });

  it('finds a way where no single path is wide enough', () => {
    const channels = [between(0, 2, 1200), between(2, 1, 1200), between(0, 3, 1200), between(3, 1, 1200)];
    const request = { amountMsat: 2_000_000, maxFeeMsat: 10_000, maxParts: 4 };
    expect(plan(channels, request, 'single').parts).toBeNull();
    expect(plan(channels, request, 'flow').parts).toHaveLength(2);
  });

  it('keeps to the fee budget by weighing fees more', () => {
    const wide = { ...open, feeProportionalMillionths: 20_000, htlcMaximumMsat: 5e6 };
    const channels: Channel[] = [between(0, 2, 6000), { ...between(2, 1, 6000), forth: wide }, between(0, 3, 1200), between(3, 1, 1200)];
    const tight = plan(channels, { amountMsat: 1_000_000, maxFeeMsat: 200, maxParts: 4 }, 'flow').parts;
    expect(tight?.reduce((sum, { path }) => sum + path.feeMsat, 0)).toBeLessThanOrEqual(200);
  });
});

describe('a minimum-cost flow', () => {
  it('costs what the cheapest way of placing each quantum costs, by trying all', () => {
    const linear = { ...DEFAULT_COSTS, penaltyMsat: 100, riskBillionths: 0 };
    const quantumMsat = 100_000;
    fc.assert(
      fc.property(narrow, fc.integer({ min: 1, max: 3 }), (channels, quanta) => {
        const graph = graphOf(channels);
        const problem = new ProblemBuilder(graph).build(0, 1);
        const flow = flows.find(problem, { quantumMsat, quanta }, linear);
        const ways = [...paths(graph, 0, 1)];
        const best = cheapestPlacement(graph, ways, quanta, quantumMsat, linear.penaltyMsat);
        if (flow === null) expect(best).toBe(Number.POSITIVE_INFINITY);
        else expect(costOf(graph, flow, quantumMsat, linear.penaltyMsat)).toBeCloseTo(best, 0);
      }),
      { numRuns: 150 },
    );
  });

  it('takes back what the first path took where that stands in the way of the others', () => {
    // The cheapest path 0-2-3-1 uses the one edge between two disjoint ways; one quantum fits each edge.
    const [cheap, dear] = [0, 5000].map((feeProportionalMillionths) => ({ ...open, feeProportionalMillionths }));
    const one = (a: number, b: number, forth = cheap as Channel['forth']): Channel => ({
      a,
      b,
      capacitySat: 150,
      forth,
      back: { ...forth, disabled: true },
    });
    const graph = graphOf([one(0, 2), one(2, 3), one(3, 1), one(2, 1, dear), one(0, 4), one(4, 3, dear)]);
    const problem = new ProblemBuilder(graph).build(0, 1);
    const nameOf = (edge: number): string => `${graph.sourceOf(edge)}-${graph.targetOf(edge)}`;
    const model = { ...DEFAULT_COSTS, penaltyMsat: 1 };
    const over = (quanta: number) => [...(flows.find(problem, { quantumMsat: 100_000, quanta }, model)?.keys() ?? [])].map(nameOf).sort();
    expect(over(1)).toEqual(['0-2', '2-3', '3-1']);
    expect(over(2)).toEqual(['0-2', '0-4', '2-1', '3-1', '4-3']);
    expect(over(3)).toEqual([]);
  });

  it('comes apart into paths that carry it all', () => {
    fc.assert(
      fc.property(network, fc.integer({ min: 1, max: 12 }), (channels, quanta) => {
        const problem = new ProblemBuilder(graphOf(channels)).build(0, 1);
        const flow = flows.find(problem, { quantumMsat: 50_000, quanta }, DEFAULT_COSTS);
        if (flow === null) return;
        const parts = decompose(problem, flow, () => Number.POSITIVE_INFINITY);
        expect(parts.reduce((sum, part) => sum + part.quanta, 0)).toBe(quanta);
        for (const [edge, on] of flow)
          expect(parts.filter(({ edges }) => edges.includes(edge)).reduce((sum, part) => sum + part.quanta, 0)).toBeLessThanOrEqual(on);
      }),
      { numRuns: 200 },
    );
  });
});

type G = ReturnType<typeof graphOf>;

/** The cost of `k` quanta on an edge, as the flow's file states it; Infinity where they do not fit. */
function edgeCost(graph: G, edge: number, k: number, quantumMsat: number, penaltyMsat: number): number {
  if (k === 0) return 0;
  const capacity = graph.capacityMsat[edge >> 1] as number;
  const usable =
    graph.edgeFlags[edge] === 1 &&
    quantumMsat >= (graph.htlcMinimumMsat[edge] as number) &&
    quantumMsat * 1.003 <= (graph.htlcMaximumMsat[edge] as number);
  if (!usable || k * quantumMsat * 1.003 > capacity) return Number.POSITIVE_INFINITY;
  const fee =
    graph.sourceOf(edge) === 0
      ? 0
      : 0.5 * (graph.feeBaseMsat[edge] as number) + (quantumMsat * (graph.feeProportionalMillionths[edge] as number)) / 1e6;
  return k * fee + penaltyMsat * Math.log((capacity + 1000) / (capacity + 1000 - k * quantumMsat));
}

function costOf(graph: G, flow: ReadonlyMap<number, number>, quantumMsat: number, penaltyMsat: number): number {
  return [...flow].reduce((sum, [edge, k]) => sum + edgeCost(graph, edge, k, quantumMsat, penaltyMsat), 0);
}

function cheapestPlacement(
  graph: G,
  ways: readonly (readonly number[])[],
  quanta: number,
  quantumMsat: number,
  penaltyMsat: number,
): number {
  let best = Number.POSITIVE_INFINITY;
  const place = (first: number, left: number, flow: Map<number, number>): void => {
    if (left === 0) {
      // Both directions of a channel at once is never cheaper than neither.
      best = Math.min(best, costOf(graph, flow, quantumMsat, penaltyMsat));
      return;
    }
    for (let i = first; i < ways.length; i++) {
      const next = new Map(flow);
      for (const edge of ways[i] as readonly number[]) next.set(edge, (next.get(edge) ?? 0) + 1);
      place(i, left - 1, next);
    }
  };
  place(0, quanta, new Map());
  return best;
}
