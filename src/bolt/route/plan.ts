import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Height, Msat } from '../../base/units.ts';
import type { CostModel } from './cost.ts';
import { exactHops } from './exact.ts';
import { type Explanation, explain, hintOf } from './explain.ts';
import type { FlowSearcher } from './flow.ts';
import { type Graph, lacks, NODE_KEYSEND, NODE_MPP } from './graph.ts';
import type { Knowledge } from './knowledge.ts';
import { MAX_HOPS, ONION_BYTES } from './onion-room.ts';
import { ownProblem } from './own-problem.ts';
import { extraOf, isExtra, type Problem } from './problem.ts';
import type { NoRoute, Route, RouteQuery } from './query.ts';
import type { Searcher } from './search.ts';
import { type PlannedPart, type SplitRequest, type SplitTools, type Strategy, split } from './split.ts';

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

const requestOf = (query: RouteQuery, { graph }: PlanOptions): SplitRequest => ({
  amountMsat: Number(query.amountMsat),
  maxFeeMsat: Number(query.maxFeeMsat),
  maxCltvDelta: query.maxCltvExpiry - query.finalCltvExpiry,
  maxHops: MAX_HOPS,
  maxParts: takesParts(graph, query) ? query.maxParts : 1,
  onion: { bytes: ONION_BYTES, finalBytes: query.finalBytes, maxCltvExpiry: query.maxCltvExpiry },
});

/** BOLT 9, basic_mpp: an invoice says it; without one the node's announcement does. */
const takesParts = (graph: Graph, query: RouteQuery): boolean =>
  query.kind === 'invoice' || !lacks(graph, graph.findNode(query.destination), NODE_MPP);

function toolsFor(query: RouteQuery, options: PlanOptions): SplitTools {
  const { problem, builder } = ownProblem(options.graph, query, options.self);
  if (options.knowledge !== undefined) options.knowledge.learned.apply(builder, options.graph, options.knowledge.now);
  const model = query.prior === undefined ? options.model : { ...options.model, prior: query.prior };
  return { problem, builder, model, searcher: options.searcher, flows: options.flows };
}

/** Routes for the whole amount of a query, at most `maxParts`, within its fee and expiry budgets; or why there are none. */
export function planRoutes(query: RouteQuery, options: PlanOptions): Result<readonly Route[], NoRoute> {
  const simple = simpleReason(query, options);
  if (simple !== null) return fail(simple);
  const tools = toolsFor(query, options);
  const parts = split(requestOf(query, options), tools, options.strategy ?? 'flow');
  if (parts === null) return fail(reason(query, requestOf(query, options), explain(requestOf(query, options), tools)));
  return ok(parts.map((part) => toRoute(tools.problem, part, query, options.shadowBlocks ?? 0)));
}

/** Whether there is a route, without the reason where there is none. */
export function planQuickly(query: RouteQuery, options: PlanOptions): readonly Route[] | null {
  if (simpleReason(query, options) !== null) return null;
  const tools = toolsFor(query, options);
  const parts = split(requestOf(query, options), tools, options.strategy ?? 'flow');
  return parts?.map((part) => toRoute(tools.problem, part, query, options.shadowBlocks ?? 0)) ?? null;
}

/** What the destination's announcement forbids, whatever the network could carry. */
export type DestinationLimit = 'no_multipart' | 'no_keysend';

/** For `route --explain`: counts of the closed edges and the cheapest relaxation, whether or not there is a route. */
export function explainRoutes(
  query: RouteQuery,
  options: PlanOptions,
): Explanation & { readonly destination: readonly DestinationLimit[] } {
  const { graph } = options;
  const destination: DestinationLimit[] = [];
  if (!takesParts(graph, query) && query.maxParts > 1) destination.push('no_multipart');
  if (!takesKeysend(graph, query)) destination.push('no_keysend');
  return { ...explain(requestOf(query, options), toolsFor(query, options)), destination };
}

const takesKeysend = (graph: Graph, query: RouteQuery): boolean =>
  query.kind !== 'keysend' || !lacks(graph, graph.findNode(query.destination), NODE_KEYSEND);

function toRoute(problem: Problem, part: PlannedPart, query: RouteQuery, shadowBlocks: number): Route {
  const { edges, cltvDelta } = part.path;
  const first = edges[0] as number;
  const channelId = isExtra(problem, first) ? extraOf(problem, first).channelId : null;
  const spare = query.maxCltvExpiry - query.finalCltvExpiry - cltvDelta;
  const shadow = edges.length > 1 ? Math.max(0, Math.min(shadowBlocks, spare)) : 0;
  const arrives = { amountMsat: BigInt(part.amountMsat) as Msat, cltvExpiry: (query.finalCltvExpiry + shadow) as Height };
  const hops = exactHops(problem, edges, arrives);
  return { channelId: channelId as Route['channelId'], hops: hops as unknown as Route['hops'] };
}

const noRoute = (message: string, hint: string): NoRoute => ({ code: 'NO_ROUTE', message, hint });

/** Reasons that need no search. */
function simpleReason(query: RouteQuery, { graph }: PlanOptions): NoRoute | null {
  if (query.firstHops.length === 0)
    return noRoute('no channel of ours can be used now', 'open a channel, or wait until one is confirmed and its peer connected');
  const sendable = query.firstHops.reduce((sum, hop) => sum + hop.sendableMsat, 0n);
  if (sendable < query.amountMsat)
    return noRoute(
      `our channels can send ${sendable} msat together, ${query.amountMsat} msat are needed`,
      'receive or open more first, or pay a smaller amount',
    );
  if (query.tails.length === 0 && query.finalBytes > ONION_BYTES)
    return noRoute(
      `what the destination is to be told takes ${query.finalBytes} bytes, and an onion has ${ONION_BYTES}`,
      'ask the payee for an invoice with less metadata',
    );
  if (!takesKeysend(graph, query))
    return noRoute('the destination announces that it takes no payment without an invoice', 'ask the payee for an invoice');
  const isNamed =
    query.tails.length > 0 ||
    query.hints.some((hint) => hint.length > 0) ||
    query.firstHops.some((hop) => sameId(hop.peer, query.destination));
  if (!isNamed && graph.findNode(query.destination) === -1)
    return noRoute(
      `the destination is not among the ${graph.nodes} nodes that we know`,
      'sync the graph, or ask the payee for an invoice with route hints',
    );
  return null;
}

const sameId = (a: NodeId, b: NodeId): boolean => a.every((byte, i) => byte === b[i]);

function reason(query: RouteQuery, { maxParts }: SplitRequest, explained: Explanation): NoRoute {
  const closed = Object.entries(explained.closed).sort((a, b) => b[1] - a[1]);
  // Parts may go where the whole does not: with a larger fee they would, so that the edges are not what is in the way.
  const isBudget = explained.reachesUs || explained.relaxation?.kind === 'max_fee';
  const why = isBudget
    ? `within a fee of ${query.maxFeeMsat} msat and ${query.maxCltvExpiry - query.finalCltvExpiry} blocks`
    : `; of the edges nearest to it ${closed.map(([rule, count]) => `${count} are closed by ${rule.replaceAll('_', ' ')}`).join(', ') || 'there is none'}`;
  const parts = maxParts === 1 ? 'one part' : `at most ${maxParts} parts`;
  const only = maxParts < query.maxParts ? ', because the destination takes no more' : '';
  return noRoute(`no path carries ${query.amountMsat} msat in ${parts}${only}${isBudget ? ' ' : ''}${why}`, hintOf(explained.relaxation));
}
