import type { CostModel } from './cost.ts';
import { policyOf } from './exact.ts';
import { EDGE_KNOWN } from './graph.ts';
import { extraOf, isExtra, type Problem, sourceOf } from './problem.ts';
import { adjustedSurprise, type Path } from './search.ts';

/** What an edge carries at least and at most in one part, and at most in all parts together, less what parts in flight use. */
export function limitsOf(problem: Problem, edge: number): { readonly minimum: number; readonly maximum: number; readonly room: number } {
  const adjustment = problem.adjustments.get(edge);
  const used = adjustment?.usedMsat ?? 0;
  const below = adjustment?.excluded === true ? 0 : (adjustment?.failsFromMsat ?? Number.POSITIVE_INFINITY) - 1;
  if (isExtra(problem, edge)) {
    const extra = extraOf(problem, edge);
    const most = extra.closed === null ? (extra.sendableMsat ?? Number.POSITIVE_INFINITY) : 0;
    const room = Math.min(most, below) - used;
    return { minimum: extra.htlcMinimumMsat, maximum: extra.htlcMaximumMsat, room };
  }
  const { graph } = problem;
  const room = graph.edgeFlags[edge] === EDGE_KNOWN ? Math.min(graph.edgeCapacityMsat(edge), below) - used : 0;
  return { minimum: graph.htlcMinimumMsat[edge] as number, maximum: graph.htlcMaximumMsat[edge] as number, room };
}

/** A path with the amounts that arrive as `amountMsat`, priced; null where an edge cannot carry its amount. */
export function evaluate(problem: Problem, edges: readonly number[], amountMsat: number, model: CostModel): Path | null {
  const amountsMsat = new Array<number>(edges.length);
  let amount = amountMsat;
  let cltvDelta = 0;
  let cost = 0;
  for (let i = edges.length - 1; i >= 0; i--) {
    const edge = edges[i] as number;
    amountsMsat[i] = amount;
    const { minimum, maximum, room } = limitsOf(problem, edge);
    if (amount < minimum || amount > maximum || amount > room) return null;
    if (!isExtra(problem, edge))
      cost += model.penaltyMsat * adjustedSurprise(model, problem.adjustments.get(edge), problem.graph.edgeCapacityMsat(edge), amount);
    if (sourceOf(problem, edge) === problem.source) break;
    const policy = policyOf(problem, edge);
    const fee = policy.feeBaseMsat + Math.floor((amount * policy.feeProportionalMillionths) / 1_000_000);
    cost += fee + (amount * policy.cltvExpiryDelta * model.riskBillionths) / 1e9;
    cltvDelta += policy.cltvExpiryDelta;
    amount += fee;
  }
  return { edges, amountsMsat, feeMsat: amount - amountMsat, cltvDelta, cost };
}

/** The most, up to `wanted`, that a path carries in whole satoshi; 0 where not even one. */
export function mostOver(problem: Problem, edges: readonly number[], wanted: number, model: CostModel): number {
  if (evaluate(problem, edges, wanted, model) !== null) return wanted;
  let [low, high] = [0, Math.floor(wanted / 1000)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const fits = evaluate(problem, edges, middle * 1000, model) !== null;
    if (fits) low = middle;
    else high = middle - 1;
  }
  return low * 1000;
}
