import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_COSTS } from '../../../../src/bolt/route/cost.ts';
import { evaluate } from '../../../../src/bolt/route/evaluate.ts';
import { FlowSearcher } from '../../../../src/bolt/route/flow.ts';
import { ProblemBuilder } from '../../../../src/bolt/route/problem.ts';
import { type Path, Searcher } from '../../../../src/bolt/route/search.ts';
import { bestPath, split } from '../../../../src/bolt/route/split.ts';
import { faultOf } from '../../../bench/topology/plans.ts';
import { type Channel, graphOf, network, paths, WIDE } from './networks.ts';

const searcher = new Searcher();
const amount = fc.integer({ min: 1, max: 3_000 }).map((sat) => sat * 1000);
const limits = { maxFeeMsat: Number.MAX_SAFE_INTEGER / 4, maxCltvDelta: 1e6, maxHops: 20, onion: WIDE };
const tools = { searcher, model: DEFAULT_COSTS };

describe('the search for one path', () => {
  it('finds the path that trying all of them finds cheapest', () => {
    fc.assert(
      fc.property(network, amount, (wild, amountMsat) => {
        // A node keeps one label, so a dearer tail that needs less upstream is lost: where fees are small against amounts, and amounts do not
        // come within a hair of a limit, that changes next to nothing.
        const channels = wild.map((channel) => ({ ...channel, forth: tame(channel.forth), back: tame(channel.back) }));
        const near = (limit: number): boolean => amountMsat > 0.98 * limit && amountMsat <= limit;
        fc.pre(
          amountMsat >= 50_000 &&
            !channels.some(({ capacitySat, forth, back }) => [1000 * capacitySat, forth.htlcMaximumMsat, back.htlcMaximumMsat].some(near)),
        );
        const graph = graphOf(channels);
        const problem = new ProblemBuilder(graph).build(0, 1);
        const all = [...paths(graph, 0, 1)].map((edges) => usable(problem, edges, amountMsat)).filter((path) => path !== null);
        const least = Math.min(...all.map(({ cost }) => cost));
        const found = searcher.find(problem, { ...limits, amountMsat }, DEFAULT_COSTS);
        if (all.length === 0) expect(found).toBeNull();
        else {
          expect(found).not.toBeNull();
          expect((found as Path).cost).toBeLessThanOrEqual(least * 1.02 + 1);
          expect((found as Path).cost).toBeGreaterThanOrEqual(least - 1);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('finds a path whenever there is one, however high the fees', () => {
    fc.assert(
      fc.property(network, amount, (wild, amountMsat) => {
        const channels = wild.map((channel) => ({
          ...channel,
          forth: { ...channel.forth, htlcMinimumMsat: 0 },
          back: { ...channel.back, htlcMinimumMsat: 0 },
        }));
        const graph = graphOf(channels);
        const problem = new ProblemBuilder(graph).build(0, 1);
        const isThere = [...paths(graph, 0, 1)].some((edges) => usable(problem, edges, amountMsat) !== null);
        expect(bestPath(problem, { ...limits, amountMsat }, tools) !== null).toBe(isThere);
      }),
      { numRuns: 500 },
    );
  });

  it('obeys every limit of edges and of the query', () => {
    fc.assert(
      fc.property(
        network,
        amount,
        fc.integer({ min: 0, max: 30_000 }),
        fc.integer({ min: 0, max: 300 }),
        (channels, amountMsat, maxFeeMsat, maxCltvDelta) => {
          const graph = graphOf(channels);
          const problem = new ProblemBuilder(graph).build(0, 1);
          const found = bestPath(problem, { amountMsat, maxFeeMsat, maxCltvDelta, maxHops: 20, onion: WIDE }, tools);
          if (found === null) return;
          const hops = found.edges.map((edge, i) => ({
            scid: graph.scidOf(edge >> 1),
            amountMsat: found.amountsMsat[i] as number,
            cltvDelta: i + 1 < found.edges.length ? (graph.cltvExpiryDelta[found.edges[i + 1] as number] as number) : 0,
          }));
          const asked = { source: 0, target: 1, amountMsat, maxFeeMsat, maxCltvDelta, maxParts: 1 };
          expect(faultOf(graph, asked, [hops])).toBeNull();
        },
      ),
      { numRuns: 400 },
    );
  });

  it('finds a path within the fee budget where the cheapest by cost breaks it', () => {
    fc.assert(
      fc.property(network, amount, (channels, amountMsat) => {
        const graph = graphOf(channels);
        const problem = new ProblemBuilder(graph).build(0, 1);
        const all = [...paths(graph, 0, 1)].map((edges) => usable(problem, edges, amountMsat)).filter((path) => path !== null);
        if (all.length === 0) return;
        const maxFeeMsat = Math.min(...all.map(({ feeMsat }) => feeMsat));
        expect(bestPath(problem, { ...limits, amountMsat, maxFeeMsat }, tools)?.feeMsat).toBe(maxFeeMsat);
      }),
      { numRuns: 300 },
    );
  });

  it('overlooks no path between a tight fee and a tight expiry', () => {
    fc.assert(
      fc.property(network, amount, fc.integer({ min: 0, max: 9_000 }), fc.integer({ min: 0, max: 300 }), (wild, amountMsat, fee, cltv) => {
        // A dearer tail may lift an amount over a minimum: that is looked for by nobody.
        const free = (policy: Channel['forth']): Channel['forth'] => ({ ...policy, htlcMinimumMsat: 0 });
        const graph = graphOf(wild.map((channel) => ({ ...channel, forth: free(channel.forth), back: free(channel.back) })));
        const builder = new ProblemBuilder(graph);
        const problem = builder.build(0, 1);
        const asked = { ...limits, amountMsat, maxFeeMsat: fee, maxCltvDelta: cltv, maxParts: 1 };
        const isThere = [...paths(graph, 0, 1)].some((edges) => {
          const path = usable(problem, edges, amountMsat);
          return path !== null && path.feeMsat <= fee && path.cltvDelta <= cltv;
        });
        const found = split(asked, { ...tools, problem, builder, flows: new FlowSearcher() }, 'single');
        expect(found !== null).toBe(isThere);
      }),
      { numRuns: 2_000 },
    );
  });

  it('finds the one path that is neither the cheapest, nor of least fee, nor the quickest, and holds both budgets', () => {
    const edge = (feeBaseMsat: number, cltvExpiryDelta: number): Channel['forth'] => ({
      disabled: false,
      htlcMinimumMsat: 1,
      htlcMaximumMsat: 1e6,
      feeBaseMsat,
      feeProportionalMillionths: 0,
      cltvExpiryDelta,
    });
    const over = (a: number, b: number, way: Channel['forth']): Channel => ({ a, b, capacitySat: 6000, forth: way, back: way });
    // 0 to 2 to 1: three ways from 2 to 1, of which the first hop adds nothing, but from 0 to 3 to 2 it adds to both.
    const channels = [
      over(2, 1, edge(0, 100)),
      over(2, 1, edge(100, 0)),
      over(2, 1, edge(40, 40)),
      over(3, 2, edge(10, 10)),
      over(0, 3, edge(0, 0)),
    ];
    const builder = new ProblemBuilder(graphOf(channels));
    const problem = builder.build(0, 1);
    const asked = { ...limits, amountMsat: 1000, maxFeeMsat: 100, maxCltvDelta: 100, maxParts: 1 };
    const found = split(asked, { ...tools, problem, builder, flows: new FlowSearcher() }, 'single');
    expect(found?.[0]?.path).toMatchObject({ feeMsat: 50, cltvDelta: 50 });
  });

  it('goes over no more hops than allowed', () => {
    const edge = {
      disabled: false,
      htlcMinimumMsat: 1,
      htlcMaximumMsat: 1e6,
      feeBaseMsat: 0,
      feeProportionalMillionths: 0,
      cltvExpiryDelta: 1,
    };
    const line = [2, 3, 4, 5, 1].map((b, i, all) => ({
      a: i === 0 ? 0 : (all[i - 1] as number),
      b,
      capacitySat: 6000,
      forth: edge,
      back: edge,
    }));
    const problem = new ProblemBuilder(graphOf(line)).build(0, 1);
    expect(searcher.find(problem, { ...limits, amountMsat: 1000, maxHops: 5 }, DEFAULT_COSTS)?.edges).toHaveLength(5);
    expect(searcher.find(problem, { ...limits, amountMsat: 1000, maxHops: 4 }, DEFAULT_COSTS)).toBeNull();
    expect(searcher.pruned.size).toBeGreaterThan(0);
  });

  it('forgets one question before the next: excluded edges and blocked nodes do not stay', () => {
    fc.assert(
      fc.property(network, amount, (channels, amountMsat) => {
        const graph = graphOf(channels);
        const builder = new ProblemBuilder(graph);
        const fresh = new Searcher().find(builder.build(0, 1), { ...limits, amountMsat }, DEFAULT_COSTS);
        const other = new ProblemBuilder(graph);
        for (let e = 0; e < 2 * graph.channels; e += 3) other.adjust(e).excluded = true;
        other.blockedNodes.add(3);
        searcher.find(other.build(0, 1), { ...limits, amountMsat }, DEFAULT_COSTS);
        expect(searcher.find(builder.build(0, 1), { ...limits, amountMsat }, DEFAULT_COSTS)).toEqual(fresh);
      }),
      { numRuns: 100 },
    );
  });
});

const tame = (policy: Channel['forth']): Channel['forth'] => ({
  ...policy,
  feeBaseMsat: policy.feeBaseMsat % 20,
  feeProportionalMillionths: policy.feeProportionalMillionths % 200,
});

/** The priced path where each of its edges is usable, else null. */
function usable(problem: Parameters<typeof evaluate>[0], edges: readonly number[], amountMsat: number): Path | null {
  if (edges.some((edge) => problem.graph.edgeFlags[edge] !== 1)) return null;
  return evaluate(problem, edges, amountMsat, DEFAULT_COSTS);
}
