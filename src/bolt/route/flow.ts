// Splitting as a minimum-cost flow: Pickhardt and Richter, "Optimally Reliable & Cheap Payment Flows on the Lightning Network" (2021). The amount
// is cut into equal quanta; on each edge the cost of one more quantum (its fee, and how much less likely the edge becomes) grows with the flow
// that it has, so that the piecewise linear costs are convex and successive shortest paths in the residual network give the cheapest flow of
// whole quanta. Johnson's potentials keep reduced costs non-negative, and each search after the first touches only what changed.
import { type CostModel, surprise } from './cost.ts';
import { EDGE_KNOWN, NODE_UNROUTABLE } from './graph.ts';
import { NodeHeap } from './heap.ts';
import { type Adjustment, extraOf, type Problem, sourceOf, targetOf } from './problem.ts';

export interface FlowRequest {
  readonly quantumMsat: number;
  readonly quanta: number;
}

/** Quanta on each edge that has any. */
export type Flow = ReadonlyMap<number, number>;

/** Fees that later hops charge travel over earlier edges too: limits keep this much room for them. */
const ROOM_FOR_FEES = 1.003;
/** A part is several quanta as a rule, and pays a base fee once. */
const BASE_FEE_SHARE = 0.5;
const UNIT = 1000;

export class FlowSearcher {
  readonly #heap = new NodeHeap();
  #potential = new Float64Array(0);
  #distance = new Float64Array(0);
  /** The arc behind a node's label: an edge, or `~edge` where flow of that edge is taken back. */
  #arc = new Int32Array(0);
  #stamp = new Uint32Array(0);
  #settled: Int32Array = new Int32Array(0);
  #isSettled = new Uint8Array(0);
  #round = 0;
  #flow = new Map<number, number>();
  #marks = new Uint8Array(0);
  #blocked = new Uint8Array(0);

  /** The cheapest flow of all quanta from source to target, or null where the network cannot carry them. */
  find(problem: Problem, request: FlowRequest, model: CostModel): Flow | null {
    this.#prepare(problem);
    const flow = new Map<number, number>();
    this.#flow = flow;
    try {
      for (let sent = 0; sent < request.quanta; sent++) {
        if (!this.#shortest(problem, request.quantumMsat, model)) return null;
        this.#augment(problem);
      }
      return flow;
    } finally {
      this.#release(problem);
    }
  }

  #prepare(problem: Problem): void {
    const edges = 2 * problem.graph.channels + problem.extras.length;
    if (this.#distance.length < problem.nodeCount) {
      const size = problem.nodeCount + 1024;
      this.#potential = new Float64Array(size);
      this.#distance = new Float64Array(size);
      this.#arc = new Int32Array(size);
      this.#stamp = new Uint32Array(size);
      this.#settled = new Int32Array(size);
      this.#isSettled = new Uint8Array(size);
      this.#blocked = new Uint8Array(size);
    }
    this.#potential.fill(0, 0, problem.nodeCount);
    if (this.#marks.length < edges) this.#marks = new Uint8Array(edges + 2048);
    for (const edge of problem.adjustments.keys()) this.#marks[edge] = 1;
    for (const node of problem.blockedNodes) this.#blocked[node] = 1;
  }

  #release(problem: Problem): void {
    for (const edge of problem.adjustments.keys()) this.#marks[edge] = 0;
    for (const edge of this.#flow.keys()) this.#marks[edge] = 0;
    for (const node of problem.blockedNodes) this.#blocked[node] = 0;
  }

  /** Labels nodes by their reduced distance to the target until the source is settled. */
  #shortest(problem: Problem, quantum: number, model: CostModel): boolean {
    const { graph, source, target } = problem;
    const { inStart, inEdges } = graph.adjacency();
    const heap = this.#heap;
    heap.reset(problem.nodeCount);
    this.#round++;
    let settled = 0;
    this.#label(target, 0, 0);
    while (heap.size > 0) {
      const node = heap.pop();
      this.#isSettled[node] = 1;
      this.#settled[settled++] = node;
      if (node === source) {
        this.#raise(settled, this.#distance[source] as number);
        return true;
      }
      for (const edge of problem.extrasInto.get(node) ?? []) this.#relax(problem, quantum, model, edge, extraOf(problem, edge).from, node);
      if (node >= graph.nodes) continue;
      const passes = node === target || ((graph.nodeFlags[node] as number) & NODE_UNROUTABLE) === 0;
      for (let i = inStart[node] as number, end = inStart[node + 1] as number; passes && i < end; i++) {
        const edge = inEdges[i] as number;
        const near = graph.sourceOf(edge);
        if (this.#stamp[near] === this.#round && this.#isSettled[near] === 1) continue;
        if (this.#blocked[near] === 1) continue;
        this.#relax(problem, quantum, model, edge, near, node);
        this.#relaxBack(problem, quantum, model, edge ^ 1, near, node);
      }
    }
    return false;
  }

  /** Potentials become exact for settled nodes; the others keep theirs, which is as good because only differences count. */
  #raise(settled: number, toSource: number): void {
    for (let i = 0; i < settled; i++) {
      const node = this.#settled[i] as number;
      this.#potential[node]! += (this.#distance[node] as number) - toSource;
    }
  }

  #relax(problem: Problem, quantum: number, model: CostModel, edge: number, near: number, node: number): void {
    if (this.#stamp[near] === this.#round && this.#isSettled[near] === 1) return;
    if (this.#blocked[near] === 1) return;
    const flow = this.#marks[edge] === 0 ? 0 : (this.#flow.get(edge) ?? 0);
    // Flow in the other direction is taken back first.
    if (edge < 2 * problem.graph.channels && this.#marks[edge ^ 1] !== 0 && (this.#flow.get(edge ^ 1) ?? 0) > 0) return;
    const cost = this.#stepCost(problem, quantum, model, edge, near, flow);
    if (cost === Number.POSITIVE_INFINITY) return;
    this.#offer(near, node, edge, cost);
  }

  /** A unit of flow on `edge`, which leads from `node` to `near`, is taken back: the payment then goes on from `near` along the label of `node`. */
  #relaxBack(problem: Problem, quantum: number, model: CostModel, edge: number, near: number, node: number): void {
    if (this.#marks[edge] === 0) return;
    const flow = this.#flow.get(edge) ?? 0;
    if (flow > 0) this.#offer(near, node, ~edge, -this.#stepCost(problem, quantum, model, edge, node, flow - 1));
  }

  #offer(near: number, node: number, arc: number, cost: number): void {
    // Rounding may leave a reduced cost a hair below zero.
    const reduced = Math.max(0, cost + (this.#potential[node] as number) - (this.#potential[near] as number));
    const distance = (this.#distance[node] as number) + reduced;
    if (this.#stamp[near] === this.#round && distance >= (this.#distance[near] as number)) return;
    this.#label(near, distance, arc);
  }

  #label(node: number, distance: number, arc: number): void {
    const isNew = this.#stamp[node] !== this.#round;
    this.#stamp[node] = this.#round;
    this.#distance[node] = distance;
    this.#arc[node] = arc;
    if (isNew) {
      this.#isSettled[node] = 0;
      this.#heap.push(node, distance);
    } else this.#heap.decrease(node, distance);
  }

  /** What the quantum above `flow` costs on an edge; Infinity where it does not fit. */
  #stepCost(problem: Problem, quantum: number, model: CostModel, edge: number, near: number, flow: number): number {
    const { graph } = problem;
    const adjustment = this.#marks[edge] === 0 ? undefined : problem.adjustments.get(edge);
    const isOurs = near === problem.source;
    if (edge >= 2 * graph.channels) {
      const extra = extraOf(problem, edge);
      if (adjustment?.excluded === true || quantum < extra.htlcMinimumMsat || quantum > extra.htlcMaximumMsat)
        return Number.POSITIVE_INFINITY;
      const room = Math.min(extra.sendableMsat ?? Number.POSITIVE_INFINITY, (adjustment?.failsFromMsat ?? Number.POSITIVE_INFINITY) - 1);
      if ((flow + 1) * quantum * ROOM_FOR_FEES > room - (adjustment?.usedMsat ?? 0)) return Number.POSITIVE_INFINITY;
      return isOurs ? 1e-6 : feeCost(adjustment?.policy ?? extra, quantum, model);
    }
    if (graph.edgeFlags[edge] !== EDGE_KNOWN) return Number.POSITIVE_INFINITY;
    if (quantum < (graph.htlcMinimumMsat[edge] as number) || quantum * ROOM_FOR_FEES > (graph.htlcMaximumMsat[edge] as number))
      return Number.POSITIVE_INFINITY;
    const capacity = graph.edgeCapacityMsat(edge);
    const low = flow * quantum;
    const high = low + quantum;
    let nats: number;
    if (adjustment === undefined && model.prior === 'apriori') {
      if (high * ROOM_FOR_FEES > capacity) return Number.POSITIVE_INFINITY;
      nats = Math.log((capacity + UNIT - low) / (capacity + UNIT - high));
    } else {
      const bounds = boundsOf(capacity, adjustment);
      if (bounds === null || high * ROOM_FOR_FEES > bounds.high) return Number.POSITIVE_INFINITY;
      nats = surprise(model, bounds, high) - surprise(model, bounds, low);
    }
    const penalty = 1e-6 + model.penaltyMsat * nats;
    if (isOurs) return penalty;
    const policy = adjustment?.policy ?? null;
    if (policy !== null) return penalty + feeCost(policy, quantum, model);
    const base = graph.feeBaseMsat[edge] as number;
    const rate = graph.feeProportionalMillionths[edge] as number;
    const delta = graph.cltvExpiryDelta[edge] as number;
    return penalty + BASE_FEE_SHARE * base + (quantum * rate) / 1e6 + (quantum * delta * model.riskBillionths) / 1e9;
  }

  #augment(problem: Problem): void {
    for (let node = problem.source; node !== problem.target; ) {
      const arc = this.#arc[node] as number;
      const edge = arc < 0 ? ~arc : arc;
      const flow = (this.#flow.get(edge) ?? 0) + (arc < 0 ? -1 : 1);
      if (flow === 0) this.#flow.delete(edge);
      else this.#flow.set(edge, flow);
      this.#marks[edge] = flow === 0 && !problem.adjustments.has(edge) ? 0 : 1;
      node = arc < 0 ? sourceOf(problem, edge) : targetOf(problem, edge);
    }
  }
}

function feeCost(
  policy: { readonly feeBaseMsat: number; readonly feeProportionalMillionths: number; readonly cltvExpiryDelta: number },
  quantum: number,
  model: CostModel,
): number {
  const fee = BASE_FEE_SHARE * policy.feeBaseMsat + (quantum * policy.feeProportionalMillionths) / 1e6;
  return 1e-6 + fee + (quantum * policy.cltvExpiryDelta * model.riskBillionths) / 1e9;
}

/** Where the liquidity that is left can be; null where the edge is of no use. */
function boundsOf(
  capacity: number,
  adjustment: Adjustment | undefined,
): { readonly capacity: number; readonly low: number; readonly high: number } | null {
  if (adjustment === undefined) return { capacity, low: 0, high: capacity };
  if (adjustment.excluded) return null;
  const high = Math.min(capacity, adjustment.failsFromMsat - 1) - adjustment.usedMsat;
  if (high <= 0) return null;
  return { capacity, low: Math.max(0, Math.min(adjustment.lowMsat - adjustment.usedMsat, high)), high };
}

/** A path of a flow and how many quanta it carries. */
export interface FlowPath {
  readonly edges: readonly number[];
  readonly quanta: number;
}

/**
 * Takes a flow apart into paths, the one that carries most first. Cycles carry nothing and fall out. `most` limits what one path may carry
 * over an edge, in quanta.
 */
export function decompose(problem: Problem, flow: Flow, most: (edge: number) => number): readonly FlowPath[] {
  const left = new Map(flow);
  const outOf = new Map<number, number[]>();
  for (const edge of flow.keys()) {
    const from = sourceOf(problem, edge);
    const list = outOf.get(from);
    if (list === undefined) outOf.set(from, [edge]);
    else list.push(edge);
  }
  const paths: FlowPath[] = [];
  for (;;) {
    const path = widest(problem, left, outOf, most);
    if (path === null) return paths;
    for (const edge of path.edges) left.set(edge, (left.get(edge) as number) - path.quanta);
    paths.push(path);
  }
}

/** The path of the largest bottleneck through what is left of a flow. */
function widest(
  problem: Problem,
  left: ReadonlyMap<number, number>,
  outOf: ReadonlyMap<number, readonly number[]>,
  most: (edge: number) => number,
): FlowPath | null {
  const best = new Map<number, { readonly width: number; readonly edge: number }>([
    [problem.source, { width: Number.POSITIVE_INFINITY, edge: -1 }],
  ]);
  const open = new Set([problem.source]);
  while (open.size > 0) {
    let node = -1;
    for (const candidate of open) if (node === -1 || (best.get(candidate)?.width ?? 0) > (best.get(node)?.width ?? 0)) node = candidate;
    open.delete(node);
    if (node === problem.target) break;
    const width = best.get(node)?.width ?? 0;
    for (const edge of outOf.get(node) ?? []) {
      const reach = Math.min(width, left.get(edge) ?? 0, most(edge));
      const next = targetOf(problem, edge);
      if (reach <= (best.get(next)?.width ?? 0)) continue;
      best.set(next, { width: reach, edge });
      open.add(next);
    }
  }
  const found = best.get(problem.target);
  if (found === undefined) return null;
  const edges: number[] = [];
  for (let node = problem.target; node !== problem.source; ) {
    const { edge } = best.get(node) as { readonly edge: number };
    edges.unshift(edge);
    node = sourceOf(problem, edge);
  }
  return { edges, quanta: found.width };
}
