// Why there is no route: which rules closed the edges around the destination, and the cheapest of the query's limits to give way.
import { limitsOf } from './evaluate.ts';
import { CHANNEL_SPENT, CHANNEL_UNROUTABLE, EDGE_CONTRADICTS, EDGE_DISABLED, EDGE_KNOWN, NODE_UNROUTABLE } from './graph.ts';
import { MAX_HOPS, ONION_BYTES, onionOf } from './onion-room.ts';
import { extraOf, type Problem } from './problem.ts';
import { ANY_CLTV, ANY_FEE, bestPath, type SplitRequest, type SplitTools, split } from './split.ts';

export type Rule =
  | 'no_policy'
  | 'disabled'
  | 'contradicts_itself'
  | 'below_minimum'
  | 'above_maximum'
  | 'capacity'
  | 'liquidity'
  | 'excluded'
  | 'unknown_features'
  | 'no_route_blinding';

export type Relaxation =
  | { readonly kind: 'max_fee'; readonly feeMsat: number }
  | { readonly kind: 'max_cltv'; readonly blocks: number }
  | { readonly kind: 'max_parts'; readonly parts: number }
  /** The shortest path takes more of an onion than there is. */
  | { readonly kind: 'onion'; readonly hops: number; readonly bytes: number }
  | { readonly kind: 'exclusions' }
  | { readonly kind: 'amount'; readonly amountMsat: number };

export interface Explanation {
  /** Nodes from which one part of the whole amount could reach the destination, itself included. */
  readonly reach: number;
  /** Whether we are among them: then not the edges but the budgets are in the way. */
  readonly reachesUs: boolean;
  /** Of the edges that lead into that region from outside, how many each rule closed. */
  readonly closed: Readonly<Partial<Record<Rule, number>>>;
  /** The least that must be given up; null where nothing alone is enough. */
  readonly relaxation: Relaxation | null;
}

/** Explains a failed search for `request`. Costs some searches. */
export function explain(request: SplitRequest, tools: SplitTools): Explanation {
  const region = reachable(tools.problem, request.amountMsat);
  return {
    reach: region.size,
    reachesUs: region.has(tools.problem.source),
    closed: closedInto(tools.problem, region, request.amountMsat),
    relaxation: relax(request, tools),
  };
}

/** Backward from the target over every edge that carries the amount by itself; fees and expiry are left aside. */
function reachable(problem: Problem, amountMsat: number): ReadonlySet<number> {
  const region = new Set([problem.target]);
  const open = [problem.target];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const [edge, near] of edgesInto(problem, node)) {
      if (region.has(near) || ruleAgainst(problem, edge, near, node, amountMsat) !== null) continue;
      region.add(near);
      open.push(near);
    }
  }
  return region;
}

function* edgesInto(problem: Problem, node: number): IterableIterator<readonly [edge: number, near: number]> {
  for (const edge of problem.extrasInto.get(node) ?? []) yield [edge, extraOf(problem, edge).from];
  if (node >= problem.graph.nodes) return;
  const { inStart, inEdges } = problem.graph.adjacency();
  for (let i = inStart[node] as number; i < (inStart[node + 1] as number); i++) {
    const edge = inEdges[i] as number;
    yield [edge, problem.graph.sourceOf(edge)];
  }
}

/** The first rule that closes an edge for an amount, or null. */
function ruleAgainst(problem: Problem, edge: number, near: number, node: number, amountMsat: number): Rule | null {
  const { graph } = problem;
  const adjustment = problem.adjustments.get(edge);
  if (adjustment?.excluded === true || problem.blockedNodes.has(near)) return 'excluded';
  if (node !== problem.target && node < graph.nodes && ((graph.nodeFlags[node] as number) & NODE_UNROUTABLE) !== 0)
    return 'unknown_features';
  if (edge < 2 * graph.channels) {
    const flags = graph.edgeFlags[edge] as number;
    if ((flags & EDGE_KNOWN) === 0) return 'no_policy';
    if ((flags & EDGE_DISABLED) !== 0) return 'disabled';
    if ((flags & EDGE_CONTRADICTS) !== 0) return 'contradicts_itself';
    if (((graph.channelFlags[edge >> 1] as number) & (CHANNEL_UNROUTABLE | CHANNEL_SPENT)) !== 0) return 'unknown_features';
    if (amountMsat > graph.edgeCapacityMsat(edge)) return 'capacity';
  }
  const closed = edge < 2 * graph.channels ? null : extraOf(problem, edge).closed;
  if (closed !== null) return closed;
  const { minimum, maximum, room } = limitsOf(problem, edge);
  if (amountMsat < minimum) return 'below_minimum';
  if (amountMsat > maximum) return edge >= 2 * graph.channels ? 'liquidity' : 'above_maximum';
  return amountMsat > room ? 'liquidity' : null;
}

function closedInto(problem: Problem, region: ReadonlySet<number>, amountMsat: number): Partial<Record<Rule, number>> {
  const closed: Partial<Record<Rule, number>> = {};
  for (const node of region) {
    for (const [edge, near] of edgesInto(problem, node)) {
      if (region.has(near)) continue;
      const rule = ruleAgainst(problem, edge, near, node, amountMsat);
      if (rule !== null) closed[rule] = (closed[rule] ?? 0) + 1;
    }
  }
  return closed;
}

const MOST_PARTS = 64;
const MOST_HOPS = 250;

/** The first of these that is enough: a larger fee, a longer lock, more parts, no exclusions, a smaller amount. */
function relax(request: SplitRequest, tools: SplitTools): Relaxation | null {
  const { problem, searcher, model } = tools;
  const cheapest = searcher.find(problem, { ...request, maxFeeMsat: ANY_FEE }, model, 'fee');
  if (cheapest !== null) return { kind: 'max_fee', feeMsat: cheapest.feeMsat };
  const shortest = searcher.find(problem, { ...request, maxCltvDelta: ANY_CLTV }, model, 'cltv');
  if (shortest !== null) return { kind: 'max_cltv', blocks: shortest.cltvDelta };
  const smallest = searcher.find(
    problem,
    { ...request, maxHops: MOST_HOPS, onion: { ...request.onion, bytes: Number.MAX_SAFE_INTEGER } },
    model,
    'bytes',
  );
  if (smallest !== null) return { kind: 'onion', ...onionOf(problem, smallest, request.onion) };
  const feeMsat = feeOfParts(request, tools);
  if (feeMsat !== null) return { kind: 'max_fee', feeMsat };
  const parts = request.maxParts >= MOST_PARTS ? null : split({ ...request, maxParts: MOST_PARTS }, tools, 'flow');
  if (parts !== null) return { kind: 'max_parts', parts: parts.length };
  const freed = { ...problem, blockedNodes: new Set<number>(), adjustments: withoutExclusions(problem) };
  if (problem.blockedNodes.size + problem.adjustments.size > 0 && bestPath(freed, request, tools) !== null) return { kind: 'exclusions' };
  const amountMsat = mostThatGoes(request, tools);
  return amountMsat > 0 ? { kind: 'amount', amountMsat } : null;
}

/** The fee with which the parts that are allowed would be enough, where no single path is; null where no fee would. */
function feeOfParts(request: SplitRequest, tools: SplitTools): number | null {
  if (request.maxParts === 1) return null;
  // Fees weighed more than chances first: what is asked for is the least fee.
  for (const share of [0.02, 1]) {
    const model = { ...tools.model, penaltyMsat: tools.model.penaltyMsat * share };
    const parts = split({ ...request, maxFeeMsat: ANY_FEE }, { ...tools, model }, 'flow');
    const feeMsat = parts?.reduce((sum, { path }) => sum + path.feeMsat, 0) ?? null;
    if (feeMsat !== null && split({ ...request, maxFeeMsat: feeMsat }, tools, 'flow') !== null) return feeMsat;
  }
  return null;
}

const withoutExclusions = (problem: Problem): Problem['adjustments'] =>
  new Map([...problem.adjustments].map(([edge, adjustment]) => [edge, { ...adjustment, excluded: false }]));

/** The largest amount in whole satoshi, to 1 %, that one path carries within the same share of fees. */
function mostThatGoes(request: SplitRequest, tools: SplitTools): number {
  const goes = (amountMsat: number): boolean => {
    const maxFeeMsat = Math.floor((request.maxFeeMsat * amountMsat) / request.amountMsat);
    return amountMsat > 0 && bestPath(tools.problem, { ...request, amountMsat, maxFeeMsat }, tools) !== null;
  };
  let [low, high] = [0, Math.floor(request.amountMsat / 1000)];
  while (high - low > Math.max(1, high / 100)) {
    const middle = Math.floor((low + high) / 2);
    if (goes(middle * 1000)) low = middle;
    else high = middle;
  }
  return low * 1000;
}

const sats = (msat: number): string => `${Math.ceil(msat / 1000)}sat`;

/** What to do, in the words of the command line. */
export function hintOf(relaxation: Relaxation | null): string {
  switch (relaxation?.kind) {
    case 'max_fee':
      return `raise --max-fee to ${sats(relaxation.feeMsat)}`;
    case 'max_cltv':
      return `the quickest path locks the money for ${relaxation.blocks} blocks, more than allowed`;
    case 'max_parts':
      return `raise --max-parts to ${relaxation.parts}`;
    case 'onion':
      return `the shortest path has ${relaxation.hops} hops and takes ${relaxation.bytes} bytes, and an onion holds ${MAX_HOPS} and ${ONION_BYTES}: ask the payee for an invoice with less metadata`;
    case 'exclusions':
      return 'a path leads through what was excluded or failed before: try again without, or later';
    case 'amount':
      return `pay at most ${Math.floor(relaxation.amountMsat / 1000)}sat in one part`;
    case undefined:
      return 'no limit that could be raised is in the way: the destination cannot be reached from here with any amount';
  }
}
