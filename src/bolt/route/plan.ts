import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Height, Msat } from '../../base/units.ts';
import type { CostModel } from './cost.ts';
import { type ExactRoute, exactHops } from './exact.ts';
import type { Graph } from './graph.ts';
import { extraOf, isExtra, type Problem, type ProblemBuilder } from './problem.ts';
import { MAX_HOPS, ownProblem, type Query } from './query.ts';
import type { Path, Searcher, SearchLimits } from './search.ts';

export interface NoRouteFound {
  readonly code: 'NO_ROUTE';
  readonly message: string;
  readonly hint: string;
}

export interface PlannedPart {
  readonly amountMsat: number;
  readonly path: Path;
}

export interface PlanOptions {
  readonly graph: Graph;
  readonly self: NodeId;
  readonly model: CostModel;
  readonly searcher: Searcher;
}

/** Routes for the whole amount of a query, at most `maxParts`, within its fee and expiry budgets; or why there are none. */
export function planRoutes(query: Query, options: PlanOptions): Result<readonly ExactRoute[], NoRouteFound> {
  if (query.firstHops.length === 0)
    return noRoute('no channel of ours can be used now', 'open a channel, or wait until one is confirmed and its peer connected');
  const { problem, builder } = ownProblem(options.graph, query, options.self);
  const parts = byHalves(problem, builder, query, options);
  if (parts === null) return fail(explain(query, options));
  return ok(parts.map((part) => toRoute(problem, part, query.finalCltvExpiry)));
}

function noRoute(message: string, hint: string): { readonly ok: false; readonly failure: NoRouteFound } {
  return fail({ code: 'NO_ROUTE', message, hint });
}

/** One path that holds the limits: the cheapest, else the one of least fee, else the one of least delay. */
export function bestPath(problem: Problem, limits: SearchLimits, options: Pick<PlanOptions, 'model' | 'searcher'>): Path | null {
  const { searcher, model } = options;
  const cheapest = searcher.find(problem, limits, model);
  if (cheapest !== null) return cheapest;
  const { fee, cltv } = searcher.pruned;
  if (fee > 0) {
    const found = searcher.find(problem, limits, model, 'fee');
    if (found !== null) return found;
  }
  return cltv > 0 ? searcher.find(problem, limits, model, 'cltv') : null;
}

/** Largest part first: what does not fit whole is tried in smaller and smaller parts, the rest after it. */
function byHalves(problem: Problem, builder: ProblemBuilder, query: Query, options: PlanOptions): readonly PlannedPart[] | null {
  const parts: PlannedPart[] = [];
  let remaining = Number(query.amountMsat);
  let feeLeft = Number(query.maxFeeMsat);
  const maxCltvDelta = query.maxCltvExpiry - query.finalCltvExpiry;
  while (remaining > 0) {
    const partsLeft = query.maxParts - parts.length;
    if (partsLeft <= 0 || maxCltvDelta < 0) return null;
    const found = firstThatFits(candidates(remaining, partsLeft, query), (amountMsat) =>
      bestPath(problem, { amountMsat, maxFeeMsat: feeLeft, maxCltvDelta, maxHops: MAX_HOPS }, options),
    );
    if (found === null) return null;
    parts.push(found);
    remaining -= found.amountMsat;
    feeLeft -= found.path.feeMsat;
    found.path.edges.forEach((edge, i) => {
      builder.adjust(edge).usedMsat += found.path.amountsMsat[i] as number;
    });
  }
  return parts;
}

/** Amounts worth a try, largest first: the whole, what a channel of ours can send, halves; none so small that the parts would not suffice. */
function candidates(remaining: number, partsLeft: number, query: Query): readonly number[] {
  const least = Math.ceil(remaining / partsLeft);
  const all = new Set([remaining, least]);
  for (let half = Math.ceil(remaining / 2); half > least; half = Math.ceil(half / 2)) all.add(half);
  for (const hop of query.firstHops) {
    const sendable = Number(hop.sendableMsat);
    // Room for a fee of 1 % and one satoshi: a part that fills the channel to the brim cannot pay its way.
    for (const amount of [sendable, Math.floor(0.99 * sendable) - 1000]) if (amount >= least && amount < remaining) all.add(amount);
  }
  return [...all].sort((a, b) => b - a);
}

function firstThatFits(amounts: readonly number[], find: (amountMsat: number) => Path | null): PlannedPart | null {
  for (const amountMsat of amounts) {
    const path = find(amountMsat);
    if (path !== null) return { amountMsat, path };
  }
  return null;
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
