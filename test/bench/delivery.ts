import { fromHex } from '../../src/base/bytes.ts';
import type { ChannelId } from '../../src/base/ids.ts';
import { height, msat } from '../../src/base/units.ts';
import { DEFAULT_COSTS } from '../../src/bolt/route/cost.ts';
import { FlowSearcher } from '../../src/bolt/route/flow.ts';
import type { Graph } from '../../src/bolt/route/graph.ts';
import { Knowledge } from '../../src/bolt/route/knowledge.ts';
import { USUAL_FINAL_BYTES } from '../../src/bolt/route/onion-room.ts';
import { planQuickly } from '../../src/bolt/route/plan.ts';
import type { Route, RouteQuery } from '../../src/bolt/route/query.ts';
import { Searcher } from '../../src/bolt/route/search.ts';
import type { Strategy } from '../../src/bolt/route/split.ts';
import { type Bench, type BenchContext, median } from './harness.ts';
import { canSucceed, hiddenBalances, type Wanted } from './topology/balances.ts';
import { readQuestions, topologyGraph } from './topology/graph.ts';

const SEED = 0x5eed;
const STRATEGIES = ['single', 'halving', 'flow'] as const satisfies readonly Strategy[];
const MAX_PARTS = 10;
/** Routes tried for one payment before it is given up. */
const MAX_ATTEMPTS = 100;

/** Payments over hidden balances until they succeed or are given up, by the strategy that splits them. */
export const bench: Bench = {
  summary: 'payments over hidden balances: success among those that can succeed, attempts, fees_sat, by strategy and amount_sat',
  parameters: ['pairs', 'strategy', 'amount_sat', 'seed'],
  async run(context) {
    const graph = topologyGraph();
    const balances = hiddenBalances(graph, Number(context.only('seed') ?? SEED));
    const { amounts, pairs } = readQuestions(context.only('pairs'));
    for (const { sat, fee_limit_msat } of amounts) {
      if (context.only('amount_sat') === null ? ![100_000, 1_000_000].includes(sat) : Number(context.only('amount_sat')) !== sat) continue;
      const all = pairs.slice(0, context.runs(pairs.length)).map(({ src, dst }) => ({
        source: graph.findNode(fromHex(src)),
        target: graph.findNode(fromHex(dst)),
        amountMsat: sat * 1000,
        maxFeeMsat: fee_limit_msat,
      }));
      const possible = all.filter((wanted) => canSucceed(graph, balances, wanted));
      context.note(`${sat} sat: ${possible.length} of ${all.length} can succeed`);
      for (const strategy of STRATEGIES) {
        if ((context.only('strategy') ?? strategy) !== strategy) continue;
        deliverAll(context, graph, balances, possible, strategy, sat);
      }
    }
  },
};

interface Delivered {
  readonly settled: boolean;
  readonly attempts: number;
  readonly feeMsat: number;
}

function deliverAll(
  context: BenchContext,
  graph: Graph,
  balances: Float64Array,
  possible: readonly Wanted[],
  strategy: Strategy,
  sat: number,
): void {
  const tools = { searcher: new Searcher(), flows: new FlowSearcher() };
  const results = possible.map((wanted) => deliver(graph, balances, wanted, strategy, tools));
  const settled = results.filter((result) => result.settled);
  const each = { strategy, amount_sat: sat, n: results.length };
  context.report({ metric: 'success', value: settled.length / results.length, unit: 'share', ...each });
  if (settled.length === 0) return;
  context.report({ metric: 'attempts', value: median(settled.map(({ attempts }) => attempts)), unit: 'count', ...each });
  context.report({
    metric: 'attempts_mean',
    value: settled.reduce((sum, { attempts }) => sum + attempts, 0) / settled.length,
    unit: 'count',
    ...each,
  });
  context.report({
    metric: 'fees_sat',
    value: settled.reduce((sum, { feeMsat }) => sum + feeMsat, 0) / settled.length / 1000,
    unit: 'sat',
    ...each,
  });
}

/** One payment. Parts that arrive are held while the others are tried again; what each failure taught counts for the next plan. */
function deliver(
  graph: Graph,
  balances: Float64Array,
  wanted: Wanted,
  strategy: Strategy,
  tools: { searcher: Searcher; flows: FlowSearcher },
): Delivered {
  const knowledge = new Knowledge();
  const held: Route[] = [];
  const used = new Map<number, number>();
  let attempts = 0;
  for (;;) {
    const arrived = held.reduce((sum, route) => sum + Number(route.hops.at(-1)?.amountMsat ?? 0n), 0);
    const fees = held.reduce((sum, route) => sum + feeOf(route), 0);
    if (arrived >= wanted.amountMsat) return { settled: true, attempts, feeMsat: fees };
    const query = queryOf(graph, balances, wanted, held, used, { left: wanted.amountMsat - arrived, feeLeft: wanted.maxFeeMsat - fees });
    const self = graph.nodeIdOf(wanted.source);
    const plan =
      attempts >= MAX_ATTEMPTS
        ? null
        : planQuickly(query, { graph, self, model: DEFAULT_COSTS, ...tools, knowledge: { learned: knowledge, now: 0 }, strategy });
    if (plan === null) return { settled: false, attempts, feeMsat: 0 };
    for (const route of plan) {
      attempts++;
      const failed = tryRoute(graph, balances, used, route, wanted.source);
      knowledge.learn(self, route.hops, failed === null ? { kind: 'carried' } : { kind: 'failed', hop: failed }, 0);
      if (failed !== null) continue;
      held.push(route);
    }
  }
}

const feeOf = (route: Route): number => Number(route.hops[0].amountMsat - (route.hops.at(-1)?.amountMsat ?? 0n));

/** The index of the hop whose balance does not suffice, or null where the part arrives and holds its balances. */
function tryRoute(graph: Graph, balances: Float64Array, used: Map<number, number>, route: Route, source: number): number | null {
  const edges: number[] = [];
  let node = source;
  for (const [i, hop] of route.hops.entries()) {
    const to = graph.findNode(hop.nodeId);
    const edge = graph.edgeTo(graph.findChannel(hop.scid), to);
    if (graph.sourceOf(edge) !== node) throw new Error('a route that does not hang together');
    if ((balances[edge] as number) - (used.get(edge) ?? 0) < Number(hop.amountMsat)) return i;
    edges.push(edge);
    node = to;
  }
  edges.forEach((edge, i) => {
    used.set(edge, (used.get(edge) ?? 0) + Number(route.hops[i]?.amountMsat ?? 0n));
  });
  return null;
}

/** What the payer asks its planner: it knows the balances of its own channels, nothing of the others'. */
function queryOf(
  graph: Graph,
  balances: Float64Array,
  wanted: Wanted,
  held: readonly Route[],
  used: ReadonlyMap<number, number>,
  rest: { readonly left: number; readonly feeLeft: number },
): RouteQuery {
  const { inStart, inEdges } = graph.adjacency();
  const firstHops: RouteQuery['firstHops'][number][] = [];
  for (let i = inStart[wanted.source] as number; i < (inStart[wanted.source + 1] as number); i++) {
    const edge = (inEdges[i] as number) ^ 1;
    if (graph.edgeFlags[edge] !== 1) continue;
    const sendable = Math.min((balances[edge] as number) - (used.get(edge) ?? 0), graph.htlcMaximumMsat[edge] as number);
    firstHops.push({
      channelId: new Uint8Array(32) as ChannelId,
      scid: graph.scidOf(edge >> 1),
      peer: graph.nodeIdOf(graph.targetOf(edge)),
      sendableMsat: msat(Math.max(0, sendable)),
      htlcMinimumMsat: msat(graph.htlcMinimumMsat[edge] as number),
    });
  }
  return {
    destination: graph.nodeIdOf(wanted.target),
    amountMsat: msat(rest.left),
    maxFeeMsat: msat(Math.max(0, rest.feeLeft)),
    maxParts: Math.max(1, MAX_PARTS - held.length),
    finalCltvExpiry: height(40),
    maxCltvExpiry: height(2016),
    kind: 'invoice',
    hints: [],
    tails: [],
    finalBytes: USUAL_FINAL_BYTES,
    firstHops,
    lessons: [],
    inFlight: held.flatMap((route) => route.hops.map((hop) => ({ scid: hop.scid, to: hop.nodeId, amountMsat: hop.amountMsat }))),
    excludedNodes: [],
    excludedChannels: [],
  };
}
