// Splitting as a minimum-cost flow: Pickhardt and Richter, "Optimally Reliable & Cheap Payment Flows on the Lightning Network" (2021). The amount
// is cut into equal quanta; on each edge the cost of one more quantum (its fee, and how much less likely the edge becomes) grows with the flow
// that it has, so that the piecewise linear costs are convex and successive shortest paths in the residual network give the cheapest flow of
// whole quanta. One search from the target gives every node its distance; with these as Johnson's potentials reduced costs are never negative, and
// the searches from the source that follow go straight along what is still cheapest and look only at what costs less than the way they find.
import { type CostModel, surprise } from './cost.ts';
import { limitsOf } from './evaluate.ts';
import { FlowSide } from './flow-side.ts';
import { EDGE_KNOWN, NODE_UNROUTABLE } from './graph.ts';
import { type Adjustment, edgesFrom, edgesInto, extraOf, type Problem, sourceOf, targetOf } from './problem.ts';

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
  readonly #ahead = new FlowSide();
  readonly #back = new FlowSide();
  /** A lower bound of what a quantum costs from a node to the target, such that no arc has a reduced cost below zero. */
  #potential = new Float64Array(0);
  /** The best meeting of both sides. */
  #best = Number.POSITIVE_INFINITY;
  #meeting = -1;
  #flow = new Map<number, number>();
  /** Edges with flow or with an adjustment. */
  #marks = new Uint8Array(0);
  #blocked = new Uint8Array(0);
  #extrasFrom = new Map<number, number[]>();
  #problem!: Problem;
  #model!: CostModel;
  #quantum = 0;

  /** The cheapest flow of all quanta from source to target, or null where the network cannot carry them. */
  find(problem: Problem, request: FlowRequest, model: CostModel): Flow | null {
    this.#problem = problem;
    this.#model = model;
    this.#quantum = request.quantumMsat;
    const flow = new Map<number, number>();
    this.#flow = flow;
    this.#prepare(problem);
    try {
      if (!this.#endsCarry(problem, request.quanta) || !this.#measure(problem)) return null;
      for (let sent = 0; sent < request.quanta; sent++) {
        if (!this.#shortest(problem)) return null;
        this.#augment(problem);
      }
      return flow;
    } finally {
      this.#release(problem);
    }
  }

  #prepare(problem: Problem): void {
    const edges = 2 * problem.graph.channels + problem.extras.length;
    if (this.#potential.length < problem.nodeCount) {
      this.#potential = new Float64Array(problem.nodeCount + 1024);
      this.#blocked = new Uint8Array(problem.nodeCount + 1024);
    }
    if (this.#marks.length < edges) this.#marks = new Uint8Array(edges + 2048);
    for (const edge of problem.adjustments.keys()) this.#marks[edge] = 1;
    for (const node of problem.blockedNodes) this.#blocked[node] = 1;
    this.#extrasFrom.clear();
    problem.extras.forEach(({ from }, i) => {
      const list = this.#extrasFrom.get(from);
      if (list === undefined) this.#extrasFrom.set(from, [2 * problem.graph.channels + i]);
      else list.push(2 * problem.graph.channels + i);
    });
  }

  #release(problem: Problem): void {
    for (const edge of problem.adjustments.keys()) this.#marks[edge] = 0;
    for (const edge of this.#flow.keys()) this.#marks[edge] = 0;
    for (const node of problem.blockedNodes) this.#blocked[node] = 0;
  }

  /** Whether the edges at both ends have room for all quanta: most of what cannot be carried is seen here, without a search. */
  #endsCarry(problem: Problem, quanta: number): boolean {
    const suffices = (edges: readonly number[]): boolean => {
      let room = 0;
      for (let i = 0; i < edges.length && room < quanta; i++) room += quantaOver(problem, edges[i] as number, this.#quantum);
      return room >= quanta;
    };
    return suffices(edgesFrom(problem, problem.source)) && suffices(edgesInto(problem, problem.target));
  }

  /** Potentials: the distance to the target of every node that is nearer than the source; that of the source for all others. */
  #measure(problem: Problem): boolean {
    const back = this.#back;
    const potential = this.#potential;
    potential.fill(0, 0, problem.nodeCount);
    back.begin(problem.nodeCount, problem.target);
    while (back.heap.size > 0) {
      const node = back.settle();
      if (node !== problem.source) {
        this.#expandBack(problem, node);
        continue;
      }
      potential.fill(back.distanceOf(node), 0, problem.nodeCount);
      for (let i = 0; i < back.count; i++) potential[back.settled[i] as number] = back.distance[back.settled[i] as number] as number;
      return true;
    }
    return false;
  }

  /** The cheapest way of the residual network: two searches, from both ends, until what each has seen proves that their best meeting is it. */
  #shortest(problem: Problem): boolean {
    const ahead = this.#ahead;
    const back = this.#back;
    this.#best = Number.POSITIVE_INFINITY;
    ahead.begin(problem.nodeCount, problem.source);
    back.begin(problem.nodeCount, problem.target);
    while (ahead.heap.size > 0 && back.heap.size > 0 && ahead.heap.firstKey + back.heap.firstKey < this.#best) {
      if (ahead.work <= back.work) this.#expandAhead(problem, ahead.settle());
      else this.#expandBack(problem, back.settle());
    }
    if (this.#best === Number.POSITIVE_INFINITY) return false;
    // A side that has seen all it can reach answers for the whole way.
    if (back.heap.size === 0) this.#raise(0);
    else this.#raise(ahead.heap.size === 0 ? this.#best : Math.min(ahead.heap.firstKey, this.#best));
    return true;
  }

  /**
   * Keeps reduced costs from falling below zero once flow goes over the way found: potentials rise by what a node is nearer to the source than
   * `radius`, and fall by what it is nearer to the target than the rest of the way. All others keep theirs: only differences count.
   */
  #raise(radius: number): void {
    const { distance: from, settled: ahead, count: seen } = this.#ahead;
    for (let i = 0; i < seen; i++) {
      const node = ahead[i] as number;
      if ((from[node] as number) < radius) this.#potential[node]! += radius - (from[node] as number);
    }
    const rest = this.#best - radius;
    const { distance: to, settled: back, count } = this.#back;
    for (let i = 0; i < count; i++) {
      const node = back[i] as number;
      if ((to[node] as number) < rest) this.#potential[node]! -= rest - (to[node] as number);
    }
  }

  #expandAhead(problem: Problem, node: number): void {
    const { graph } = problem;
    const passes = node === problem.source || !isUnroutable(problem, node);
    const extras = this.#extrasFrom.get(node) ?? [];
    for (const edge of passes ? extras : []) this.#goAhead(node, extraOf(problem, edge).to, edge);
    for (const edge of problem.extrasInto.get(node) ?? [])
      if (this.#flowOn(edge) > 0) this.#goAhead(node, extraOf(problem, edge).from, ~edge);
    if (node >= graph.nodes) return;
    const { inStart, inEdges } = graph.adjacency();
    const end = inStart[node + 1] as number;
    this.#ahead.work += end - (inStart[node] as number);
    for (let i = inStart[node] as number; i < end; i++) {
      const edge = inEdges[i] as number;
      // Flow in the other direction is taken back first.
      const isBack = this.#flowOn(edge) > 0;
      if (isBack || passes) this.#goAhead(node, graph.sourceOf(edge), isBack ? ~edge : edge ^ 1);
    }
  }

  #expandBack(problem: Problem, node: number): void {
    const { graph } = problem;
    const passes = node === problem.target || !isUnroutable(problem, node);
    for (const edge of passes ? (problem.extrasInto.get(node) ?? []) : []) this.#goBack(node, extraOf(problem, edge).from, edge);
    for (const edge of this.#extrasFrom.get(node) ?? []) if (this.#flowOn(edge) > 0) this.#goBack(node, extraOf(problem, edge).to, ~edge);
    if (node >= graph.nodes) return;
    const { inStart, inEdges } = graph.adjacency();
    const end = inStart[node + 1] as number;
    this.#back.work += end - (inStart[node] as number);
    for (let i = inStart[node] as number; i < end; i++) {
      const edge = inEdges[i] as number;
      const isBack = this.#flowOn(edge ^ 1) > 0;
      if (isBack || passes) this.#goBack(node, graph.sourceOf(edge), isBack ? ~(edge ^ 1) : edge);
    }
  }

  #flowOn(edge: number): number {
    return this.#marks[edge] === 0 ? 0 : (this.#flow.get(edge) ?? 0);
  }

  /** From `node`, as far from the source as its label says, on to `far`. */
  #goAhead(node: number, far: number, arc: number): void {
    const side = this.#ahead;
    if (this.#blocked[far] === 1 || side.isSettled(far)) return;
    const distance = side.distanceOf(node) + this.#reduced(node, far, arc);
    if (distance !== Number.POSITIVE_INFINITY && side.offer(far, distance, arc)) this.#meet(far, distance + this.#back.distanceOf(far));
  }

  /** From `near` to `node`, whose way to the target is known. */
  #goBack(node: number, near: number, arc: number): void {
    const side = this.#back;
    if (this.#blocked[near] === 1 || side.isSettled(near)) return;
    const distance = side.distanceOf(node) + this.#reduced(near, node, arc);
    if (distance !== Number.POSITIVE_INFINITY && side.offer(near, distance, arc)) this.#meet(near, distance + this.#ahead.distanceOf(near));
  }

  #meet(node: number, distance: number): void {
    if (distance >= this.#best) return;
    this.#best = distance;
    this.#meeting = node;
  }

  /** The reduced cost of an arc between two nodes. */
  #reduced(near: number, far: number, arc: number): number {
    const edge = arc < 0 ? ~arc : arc;
    const flow = this.#flowOn(edge);
    const cost = arc < 0 ? -this.#stepCost(edge, far, flow - 1) : this.#stepCost(edge, near, flow);
    // Rounding may leave a reduced cost a hair below zero.
    return Math.max(0, cost + (this.#potential[far] as number) - (this.#potential[near] as number));
  }

  /** What the quantum above `flow` costs on an edge that leaves `near`; Infinity where it does not fit. */
  #stepCost(edge: number, near: number, flow: number): number {
    const problem = this.#problem;
    const model = this.#model;
    const quantum = this.#quantum;
    const { graph } = problem;
    const adjustment = this.#marks[edge] === 0 ? undefined : problem.adjustments.get(edge);
    const isOurs = near === problem.source;
    if (edge >= 2 * graph.channels) {
      const extra = extraOf(problem, edge);
      if (extra.closed !== null || adjustment?.excluded === true || quantum < extra.htlcMinimumMsat || quantum > extra.htlcMaximumMsat)
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
    for (let node = this.#meeting; node !== problem.source; ) {
      const arc = this.#ahead.arc[node] as number;
      this.#change(problem, arc);
      node = arc < 0 ? targetOf(problem, ~arc) : sourceOf(problem, arc);
    }
    for (let node = this.#meeting; node !== problem.target; ) {
      const arc = this.#back.arc[node] as number;
      this.#change(problem, arc);
      node = arc < 0 ? sourceOf(problem, ~arc) : targetOf(problem, arc);
    }
  }

  #change(problem: Problem, arc: number): void {
    const edge = arc < 0 ? ~arc : arc;
    const flow = (this.#flow.get(edge) ?? 0) + (arc < 0 ? -1 : 1);
    if (flow === 0) this.#flow.delete(edge);
    else this.#flow.set(edge, flow);
    this.#marks[edge] = flow === 0 && !problem.adjustments.has(edge) ? 0 : 1;
  }
}

const isUnroutable = ({ graph }: Problem, node: number): boolean =>
  node < graph.nodes && ((graph.nodeFlags[node] as number) & NODE_UNROUTABLE) !== 0;

/** How many quanta an edge can carry at most. */
function quantaOver(problem: Problem, edge: number, quantumMsat: number): number {
  const { minimum, maximum, room } = limitsOf(problem, edge);
  if (quantumMsat < minimum || quantumMsat > maximum) return 0;
  return Math.max(0, Math.floor(room / (quantumMsat * ROOM_FOR_FEES)));
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
