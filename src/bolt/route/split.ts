import type { CostModel } from './cost.ts';
import { decompose, type FlowPath } from './decompose.ts';
import { evaluate, limitsOf, mostOver } from './evaluate.ts';
import type { FlowSearcher } from './flow.ts';
import { pathBetweenBudgets } from './frontier.ts';
import { onionOf } from './onion-room.ts';
import { edgesFrom, edgesInto, type Problem, type ProblemBuilder } from './problem.ts';
import type { Objective, Path, Searcher, SearchLimits } from './search.ts';

/** How a payment is cut into parts: not at all, in halves as they fail to fit, or along a minimum-cost flow. */
export type Strategy = 'single' | 'halving' | 'flow';

export interface PlannedPart {
  readonly amountMsat: number;
  readonly path: Path;
}

export interface SplitRequest extends SearchLimits {
  readonly maxParts: number;
}

export interface SplitTools {
  readonly problem: Problem;
  readonly builder: ProblemBuilder;
  readonly model: CostModel;
  readonly searcher: Searcher;
  readonly flows: FlowSearcher;
}

/** With a single path as likely as this to succeed, splitting has nothing to win. */
const SURE_ENOUGH_NATS = 0.05;
/** What one more part must save to be worth its while: parts fail, and wait for each other. */
const PART_MSAT = 1_000;
/** Amounts below this stay whole: base fees would eat what a split saves. */
const LEAST_QUANTUM_MSAT = 10_000;
/** Finer cuts are tried where coarse ones find no flow. */
const REFINEMENTS = [2, 4, 6];
const MAX_QUANTA = 64;
/** Where the cheapest flow breaks the fee budget, fees are weighed more. */
const PENALTY_SHARES = [1, 0.2, 0.02];
export const ANY_FEE: number = Number.MAX_SAFE_INTEGER / 4;
export const ANY_CLTV: number = 20 * 2016;

/** One path that holds the limits: the cheapest, else the one of least fee, of least delay, of least room in the onion. */
export function bestPath(problem: Problem, limits: SearchLimits, tools: PathTools): Path | null {
  return byEachMeasure(problem, limits, tools).path;
}

type PathTools = Pick<SplitTools, 'searcher' | 'model'>;

/** What no measure alone leads to may still be there where several budgets are tight: then the way between them is looked for. */
function anyPath(problem: Problem, limits: SearchLimits, tools: PathTools): Path | null {
  const { path, tight } = byEachMeasure(problem, limits, tools);
  if (path !== null || tight < 2) return path;
  const { searcher, model } = tools;
  // With any one of the budgets left aside there must be a way, or there is none with all of them.
  const loose = [
    { limits: { ...limits, maxCltvDelta: ANY_CLTV }, objective: 'fee' },
    { limits: { ...limits, maxFeeMsat: ANY_FEE }, objective: 'cltv' },
  ] as const;
  if (loose.some((one) => searcher.find(problem, one.limits, model, one.objective) === null && searcher.pruned.size === 0)) return null;
  return pathBetweenBudgets(problem, limits, model);
}

/** Every objective that a search before it gives reason to try. `tight`: how many budgets were in the way. */
function byEachMeasure(
  problem: Problem,
  limits: SearchLimits,
  { searcher, model }: PathTools,
): { readonly path: Path | null; readonly tight: number } {
  const objectives: Objective[] = ['cost'];
  const tight = new Set<Objective>();
  for (let i = 0; i < objectives.length; i++) {
    const objective = objectives[i] as Objective;
    const found = searcher.find(problem, limits, model, objective);
    // What was found by another measure has its price all the same.
    if (found !== null)
      return { path: objective === 'cost' ? found : evaluate(problem, found.edges, limits.amountMsat, model), tight: tight.size };
    const { amount, fee, cltv, size } = searcher.pruned;
    const reasons: Objective[] = [];
    // The way of least fees is also the one that needs the least room.
    if (fee > 0 || amount > 0) reasons.push('fee');
    if (cltv > 0) reasons.push('cltv');
    if (size > 0) reasons.push('bytes');
    for (const reason of reasons) {
      tight.add(reason);
      if (!objectives.includes(reason)) objectives.push(reason, ...(reason === 'bytes' ? (['hops'] as const) : []));
    }
  }
  return { path: null, tight: tight.size };
}

/** Parts that together carry the whole amount within every limit, or null. Leaves the builder's `usedMsat` as it was. */
export function split(request: SplitRequest, tools: SplitTools, strategy: Strategy): readonly PlannedPart[] | null {
  if (request.maxCltvDelta < 0 || request.amountMsat <= 0 || !endsCarry(request, tools.problem)) return null;
  const path = anyPath(tools.problem, request, tools);
  const whole = path === null ? null : [{ amountMsat: request.amountMsat, path }];
  if (strategy === 'single' || request.maxParts === 1) return whole;
  if (strategy === 'halving') return whole ?? new Draft(request, tools).halve();
  if (path !== null && natsOf(path, tools) < SURE_ENOUGH_NATS) return whole;
  const parts = byFlow(request, tools);
  if (parts === null) return whole ?? new Draft(request, tools).halve();
  return path !== null && path.cost <= costOf(parts) ? whole : parts;
}

/** Whether all parts together fit through the edges at either end: what cannot is seen without a search. */
function endsCarry({ amountMsat, maxParts }: SplitRequest, problem: Problem): boolean {
  const suffices = (edges: readonly number[]): boolean => {
    const room = edges.map((edge) => {
      const { minimum, maximum, room: left } = limitsOf(problem, edge);
      return minimum > maximum ? 0 : Math.max(0, Math.min(left, maximum * maxParts));
    });
    return room.reduce((sum, most) => sum + most, 0) >= amountMsat;
  };
  return suffices(edgesFrom(problem, problem.source)) && suffices(edgesInto(problem, problem.target));
}

const natsOf = (path: Path, { model }: SplitTools): number => (path.cost - path.feeMsat) / Math.max(1, model.penaltyMsat);
const costOf = (parts: readonly PlannedPart[]): number => parts.reduce((sum, part) => sum + part.path.cost + PART_MSAT, 0) - PART_MSAT;

function byFlow(request: SplitRequest, tools: SplitTools): readonly PlannedPart[] | null {
  const coarsest = Math.max(2, Math.min(request.maxParts, Math.floor(request.amountMsat / LEAST_QUANTUM_MSAT), MAX_QUANTA));
  for (const refinement of REFINEMENTS) {
    const quanta = coarsest * refinement;
    if (quanta > MAX_QUANTA) return null;
    for (const share of PENALTY_SHARES) {
      const weighed = { ...tools.model, penaltyMsat: tools.model.penaltyMsat * share };
      const quantumMsat = Math.ceil(request.amountMsat / quanta);
      const flow = tools.flows.find(tools.problem, { quantumMsat, quanta }, weighed);
      // What finer quanta cannot carry either is left for them to tell; weights change nothing about capacity.
      if (flow === null) break;
      const most = (edge: number): number => Math.max(1, Math.floor(limitsOf(tools.problem, edge).maximum / quantumMsat));
      const paths = decompose(tools.problem, flow, most);
      const parts = new Draft(request, { ...tools, model: weighed }).settle(paths, quantumMsat, tools.model);
      if (parts !== null) return parts;
    }
  }
  return null;
}

/** Parts under construction; what they use is booked in the builder while they are here. */
class Draft {
  readonly #request: SplitRequest;
  readonly #tools: SplitTools;
  #parts: PlannedPart[] = [];

  constructor(request: SplitRequest, tools: SplitTools) {
    this.#request = request;
    this.#tools = tools;
  }

  get #feeMsat(): number {
    return this.#parts.reduce((sum, part) => sum + part.path.feeMsat, 0);
  }
  get #amountMsat(): number {
    return this.#parts.reduce((sum, part) => sum + part.amountMsat, 0);
  }

  /** The largest part that finds a way, then the largest of the rest, and so on. */
  halve(): readonly PlannedPart[] | null {
    return this.#finish(this.#fill(this.#request.amountMsat));
  }

  /** Gives a flow's paths their exact amounts, mends what fees made too large, and looks for a cheaper way for each part. */
  settle(paths: readonly FlowPath[], quantumMsat: number, model: CostModel): readonly PlannedPart[] | null {
    let remaining = this.#request.amountMsat;
    for (const { edges, quanta } of paths) {
      if (this.#parts.length >= this.#request.maxParts || remaining <= 0) break;
      const amountMsat = mostOver(this.#tools.problem, edges, Math.min(remaining, quanta * quantumMsat), this.#tools.model);
      if (amountMsat > 0 && this.#take(edges, amountMsat)) remaining -= amountMsat;
    }
    if (remaining > 0) remaining = this.#grow(remaining);
    const isWhole = remaining <= 0 || this.#fill(remaining);
    if (isWhole) this.#polish(model);
    return this.#finish(isWhole && this.#feeMsat <= this.#request.maxFeeMsat);
  }

  #finish(succeeded: boolean): readonly PlannedPart[] | null {
    for (const part of this.#parts) this.#book(part, -1);
    return succeeded && this.#amountMsat === this.#request.amountMsat ? this.#parts : null;
  }

  #book(part: PlannedPart, sign: 1 | -1): void {
    part.path.edges.forEach((edge, i) => {
      this.#tools.builder.adjust(edge).usedMsat += sign * (part.path.amountsMsat[i] as number);
    });
  }

  #add(part: PlannedPart): void {
    this.#parts.push(part);
    this.#book(part, 1);
  }

  #take(edges: readonly number[], amountMsat: number): boolean {
    const path = evaluate(this.#tools.problem, edges, amountMsat, this.#tools.model);
    if (path === null || path.cltvDelta > this.#request.maxCltvDelta || !this.#fits(path)) return false;
    this.#add({ amountMsat, path });
    return true;
  }

  #fits(path: Path): boolean {
    const { hops, bytes } = onionOf(this.#tools.problem, path, this.#request.onion);
    return hops <= this.#request.maxHops && bytes <= this.#request.onion.bytes;
  }

  /** Puts what is left on the parts that have room. Returns what none took. */
  #grow(remaining: number): number {
    let left = remaining;
    for (const part of [...this.#parts]) {
      if (left <= 0) break;
      this.#remove(part);
      const amountMsat = mostOver(this.#tools.problem, part.path.edges, part.amountMsat + left, this.#tools.model);
      if (amountMsat > part.amountMsat && this.#take(part.path.edges, amountMsat)) left -= amountMsat - part.amountMsat;
      else this.#add(part);
    }
    return left;
  }

  #remove(part: PlannedPart): void {
    this.#parts = this.#parts.filter((other) => other !== part);
    this.#book(part, -1);
  }

  /** Adds parts for `wanted`, the largest that fits first. */
  #fill(wanted: number): boolean {
    let remaining = wanted;
    while (remaining > 0) {
      const partsLeft = this.#request.maxParts - this.#parts.length;
      if (partsLeft <= 0) return false;
      const part = this.#largest(remaining, partsLeft);
      if (part === null) return false;
      this.#add(part);
      remaining -= part.amountMsat;
    }
    return true;
  }

  #largest(remaining: number, partsLeft: number): PlannedPart | null {
    const maxFeeMsat = this.#request.maxFeeMsat - this.#feeMsat;
    for (const amountMsat of this.#candidates(remaining, partsLeft)) {
      const path = bestPath(this.#tools.problem, { ...this.#request, amountMsat, maxFeeMsat }, this.#tools);
      if (path !== null) return { amountMsat, path };
    }
    return null;
  }

  /** Amounts worth a try: the whole, what a channel of ours can send, halves; none so small that the parts left would not suffice. */
  #candidates(remaining: number, partsLeft: number): readonly number[] {
    const { problem } = this.#tools;
    const least = Math.ceil(remaining / partsLeft);
    const all = new Set([remaining, least]);
    for (let half = Math.ceil(remaining / 2); half > least; half = Math.ceil(half / 2)) all.add(half);
    problem.extras.forEach((extra, i) => {
      if (extra.from !== problem.source) return;
      const { room } = limitsOf(problem, 2 * problem.graph.channels + i);
      // With and without room for a fee of 1 %: a part that fills the channel to the brim cannot pay its way.
      for (const amount of [room, Math.floor(0.99 * room) - 1000]) if (amount >= least && amount < remaining) all.add(amount);
    });
    return [...all].sort((a, b) => b - a);
  }

  /** A flow counts in quanta and guesses at base fees: with the others in place, each part may have a cheaper way. */
  #polish(model: CostModel): void {
    const tools = { searcher: this.#tools.searcher, model };
    for (const part of [...this.#parts]) {
      this.#remove(part);
      const now = evaluate(this.#tools.problem, part.path.edges, part.amountMsat, model);
      const maxFeeMsat = this.#request.maxFeeMsat - this.#feeMsat;
      const found = this.#tools.searcher.find(
        this.#tools.problem,
        { ...this.#request, amountMsat: part.amountMsat, maxFeeMsat },
        tools.model,
      );
      const keep =
        now !== null && (found === null || now.feeMsat <= maxFeeMsat) && (found === null || now.cost <= found.cost) ? now : found;
      this.#add({ amountMsat: part.amountMsat, path: keep ?? part.path });
    }
    this.#merge(model);
  }

  /** Two parts over one path are one. */
  #merge(model: CostModel): void {
    const byPath = new Map<string, PlannedPart>();
    for (const part of [...this.#parts]) {
      const key = part.path.edges.join();
      const same = byPath.get(key);
      byPath.set(key, part);
      if (same === undefined) continue;
      this.#remove(part);
      this.#remove(same);
      const amountMsat = part.amountMsat + same.amountMsat;
      const path = evaluate(this.#tools.problem, part.path.edges, amountMsat, model);
      if (path === null || !this.#fits(path)) {
        this.#add(same);
        this.#add(part);
      } else {
        const merged = { amountMsat, path };
        this.#add(merged);
        byPath.set(key, merged);
      }
    }
  }
}
