import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../../../src/base/bytes.ts';
import type { ChannelId, ShortChannelId } from '../../../../src/base/ids.ts';
import { height, msat } from '../../../../src/base/units.ts';
import { DEFAULT_COSTS } from '../../../../src/bolt/route/cost.ts';
import { evaluate } from '../../../../src/bolt/route/evaluate.ts';
import { FlowSearcher } from '../../../../src/bolt/route/flow.ts';
import { type Graph, NODE_BLINDS, NODE_KEYSEND, NODE_MPP, NODE_TOLD, nodeFlagsOf } from '../../../../src/bolt/route/graph.ts';
import { Knowledge } from '../../../../src/bolt/route/knowledge.ts';
import { ownProblem } from '../../../../src/bolt/route/own-problem.ts';
import { explainRoutes, type PlanOptions, planRoutes } from '../../../../src/bolt/route/plan.ts';
import { type BlindedTail, type RouteQuery, tailIndex, tailScid } from '../../../../src/bolt/route/query.ts';
import { Searcher } from '../../../../src/bolt/route/search.ts';
import { bestPath } from '../../../../src/bolt/route/split.ts';
import { encodeBits } from '../../../../src/bolt/wire/features.ts';
import { type Channel, graphOf, idOf, network, paths, scidOf, WIDE } from './networks.ts';

const self = idOf(50);
const payee = idOf(60);
const searcher = new Searcher();
const flows = new FlowSearcher();
const optionsFor = (graph: Graph): PlanOptions => ({ graph, self, model: DEFAULT_COSTS, searcher, flows });

const tail = (n: number, part: Partial<BlindedTail> = {}): BlindedTail => ({
  nodeId: idOf(n),
  feeBaseMsat: 100,
  feeProportionalMillionths: 1000,
  cltvExpiryDelta: 50,
  htlcMinimumMsat: msat(1),
  htlcMaximumMsat: msat(4_000_000),
  hops: 2,
  onionBytes: 300,
  features: EMPTY,
  ...part,
});
const hop = (n: number, sendable: number) => ({
  channelId: new Uint8Array(32).fill(n) as ChannelId,
  scid: (2_000n + BigInt(n)) as ShortChannelId,
  peer: idOf(n),
  sendableMsat: msat(sendable),
  htlcMinimumMsat: msat(1),
});
const query = (tails: readonly BlindedTail[], part: Partial<RouteQuery> = {}): RouteQuery => ({
  destination: payee,
  amountMsat: msat(1_000_000),
  maxFeeMsat: msat(1_000_000),
  maxParts: 4,
  kind: 'invoice',
  finalCltvExpiry: height(800_000),
  maxCltvExpiry: height(802_016),
  hints: [],
  tails,
  finalBytes: 100,
  firstHops: [hop(0, 6_000_000)],
  lessons: [],
  inFlight: [],
  excludedNodes: [],
  excludedChannels: [],
  ...part,
});

const open = {
  disabled: false,
  htlcMinimumMsat: 1,
  htlcMaximumMsat: 6e6,
  feeBaseMsat: 1000,
  feeProportionalMillionths: 100,
  cltvExpiryDelta: 10,
};
const between = (a: number, b: number, part: Partial<Channel['forth']> = {}): Channel => ({
  a,
  b,
  capacitySat: 6000,
  forth: { ...open, ...part },
  back: open,
});
const graph = graphOf([between(0, 1), between(0, 2), between(1, 3)]);
const plan = (tails: readonly BlindedTail[], part: Partial<RouteQuery> = {}, on: Graph = graph) => {
  const planned = planRoutes(query(tails, part), optionsFor(on));
  return planned.ok ? planned.value : planned.failure.message;
};
const ends = (tails: readonly BlindedTail[], part: Partial<RouteQuery> = {}, on: Graph = graph) => {
  const routes = plan(tails, part, on);
  return typeof routes === 'string' ? routes : routes.map(({ hops }) => tailIndex(hops.at(-1)?.scid as ShortChannelId));
};

describe('a route over a blinded path', () => {
  it('pays what the path asks in all, on top of what the way to its introduction point asks', () => {
    const routes = plan([tail(1)]);
    expect(typeof routes === 'string' ? routes : routes[0]?.hops.map((one) => [one.scid, one.amountMsat, one.cltvExpiry])).toEqual([
      // 1,000,000 arrive; the path takes 100 + 1000, the channel to its introduction point 1000 + 100.
      [2_000n, 1_002_200n, 800_060],
      [scidOf(0), 1_001_100n, 800_050],
      [tailScid(0), 1_000_000n, 800_000],
    ]);
  });
  it('takes the cheaper of several, and the one that holds the amount', () => {
    expect(ends([tail(1), tail(2, { feeBaseMsat: 0 })])).toEqual([1]);
    expect(ends([tail(1), tail(2, { feeBaseMsat: 0, htlcMaximumMsat: msat(999_999) })], { maxParts: 1 })).toEqual([0]);
    expect(ends([tail(1), tail(2, { feeBaseMsat: 0, htlcMinimumMsat: msat(1_000_001) })], { maxParts: 1 })).toEqual([0]);
  });
  it('splits over several where none takes it all', () => {
    const half = { htlcMaximumMsat: msat(600_000) };
    expect([...(ends([tail(1, half), tail(2, half)]) as number[])].sort()).toEqual([0, 1]);
  });
  it('goes nowhere else, even to a destination that the graph knows', () =>
    expect(ends([tail(1, { htlcMaximumMsat: msat(1) })], { destination: idOf(2) })).toContain('no path carries'));
  it('leaves a path that failed', () => {
    const lesson = { scid: tailScid(0), to: payee, failsFromMsat: msat(0), policy: null };
    expect(ends([tail(1), tail(2, { feeBaseMsat: 9000 })], { lessons: [lesson] })).toEqual([1]);
  });
  it('leaves a path with an unknown even feature, and one through a node that announces no route blinding', () => {
    const told = graphOf([between(0, 1), between(0, 2)]);
    told.setNode(told.findNode(idOf(1)), { timestamp: 1, flags: nodeFlagsOf(encodeBits([15, 17])) });
    const tails = [tail(2, { features: encodeBits([100]) }), tail(1)];
    expect(ends(tails, {}, told)).toContain('1 are closed by');
    expect(explainRoutes(query(tails), optionsFor(told)).closed).toEqual({ unknown_features: 1, no_route_blinding: 1 });
    expect(ends([tail(2, { features: encodeBits([101]) })], {}, told)).toEqual([0]);
    // A recipient that is its own introduction point knows what it made.
    expect(ends([tail(1, { hops: 0 })], {}, told)).toEqual([0]);
    told.setNode(told.findNode(idOf(1)), { timestamp: 2, flags: nodeFlagsOf(encodeBits([15, 25])) });
    expect(ends(tails, {}, told)).toEqual([1]);
  });
  it('teaches nothing that would outlive it', () => {
    const learned = new Knowledge();
    const hops = [
      { scid: scidOf(0) as ShortChannelId, nodeId: idOf(1), amountMsat: 5n },
      { scid: tailScid(0), nodeId: payee, amountMsat: 5n },
    ];
    learned.learn(idOf(0), hops, { kind: 'settled' }, 0);
    expect([...learned.entries()].map(({ scid }) => scid)).toEqual([scidOf(0), scidOf(0)]);
  });

  it('is the cheapest that trying all of them finds, within every limit', () => {
    const wild = fc.record({
      at: fc.integer({ min: 0, max: 5 }),
      feeBaseMsat: fc.integer({ min: 0, max: 20 }),
      feeProportionalMillionths: fc.integer({ min: 0, max: 200 }),
      cltvExpiryDelta: fc.integer({ min: 0, max: 300 }),
      htlcMinimumMsat: fc.constantFrom(0, 60_000, 400_000),
      htlcMaximumMsat: fc.constantFrom(100_000, 1_000_000, 5_000_000),
      hops: fc.integer({ min: 0, max: 18 }),
    });
    const amount = fc.integer({ min: 50, max: 3_000 }).map((sat) => sat * 1000);
    fc.assert(
      fc.property(network, fc.array(wild, { minLength: 1, maxLength: 3 }), amount, (channels, all, amountMsat) => {
        const tame = channels.map((one) => ({
          ...one,
          forth: {
            ...one.forth,
            feeBaseMsat: one.forth.feeBaseMsat % 20,
            feeProportionalMillionths: one.forth.feeProportionalMillionths % 200,
          },
          back: {
            ...one.back,
            feeBaseMsat: one.back.feeBaseMsat % 20,
            feeProportionalMillionths: one.back.feeProportionalMillionths % 200,
          },
        }));
        const near = (limit: number): boolean => amountMsat > 0.97 * limit && amountMsat <= limit;
        fc.pre(!tame.some(({ capacitySat, forth, back }) => [1000 * capacitySat, forth.htlcMaximumMsat, back.htlcMaximumMsat].some(near)));
        const random = graphOf(tame);
        const tails = all.map(({ at, ...one }) =>
          tail(at, { ...one, htlcMinimumMsat: msat(one.htlcMinimumMsat), htlcMaximumMsat: msat(one.htlcMaximumMsat) }),
        );
        const { problem } = ownProblem(random, query(tails, { amountMsat: msat(amountMsat) }), self);
        const limits = { amountMsat, maxFeeMsat: 1e9, maxCltvDelta: 900, maxHops: 20, onion: WIDE };
        const found = bestPath(problem, limits, { searcher, model: DEFAULT_COSTS });
        const every = tails.flatMap((one, i) =>
          [...paths(random, 0, random.findNode(one.nodeId))].map((edges) => [2 * random.channels, ...edges, 2 * random.channels + 1 + i]),
        );
        const usable = every
          .filter((edges) => edges.slice(1, -1).every((edge) => random.edgeFlags[edge] === 1))
          .filter((edges) => edges.length - 1 + (tails[(edges.at(-1) as number) - 2 * random.channels - 1]?.hops ?? 0) <= 20)
          .flatMap((edges) => evaluate(problem, edges, amountMsat, DEFAULT_COSTS) ?? [])
          .filter(({ cltvDelta }) => cltvDelta <= 900);
        if (usable.length === 0) {
          expect(found).toBeNull();
          return;
        }
        const least = Math.min(...usable.map(({ cost }) => cost));
        expect(found).not.toBeNull();
        expect(usable.some(({ edges }) => edges.join() === found?.edges.join())).toBe(true);
        // One label a node: where a limit of hops or of blocks turns the cheapest away, the next is a good one and not always the best.
        const tight = usable.some(({ cltvDelta, edges }) => cltvDelta > 600 || edges.length > 4) || tails.some(({ hops }) => hops > 12);
        if (!tight) expect(found?.cost ?? 0).toBeLessThanOrEqual(least * 1.02 + 1);
        expect(found?.cost ?? 0).toBeGreaterThanOrEqual(least - 1);
      }),
      { numRuns: 400 },
    );
  });
});

describe('features of nodes', () => {
  it('are kept as the search needs them', () => {
    expect(nodeFlagsOf(encodeBits([17]))).toBe(NODE_TOLD | NODE_MPP);
    expect(nodeFlagsOf(encodeBits([25, 54]))).toBe(NODE_TOLD | NODE_BLINDS | NODE_KEYSEND);
    expect(nodeFlagsOf(encodeBits([200])) & 1).toBe(1);
    expect(nodeFlagsOf(encodeBits([201])) & 1).toBe(0);
    expect(nodeFlagsOf(EMPTY)).toBe(0);
  });
  it('of the destination allow parts and payments that nobody asked for; of one that was never announced nothing is known', () => {
    const both = graphOf([between(0, 1), between(0, 2), between(2, 1)]);
    const part = { destination: idOf(1), tails: [], firstHops: [hop(0, 900_000), hop(2, 900_000)] };
    const asked = (kind: RouteQuery['kind'], amount = 1_500_000) => {
      const wanted = query([], { ...part, kind, amountMsat: msat(amount) });
      const planned = planRoutes(wanted, optionsFor(both));
      return [planned.ok ? planned.value.length : planned.failure.message, explainRoutes(wanted, optionsFor(both)).destination];
    };
    expect(asked('keysend')).toEqual([2, []]);
    both.setNode(both.findNode(idOf(1)), { timestamp: 1, flags: nodeFlagsOf(encodeBits([15])) });
    expect(asked('invoice')).toEqual([2, []]);
    expect(asked('node')).toEqual([expect.stringContaining('in one part, because the destination takes no more'), ['no_multipart']]);
    expect(asked('node', 500_000)).toEqual([1, ['no_multipart']]);
    expect(asked('keysend', 500_000)).toEqual([expect.stringContaining('no payment without an invoice'), ['no_multipart', 'no_keysend']]);
    both.setNode(both.findNode(idOf(1)), { timestamp: 2, flags: nodeFlagsOf(encodeBits([17, 55])) });
    expect(asked('keysend')).toEqual([2, []]);
  });
});
