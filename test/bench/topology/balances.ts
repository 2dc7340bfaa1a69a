// Hidden balances, and what they allow at most: the judge of the bench `delivery`. The planner never sees this.
import type { Graph } from '../../../src/bolt/route/graph.ts';

/** Balances by edge, in msat: what it can carry now. Drawn evenly from the seed; the two directions of a channel make up its capacity. */
export function hiddenBalances(graph: Graph, seed: number): Float64Array {
  const balances = new Float64Array(2 * graph.channels);
  let state = seed >>> 0 || 1;
  for (let channel = 0; channel < graph.channels; channel++) {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const capacity = graph.capacityMsat[channel] as number;
    const mine = Math.floor(((state >>> 0) / 2 ** 32) * (capacity / 1000 + 1)) * 1000;
    balances[2 * channel] = Math.min(mine, capacity);
    balances[2 * channel + 1] = capacity - Math.min(mine, capacity);
  }
  return balances;
}

export interface Wanted {
  readonly source: number;
  readonly target: number;
  readonly amountMsat: number;
  readonly maxFeeMsat: number;
}

/**
 * Whether the balances allow a payment within its fee limit: the flow of least proportional fee by successive shortest paths in the residual
 * network (Bellman and Ford's algorithm with a queue, which knows of no potentials and shares no code with the planner). Base fees and the
 * growth of amounts by fees are left out, so that what could not succeed may be counted as possible, never the other way round.
 */
export function canSucceed(graph: Graph, balances: Float64Array, wanted: Wanted): boolean {
  const flow = new Map<number, number>();
  let left = wanted.amountMsat;
  let fees = 0;
  while (left > 0) {
    const path = leastFee(graph, balances, flow, wanted);
    if (path === null) return false;
    const room = Math.min(left, ...path.map(({ edge, back }) => (back ? (flow.get(edge) ?? 0) : roomOf(graph, balances, flow, edge))));
    for (const { edge, back } of path) {
      flow.set(edge, (flow.get(edge) ?? 0) + (back ? -room : room));
      if (graph.sourceOf(edge) !== wanted.source) fees += ((back ? -room : room) * (graph.feeProportionalMillionths[edge] as number)) / 1e6;
    }
    left -= room;
    if (fees > wanted.maxFeeMsat) return false;
  }
  return true;
}

const roomOf = (graph: Graph, balances: Float64Array, flow: ReadonlyMap<number, number>, edge: number): number =>
  graph.edgeFlags[edge] === 1 ? (balances[edge] as number) - (flow.get(edge) ?? 0) : 0;

interface Step {
  readonly edge: number;
  readonly back: boolean;
}

function leastFee(graph: Graph, balances: Float64Array, flow: ReadonlyMap<number, number>, wanted: Wanted): readonly Step[] | null {
  const { inStart, inEdges } = graph.adjacency();
  const cost = new Float64Array(graph.nodes).fill(Number.POSITIVE_INFINITY);
  const via: (Step | undefined)[] = new Array(graph.nodes);
  const queued = new Uint8Array(graph.nodes);
  const queue = [wanted.target];
  cost[wanted.target] = 0;
  for (let head = 0; head < queue.length; head++) {
    const node = queue[head] as number;
    queued[node] = 0;
    for (let i = inStart[node] as number; i < (inStart[node + 1] as number); i++) {
      const edge = inEdges[i] as number;
      const near = graph.sourceOf(edge);
      const offer = (step: Step, fee: number): void => {
        if ((cost[node] as number) + fee >= (cost[near] as number) - 1e-9) return;
        cost[near] = (cost[node] as number) + fee;
        via[near] = step;
        if (queued[near] === 1) return;
        queued[near] = 1;
        queue.push(near);
      };
      const rate = (of: number): number =>
        graph.sourceOf(of) === wanted.source ? 0 : (graph.feeProportionalMillionths[of] as number) + 1e-6;
      if (roomOf(graph, balances, flow, edge) > 0) offer({ edge, back: false }, rate(edge));
      if ((flow.get(edge ^ 1) ?? 0) > 0) offer({ edge: edge ^ 1, back: true }, -rate(edge ^ 1));
    }
  }
  if (cost[wanted.source] === Number.POSITIVE_INFINITY) return null;
  const path: Step[] = [];
  for (let node = wanted.source; node !== wanted.target; ) {
    const step = via[node] as Step;
    path.push(step);
    node = step.back ? graph.sourceOf(step.edge) : graph.targetOf(step.edge);
  }
  return path;
}
