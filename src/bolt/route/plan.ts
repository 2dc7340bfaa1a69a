import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Height, Msat } from '../../base/units.ts';
import type { CostModel } from './cost.ts';
import { type ExactRoute, exactHops } from './exact.ts';
import type { FlowSearcher } from './flow.ts';
import type { Graph } from './graph.ts';
import { extraOf, isExtra, type Problem } from './problem.ts';
import { MAX_HOPS, ownProblem, type Query } from './query.ts';
import type { Searcher } from './search.ts';
import { type PlannedPart, type SplitRequest, type Strategy, split } from './split.ts';

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
  /** Minimum-cost flow where nothing else is said. */
  readonly strategy?: Strategy;
}

const requestOf = (query: Query): SplitRequest => ({
  amountMsat: Number(query.amountMsat),
  maxFeeMsat: Number(query.maxFeeMsat),
  maxCltvDelta: query.maxCltvExpiry - query.finalCltvExpiry,
  maxHops: MAX_HOPS,
  maxParts: query.maxParts,
});

/** Routes for the whole amount of a query, at most `maxParts`, within its fee and expiry budgets; or why there are none. */
export function planRoutes(query: Query, options: PlanOptions): Result<readonly ExactRoute[], NoRouteFound> {
  if (query.firstHops.length === 0)
    return noRoute('no channel of ours can be used now', 'open a channel, or wait until one is confirmed and its peer connected');
  const { problem, builder } = ownProblem(options.graph, query, options.self);
  const parts = split(requestOf(query), { problem, builder, ...options }, options.strategy ?? 'flow');
  if (parts === null) return fail(explain(query, options));
  return ok(parts.map((part) => toRoute(problem, part, query.finalCltvExpiry)));
}

function noRoute(message: string, hint: string): { readonly ok: false; readonly failure: NoRouteFound } {
  return fail({ code: 'NO_ROUTE', message, hint });
}

function toRoute(problem: Problem, part: PlannedPart, finalCltvExpiry: Height): ExactRoute {
  const first = part.path.edges[0] as number;
  const channelId = isExtra(problem, first) ? extraOf(problem, first).channelId : null;
  const hops = exactHops(problem, part.path.edges, { amountMsat: BigInt(part.amountMsat) as Msat, cltvExpiry: finalCltvExpiry });
  return { channelId: channelId as ExactRoute['channelId'], hops: hops as unknown as ExactRoute['hops'] };
}

function explain(query: Query, options: PlanOptions): NoRouteFound {
  const sendable = query.firstHops.reduce((sum, hop) => sum + hop.sendableMsat, 0n);
  if (sendable < query.amountMsat)
    return {
      code: 'NO_ROUTE',
      message: `our channels can send ${sendable} msat together, ${query.amountMsat} msat are needed`,
      hint: 'receive or open more first, or pay a smaller amount',
    };
  const isHinted = query.hints.some((hint) => hint.length > 0);
  if (options.graph.findNode(query.destination) === -1 && !isHinted)
    return {
      code: 'NO_ROUTE',
      message: `the destination is not among the ${options.graph.nodes} nodes that we know`,
      hint: 'sync the graph, or ask the payee for an invoice with route hints',
    };
  return {
    code: 'NO_ROUTE',
    message: `no path carries ${query.amountMsat} msat within a fee of ${query.maxFeeMsat} msat in at most ${query.maxParts} parts`,
    hint: 'raise --max-fee or --max-parts, or pay a smaller amount',
  };
}
