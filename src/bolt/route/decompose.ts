import type { Flow } from './flow.ts';
import { type Problem, sourceOf, targetOf } from './problem.ts';

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
