import { type CostModel, surprise } from './cost.ts';
import { limitsOf } from './evaluate.ts';
import { EDGE_KNOWN, type Graph, NODE_UNROUTABLE } from './graph.ts';
import { NodeHeap } from './heap.ts';
import { forwardBytes, type OnionRoom } from './onion-room.ts';
import { type Adjustment, type ExtraEdge, edgesFrom, extraOf, type Problem, targetOf } from './problem.ts';

/** What the search minimises. The others are tried when the cheapest path breaks a budget. */
export type Objective = 'cost' | 'fee' | 'cltv' | 'bytes' | 'hops';

export interface SearchLimits {
  readonly amountMsat: number;
  readonly maxFeeMsat: number;
  /** Blocks that the hops may add to the final expiry. */
  readonly maxCltvDelta: number;
  /** Onion hops, those inside of a blinded path included. */
  readonly maxHops: number;
  readonly onion: OnionRoom;
}

export interface Path {
  /** From the source to the target. */
  readonly edges: readonly number[];
  /** By the same index: what the HTLC on that edge carries. */
  readonly amountsMsat: readonly number[];
  readonly feeMsat: number;
  readonly cltvDelta: number;
  readonly cost: number;
}

/** Which limit turned edges away during a search: what an explanation of NO_ROUTE starts from. */
export interface Pruned {
  /** Edges that carry what is asked for, but not with the fees of the hops behind them. */
  amount: number;
  fee: number;
  cltv: number;
  /** Too many hops, or more payload than an onion holds. */
  size: number;
}

const BLOCKED = 1;
const EXTRAS = 2;
const UNIT = 1000;

/**
 * Dijkstra's algorithm from the target towards the source, because what an edge must carry is known from its far end (BOLT 7: fees are
 * computed backward). Each node keeps one label (cost, amount, expiry, hops). Buffers are kept between searches.
 */
export class Searcher {
  readonly #heap = new NodeHeap();
  #cost = new Float64Array(0);
  #amount = new Float64Array(0);
  #cltv = new Int32Array(0);
  #hops = new Uint8Array(0);
  /** What the payloads of this node and of those behind it take in the onion. */
  #bytes = new Float64Array(0);
  #next = new Int32Array(0);
  /** The search that wrote a node's label: no clearing in between. */
  #stamp = new Uint32Array(0);
  #settled = new Uint8Array(0);
  #nodeMarks = new Uint8Array(0);
  #edgeMarks = new Uint8Array(0);
  #round = 0;
  #pruned: Pruned = { amount: 0, fee: 0, cltv: 0, size: 0 };

  get pruned(): Readonly<Pruned> {
    return this.#pruned;
  }
  /** After a search: whether a node was reached from the target. */
  reached(node: number): boolean {
    return this.#stamp[node] === this.#round;
  }

  /** The path with the least of the objective that holds every limit, or null. */
  find(problem: Problem, limits: SearchLimits, model: CostModel, objective: Objective = 'cost'): Path | null {
    this.#prepare(problem);
    try {
      if (!canLeave(problem, limits.amountMsat)) return null;
      return this.#search(problem, limits, model, objective) ? this.#path(problem, limits) : null;
    } finally {
      this.#unmark(problem);
    }
  }

  #prepare(problem: Problem): void {
    this.#heap.reset(problem.nodeCount);
    if (this.#cost.length < problem.nodeCount) {
      const size = problem.nodeCount + 1024;
      this.#cost = new Float64Array(size);
      this.#amount = new Float64Array(size);
      this.#cltv = new Int32Array(size);
      this.#hops = new Uint8Array(size);
      this.#bytes = new Float64Array(size);
      this.#next = new Int32Array(size);
      this.#stamp = new Uint32Array(size);
      this.#settled = new Uint8Array(size);
      this.#nodeMarks = new Uint8Array(size);
    }
    const edges = 2 * problem.graph.channels;
    if (this.#edgeMarks.length < edges) this.#edgeMarks = new Uint8Array(edges + 2048);
    this.#round++;
    this.#pruned = { amount: 0, fee: 0, cltv: 0, size: 0 };
    for (const node of problem.blockedNodes) this.#nodeMarks[node]! |= BLOCKED;
    for (const node of problem.extrasInto.keys()) this.#nodeMarks[node]! |= EXTRAS;
    for (const edge of problem.adjustments.keys()) if (edge < edges) this.#edgeMarks[edge] = 1;
  }

  #unmark(problem: Problem): void {
    for (const node of problem.blockedNodes) this.#nodeMarks[node] = 0;
    for (const node of problem.extrasInto.keys()) this.#nodeMarks[node] = 0;
    for (const edge of problem.adjustments.keys()) if (edge < this.#edgeMarks.length) this.#edgeMarks[edge] = 0;
  }

  #search(problem: Problem, limits: SearchLimits, model: CostModel, objective: Objective): boolean {
    const { graph, source, target } = problem;
    const { inStart, inEdges } = graph.adjacency();
    const heap = this.#heap;
    this.#label(target, 0, limits.amountMsat, 0, 0, limits.onion.finalBytes, -1);
    while (heap.size > 0) {
      const node = heap.pop();
      if (node === source) return true;
      this.#settled[node] = 1;
      const marks = this.#nodeMarks[node] as number;
      if (node !== target && node < graph.nodes && ((graph.nodeFlags[node] as number) & NODE_UNROUTABLE) !== 0) continue;
      if ((this.#hops[node] as number) >= limits.maxHops) {
        this.#pruned.size++;
        continue;
      }
      if ((marks & EXTRAS) !== 0)
        for (const edge of problem.extrasInto.get(node) ?? [])
          this.#relaxExtra(problem, limits, model, objective, edge, extraOf(problem, edge));
      if (node < graph.nodes)
        this.#relaxInto(problem, graph, node, inEdges, inStart[node] as number, inStart[node + 1] as number, limits, model, objective);
    }
    return false;
  }

  /** The hot loop: every known edge into a settled node. */
  #relaxInto(
    problem: Problem,
    graph: Graph,
    node: number,
    inEdges: Uint32Array,
    from: number,
    to: number,
    limits: SearchLimits,
    model: CostModel,
    objective: Objective,
  ): void {
    const amount = this.#amount[node] as number;
    const cost = this.#cost[node] as number;
    const cltv = this.#cltv[node] as number;
    const { edgeFlags, htlcMinimumMsat, htlcMaximumMsat, node1, node2, capacityMsat } = graph;
    const apriori = model.prior === 'apriori';
    for (let i = from; i < to; i++) {
      const edge = inEdges[i] as number;
      if (edgeFlags[edge] !== EDGE_KNOWN) continue;
      if (amount < (htlcMinimumMsat[edge] as number)) continue;
      if (amount > (htlcMaximumMsat[edge] as number)) {
        if (limits.amountMsat <= (htlcMaximumMsat[edge] as number)) this.#pruned.amount++;
        continue;
      }
      const channel = edge >> 1;
      const near = ((edge & 1) === 0 ? node1[channel] : node2[channel]) as number;
      if (
        this.#stamp[near] === this.#round &&
        (this.#settled[near] === 1 || (objective === 'cost' && cost >= (this.#cost[near] as number)))
      )
        continue;
      if (((this.#nodeMarks[near] as number) & BLOCKED) !== 0) continue;
      const adjustment = this.#edgeMarks[edge] === 0 ? undefined : problem.adjustments.get(edge);
      const isOurs = near === problem.source;
      let fee = 0;
      let delta = 0;
      if (!isOurs) {
        const policy = adjustment?.policy ?? null;
        const base = policy === null ? (graph.feeBaseMsat[edge] as number) : policy.feeBaseMsat;
        const rate = policy === null ? (graph.feeProportionalMillionths[edge] as number) : policy.feeProportionalMillionths;
        fee = base + Math.floor((amount * rate) / 1_000_000);
        delta = policy === null ? (graph.cltvExpiryDelta[edge] as number) : policy.cltvExpiryDelta;
      }
      let capacity = capacityMsat[channel] as number;
      if (capacity === 0) capacity = graph.edgeCapacityMsat(edge);
      const nats =
        adjustment === undefined && apriori
          ? amount > capacity
            ? Number.POSITIVE_INFINITY
            : Math.log((capacity + UNIT) / (capacity + UNIT - amount))
          : adjustedSurprise(model, adjustment, capacity, amount);
      if (nats === Number.POSITIVE_INFINITY) {
        if (amount > limits.amountMsat) this.#pruned.amount++;
        continue;
      }
      const bytes = this.#bytes[node] as number;
      this.#offer(
        near,
        edge,
        cost,
        amount,
        cltv,
        (this.#hops[node] as number) + 1,
        isOurs ? bytes : bytes + forwardBytes(amount, limits.onion),
        fee,
        delta,
        nats,
        limits,
        model,
        objective,
      );
    }
  }

  #relaxExtra(problem: Problem, limits: SearchLimits, model: CostModel, objective: Objective, edge: number, extra: ExtraEdge): void {
    const node = extra.to;
    const amount = this.#amount[node] as number;
    if (amount < extra.htlcMinimumMsat || extra.closed !== null) return;
    const near = extra.from;
    if (this.#stamp[near] === this.#round && this.#settled[near] === 1) return;
    if (((this.#nodeMarks[near] as number) & BLOCKED) !== 0) return;
    const adjustment = problem.adjustments.get(edge);
    if (adjustment?.excluded === true) return;
    const room = (extra.sendableMsat ?? Number.POSITIVE_INFINITY) - (adjustment?.usedMsat ?? 0);
    if (amount > extra.htlcMaximumMsat || amount > room || amount >= (adjustment?.failsFromMsat ?? Number.POSITIVE_INFINITY)) {
      if (amount > limits.amountMsat) this.#pruned.amount++;
      return;
    }
    const isOurs = near === problem.source;
    const policy = adjustment?.policy ?? extra;
    const fee = isOurs ? 0 : policy.feeBaseMsat + Math.floor((amount * policy.feeProportionalMillionths) / 1_000_000);
    const delta = isOurs ? 0 : policy.cltvExpiryDelta;
    const hops = extra.tail === null ? (this.#hops[node] as number) + 1 : extra.tail.hops;
    const behind = this.#bytes[node] as number;
    const bytes = isOurs ? behind : extra.tail === null ? behind + forwardBytes(amount, limits.onion) : extra.tail.onionBytes;
    const cltv = this.#cltv[node] as number;
    this.#offer(near, edge, this.#cost[node] as number, amount, cltv, hops, bytes, fee, delta, 0, limits, model, objective);
  }

  #offer(
    near: number,
    edge: number,
    costBehind: number,
    amount: number,
    cltvBehind: number,
    hops: number,
    bytes: number,
    fee: number,
    delta: number,
    nats: number,
    limits: SearchLimits,
    model: CostModel,
    objective: Objective,
  ): void {
    const total = amount + fee;
    if (total - limits.amountMsat > limits.maxFeeMsat) {
      this.#pruned.fee++;
      return;
    }
    const cltv = cltvBehind + delta;
    if (cltv > limits.maxCltvDelta) {
      this.#pruned.cltv++;
      return;
    }
    if (bytes > limits.onion.bytes || hops > limits.maxHops) {
      this.#pruned.size++;
      return;
    }
    // A hair for each hop, so that of equal paths the shorter is found.
    let step = 1e-6;
    if (objective === 'cost') step += fee + (amount * delta * model.riskBillionths) / 1e9 + model.penaltyMsat * nats;
    else if (objective === 'fee') step += fee;
    else if (objective === 'cltv') step += delta;
    let cost = costBehind + step;
    if (objective === 'bytes') cost = bytes;
    else if (objective === 'hops') cost = hops;
    if (this.#stamp[near] === this.#round && (this.#settled[near] === 1 || cost >= (this.#cost[near] as number))) return;
    this.#label(near, cost, total, cltv, hops, bytes, edge);
  }

  #label(node: number, cost: number, amount: number, cltv: number, hops: number, bytes: number, next: number): void {
    const isNew = this.#stamp[node] !== this.#round;
    this.#stamp[node] = this.#round;
    this.#cost[node] = cost;
    this.#amount[node] = amount;
    this.#cltv[node] = cltv;
    this.#hops[node] = hops;
    this.#bytes[node] = bytes;
    this.#next[node] = next;
    if (isNew) {
      this.#settled[node] = 0;
      this.#heap.push(node, cost);
    } else this.#heap.decrease(node, cost);
  }

  #path(problem: Problem, limits: SearchLimits): Path {
    const edges: number[] = [];
    const amountsMsat: number[] = [];
    for (let node = problem.source; node !== problem.target; ) {
      const edge = this.#next[node] as number;
      edges.push(edge);
      node = targetOf(problem, edge);
      amountsMsat.push(this.#amount[node] as number);
    }
    const first = amountsMsat[0] as number;
    return {
      edges,
      amountsMsat,
      feeMsat: first - limits.amountMsat,
      cltvDelta: this.#cltv[problem.source] as number,
      cost: this.#cost[problem.source] as number,
    };
  }
}

/** Whether an edge out of the source carries the amount at all: else the search would go through the whole network in vain. */
function canLeave(problem: Problem, amountMsat: number): boolean {
  const carries = (edge: number): boolean => {
    const { minimum, maximum, room } = limitsOf(problem, edge);
    // Fees of later hops may lift an amount over the minimum.
    return amountMsat <= maximum && amountMsat <= room && minimum <= maximum;
  };
  return edgesFrom(problem, problem.source).some(carries);
}

/** -ln P for an edge of which more is known than the graph says, or a prior that is not the plain one. */
export function adjustedSurprise(model: CostModel, adjustment: Adjustment | undefined, capacity: number, amount: number): number {
  if (adjustment === undefined) return surprise(model, { capacity, low: 0, high: capacity }, amount);
  if (adjustment.excluded || amount >= adjustment.failsFromMsat) return Number.POSITIVE_INFINITY;
  const high = Math.min(capacity, adjustment.failsFromMsat - 1) - adjustment.usedMsat;
  const low = Math.max(0, Math.min(adjustment.lowMsat - adjustment.usedMsat, high));
  return surprise(model, { capacity, low, high }, amount);
}
