import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Height, Msat } from '../../base/units.ts';
import type { CostModel } from './cost.ts';
import { type ExactRoute, exactHops } from './exact.ts';
import { type Explanation, explain, hintOf } from './explain.ts';
import type { FlowSearcher } from './flow.ts';
import type { Graph } from './graph.ts';
import type { Knowledge } from './knowledge.ts';
import { extraOf, isExtra, type Problem } from './problem.ts';
import { MAX_HOPS, ownProblem, type Query } from './query.ts';
import type { Searcher } from './search.ts';
import { type PlannedPart, type SplitRequest, type SplitTools, type Strategy, split } from './split.ts';

export interface NoRouteFound {
  readonly code: 'NO_ROUTE';
  readonly message: string;
  readonly hint: string;
}

export interface PlanOptions {
  readonly graph: Graph;
  readonly self: NodeId;
  readonly model: CostModel;
  readonly searcher: Searcher;
  readonly flows: FlowSearcher;
  /** What earlier payments and probes taught, and the time by which it has faded. */
  readonly knowledge?: { readonly learned: Knowledge; readonly now: number };
  /** Minimum-cost flow where nothing else is said. */
  readonly strategy?: Strategy;
  /** Blocks added to every expiry of routes with more than one hop, as far as the budget allows (BOLT 7, "Recommendations for Routing"). */
  readonly shadowBlocks?: number;
}

const requestOf = (query: Query): SplitRequest => ({
  amountMsat: Number(query.amountMsat),
  maxFeeMsat: Number(query.maxFeeMsat),
  maxCltvDelta: query.maxCltvExpiry - query.finalCltvExpiry,
  maxHops: MAX_HOPS,
  maxParts: query.maxParts,
});

function toolsFor(query: Query, options: PlanOptions): SplitTools {
  const { problem, builder } = ownProblem(options.graph, query, options.self);
  if (options.knowledge !== undefined) options.knowledge.learned.apply(builder, options.graph, options.knowledge.now);
  return { problem, builder, model: options.model, searcher: options.searcher, flows: options.flows };
}

/** Routes for the whole amount of a query, at most `maxParts`, within its fee and expiry budgets; or why there are none. */
export function planRoutes(query: Query, options: PlanOptions): Result<readonly ExactRoute[], NoRouteFound> {
  const simple = simpleReason(query, options);
  if (simple !== null) return fail(simple);
  const tools = toolsFor(query, options);
  const parts = split(requestOf(query), tools, options.strategy ?? 'flow');
  if (parts === null) return fail(reason(query, explain(requestOf(query), tools)));
  return ok(parts.map((part) => toRoute(tools.problem, part, query, options.shadowBlocks ?? 0)));
}

/** Whether there is a route, without the reason where there is none. */
export function planQuickly(query: Query, options: PlanOptions): readonly ExactRoute[] | null {
  if (simpleReason(query, options) !== null) return null;
  const tools = toolsFor(query, options);
  const parts = split(requestOf(query), tools, options.strategy ?? 'flow');
  return parts?.map((part) => toRoute(tools.problem, part, query, options.shadowBlocks ?? 0)) ?? null;
}

/** For `route --explain`: counts of the closed edges and the cheapest relaxation, whether or not there is a route. */
export const explainRoutes = (query: Query, options: PlanOptions): Explanation => explain(requestOf(query), toolsFor(query, options));

function toRoute(problem: Problem, part: PlannedPart, query: Query, shadowBlocks: number): ExactRoute {
  const { edges, cltvDelta } = part.path;
  const first = edges[0] as number;
  const channelId = isExtra(problem, first) ? extraOf(problem, first).channelId : null;
  const spare = query.maxCltvExpiry - query.finalCltvExpiry - cltvDelta;
  const shadow = edges.length > 1 ? Math.max(0, Math.min(shadowBlocks, spare)) : 0;
  const arrives = { amountMsat: BigInt(part.amountMsat) as Msat, cltvExpiry: (query.finalCltvExpiry + shadow) as Height };
  const hops = exactHops(problem, edges, arrives);
  return { channelId: channelId as ExactRoute['channelId'], hops: hops as unknown as ExactRoute['hops'] };
}

const noRoute = (message: string, hint: string): NoRouteFound => ({ code: 'NO_ROUTE', message, hint });

/** Reasons that need no search. */
function simpleReason(query: Query, { graph }: PlanOptions): NoRouteFound | null {
  if (query.firstHops.length === 0)
    return noRoute('no channel of ours can be used now', 'open a channel, or wait until one is confirmed and its peer connected');
  const sendable = query.firstHops.reduce((sum, hop) => sum + hop.sendableMsat, 0n);
  if (sendable < query.amountMsat)
    return noRoute(
      `our channels can send ${sendable} msat together, ${query.amountMsat} msat are needed`,
      'receive or open more first, or pay a smaller amount',
    );
  const isNamed = query.hints.some((hint) => hint.length > 0) || query.firstHops.some((hop) => sameId(hop.peer, query.destination));
  if (!isNamed && graph.findNode(query.destination) === -1)
    return noRoute(
      `the destination is not among the ${graph.nodes} nodes that we know`,
      'sync the graph, or ask the payee for an invoice with route hints',
    );
  return null;
}

const sameId = (a: NodeId, b: NodeId): boolean => a.every((byte, i) => byte === b[i]);

function reason(query: Query, explained: Explanation): NoRouteFound {
  const closed = Object.entries(explained.closed).sort((a, b) => b[1] - a[1]);
  const why = explained.reachesUs
    ? `within a fee of ${query.maxFeeMsat} msat and ${query.maxCltvExpiry - query.finalCltvExpiry} blocks`
    : `; of the edges nearest to it ${closed.map(([rule, count]) => `${count} are closed by ${rule.replaceAll('_', ' ')}`).join(', ') || 'there is none'}`;
  const parts = query.maxParts === 1 ? 'one part' : `at most ${query.maxParts} parts`;
  return noRoute(
    `no path carries ${query.amountMsat} msat in ${parts}${explained.reachesUs ? ' ' : ''}${why}`,
    hintOf(explained.relaxation),
  );
}
