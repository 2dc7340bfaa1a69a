// The way between two budgets. A search keeps one label a node: where fees and expiries both are tight, the cheapest way to a node may break one
// budget further on, and the quickest the other, while a third holds both. Here a node keeps every label that no other is better than in all
// respects (Martins, "On a multicriteria shortest path problem", 1984), so that no such way is overlooked.

import type { CostModel } from './cost.ts';
import { evaluate, limitsOf } from './evaluate.ts';
import { policyOf } from './exact.ts';
import { EDGE_KNOWN, NODE_UNROUTABLE } from './graph.ts';
import { NodeHeap } from './heap.ts';
import { forwardBytes } from './onion-room.ts';
import { edgesInto, extraOf, isExtra, type Problem, sourceOf } from './problem.ts';
import type { Path, SearchLimits } from './search.ts';

interface Label {
  readonly node: number;
  readonly amount: number;
  readonly cltv: number;
  readonly hops: number;
  readonly bytes: number;
  /** The edge by which the way goes on towards the target, and the label at its end. */
  readonly edge: number;
  readonly next: Label | null;
}

/** A network in which so many are not enough is given up: some tenths of a second. */
const MOST_LABELS = 20_000;

/** A path that holds every limit, the one that leaves most of its budgets first; null where there is none, or none was found in time. */
export function pathBetweenBudgets(problem: Problem, limits: SearchLimits, model: CostModel): Path | null {
  const { graph, source, target, blockedNodes } = problem;
  const heap = new NodeHeap();
  heap.reset(MOST_LABELS + 1);
  const labels: Label[] = [];
  const at = new Map<number, Label[]>();
  const share = (part: number, whole: number): number => part / Math.max(1, whole);
  const offer = (label: Label): void => {
    const { amount, cltv, hops, bytes } = label;
    const fee = amount - limits.amountMsat;
    if (fee > limits.maxFeeMsat || cltv > limits.maxCltvDelta || hops > limits.maxHops || bytes > limits.onion.bytes) return;
    const others = at.get(label.node) ?? [];
    if (others.some((other) => other.amount <= amount && other.cltv <= cltv && other.hops <= hops && other.bytes <= bytes)) return;
    if (labels.length >= MOST_LABELS) return;
    at.set(label.node, [...others, label]);
    const used = [share(fee, limits.maxFeeMsat), share(cltv, limits.maxCltvDelta), share(bytes, limits.onion.bytes)];
    heap.push(
      labels.push(label) - 1,
      used.reduce((sum, one) => sum + one, 1e-6 * hops),
    );
  };
  offer({ node: target, amount: limits.amountMsat, cltv: 0, hops: 0, bytes: limits.onion.finalBytes, edge: -1, next: null });
  while (heap.size > 0) {
    const label = labels[heap.pop()] as Label;
    const { node } = label;
    if (node === source) return evaluate(problem, edgesOf(label), limits.amountMsat, model);
    if (node !== target && node < graph.nodes && ((graph.nodeFlags[node] as number) & NODE_UNROUTABLE) !== 0) continue;
    for (const edge of edgesInto(problem, node)) {
      const near = sourceOf(problem, edge);
      if (blockedNodes.has(near) || (!isExtra(problem, edge) && graph.edgeFlags[edge] !== EDGE_KNOWN)) continue;
      const { minimum, maximum, room } = limitsOf(problem, edge);
      if (label.amount < minimum || label.amount > maximum || label.amount > room) continue;
      offer(behind(problem, limits, label, edge, near));
    }
  }
  return null;
}

function behind(problem: Problem, limits: SearchLimits, label: Label, edge: number, near: number): Label {
  const { amount, cltv } = label;
  const tail = isExtra(problem, edge) ? extraOf(problem, edge).tail : null;
  const hops = tail === null ? label.hops + 1 : tail.hops;
  const step = { node: near, hops, edge, next: label };
  if (near === problem.source) return { ...step, amount, cltv, bytes: label.bytes };
  const policy = policyOf(problem, edge);
  const fee = policy.feeBaseMsat + Math.floor((amount * policy.feeProportionalMillionths) / 1_000_000);
  const bytes = tail === null ? label.bytes + forwardBytes(amount, limits.onion) : tail.onionBytes;
  return { ...step, amount: amount + fee, cltv: cltv + policy.cltvExpiryDelta, bytes };
}

function edgesOf(first: Label): readonly number[] {
  const edges: number[] = [];
  for (let label: Label | null = first; label !== null && label.edge !== -1; label = label.next) edges.push(label.edge);
  return edges;
}
