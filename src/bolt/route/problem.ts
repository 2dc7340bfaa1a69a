import { type Bytes, toHex } from '../../base/bytes.ts';
import type { ChannelId, NodeId, ShortChannelId } from '../../base/ids.ts';
import { CHANNEL_GONE, type Graph } from './graph.ts';

/** An edge that the graph does not have: an own channel, a hop of an invoice's hints, or a blinded path. Amounts in msat. */
export interface ExtraEdge {
  readonly from: number;
  readonly to: number;
  readonly scid: ShortChannelId;
  /** Own channels only. */
  readonly channelId: ChannelId | null;
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
  readonly htlcMinimumMsat: number;
  readonly htlcMaximumMsat: number;
  /** What it can carry for certain; null where nothing is known of its balance, which then costs nothing. */
  readonly sendableMsat: number | null;
  /** Of a blinded path: nodes behind its introduction point, and what its payloads take in the onion. */
  readonly tail: { readonly hops: number; readonly onionBytes: number } | null;
  /** Why it must not be used. */
  readonly closed: 'unknown_features' | 'no_route_blinding' | null;
}

/** What is known of an edge beyond the graph. Amounts in msat. */
export interface Adjustment {
  excluded: boolean;
  /** Occupied by parts in flight or planned. */
  usedMsat: number;
  /** Liquidity is at least `lowMsat` and below `failsFromMsat`. */
  lowMsat: number;
  failsFromMsat: number;
  policy: { readonly feeBaseMsat: number; readonly feeProportionalMillionths: number; readonly cltvExpiryDelta: number } | null;
}

/** Where from, where to, over which edges. Nodes `graph.nodes` and above, and edges `2 * graph.channels` and above, are the query's own. */
export interface Problem {
  readonly graph: Graph;
  readonly source: number;
  readonly target: number;
  readonly nodeCount: number;
  readonly extras: readonly ExtraEdge[];
  /** Numbers of extra edges by the node that they lead to. */
  readonly extrasInto: ReadonlyMap<number, readonly number[]>;
  readonly adjustments: ReadonlyMap<number, Adjustment>;
  readonly blockedNodes: ReadonlySet<number>;
  idOf(node: number): NodeId;
}

/** Collects the query's own nodes and edges beside the graph. */
export class ProblemBuilder {
  readonly graph: Graph;
  readonly #ids: NodeId[] = [];
  readonly #numbers = new Map<string, number>();
  readonly extras: ExtraEdge[] = [];
  readonly #into = new Map<number, number[]>();
  readonly #bySecondName = new Map<bigint, number[]>();
  readonly adjustments = new Map<number, Adjustment>();
  readonly blockedNodes = new Set<number>();

  constructor(graph: Graph) {
    this.graph = graph;
  }

  /** The number of a node; one that the graph does not know gets a number above the graph's. */
  node(id: NodeId): number {
    const known = this.graph.findNode(id);
    if (known !== -1) return known;
    const text = toHex(id);
    const own = this.#numbers.get(text);
    if (own !== undefined) return own;
    const number = this.anonymous(id);
    this.#numbers.set(text, number);
    return number;
  }

  /** A node that is looked up by nobody: ourselves as the source, apart from our node in the graph. */
  anonymous(id: NodeId): number {
    return this.graph.nodes + this.#ids.push(id) - 1;
  }

  find(id: Bytes): number {
    const known = this.graph.findNode(id);
    return known !== -1 ? known : (this.#numbers.get(toHex(id)) ?? -1);
  }

  addEdge(edge: ExtraEdge): number {
    const number = 2 * this.graph.channels + this.extras.push(edge) - 1;
    push(this.#into, edge.to, number);
    push(this.#bySecondName, edge.scid, number);
    return number;
  }

  adjust(edge: number): Adjustment {
    let found = this.adjustments.get(edge);
    if (found === undefined) {
      found = { excluded: false, usedMsat: 0, lowMsat: 0, failsFromMsat: Number.POSITIVE_INFINITY, policy: null };
      this.adjustments.set(edge, found);
    }
    return found;
  }

  /** Every edge with this short channel id that leads to `to`; to either end where `to` is null. */
  edgesNamed(scid: bigint, to: NodeId | null): readonly number[] {
    const target = to === null ? -1 : this.find(to);
    const found = (this.#bySecondName.get(scid) ?? []).filter((edge) => to === null || this.#extra(edge).to === target);
    const channel = this.graph.findChannel(scid);
    if (channel === -1 || ((this.graph.channelFlags[channel] as number) & CHANNEL_GONE) !== 0) return found;
    if (to === null) return [...found, 2 * channel, 2 * channel + 1];
    const edge = this.graph.edgeTo(channel, target);
    return edge === -1 ? found : [...found, edge];
  }

  build(source: number, target: number): Problem {
    const ids = this.#ids;
    const { graph, extras, adjustments, blockedNodes } = this;
    return {
      graph,
      source,
      target,
      nodeCount: graph.nodes + ids.length,
      extras,
      extrasInto: this.#into,
      adjustments,
      blockedNodes,
      idOf: (node) => (node < graph.nodes ? graph.nodeIdOf(node) : (ids[node - graph.nodes] as NodeId)),
    };
  }

  #extra(edge: number): ExtraEdge {
    return this.extras[edge - 2 * this.graph.channels] as ExtraEdge;
  }
}

function push<K>(map: Map<K, number[]>, key: K, value: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

export const isExtra = (problem: Problem, edge: number): boolean => edge >= 2 * problem.graph.channels;
export const extraOf = (problem: Problem, edge: number): ExtraEdge => problem.extras[edge - 2 * problem.graph.channels] as ExtraEdge;
export const sourceOf = (problem: Problem, edge: number): number =>
  isExtra(problem, edge) ? extraOf(problem, edge).from : problem.graph.sourceOf(edge);
export const targetOf = (problem: Problem, edge: number): number =>
  isExtra(problem, edge) ? extraOf(problem, edge).to : problem.graph.targetOf(edge);
export const scidOf = (problem: Problem, edge: number): ShortChannelId =>
  isExtra(problem, edge) ? extraOf(problem, edge).scid : problem.graph.scidOf(edge >> 1);

/** Every edge that leaves a node. */
export function edgesFrom({ graph, extras }: Problem, node: number): readonly number[] {
  const found: number[] = [];
  extras.forEach((extra, i) => {
    if (extra.from === node) found.push(2 * graph.channels + i);
  });
  if (node >= graph.nodes) return found;
  const { inStart, inEdges } = graph.adjacency();
  for (let i = inStart[node] as number, end = inStart[node + 1] as number; i < end; i++) found.push((inEdges[i] as number) ^ 1);
  return found;
}

/** Every edge that leads to a node. */
export function edgesInto({ graph, extrasInto }: Problem, node: number): readonly number[] {
  const found = [...(extrasInto.get(node) ?? [])];
  if (node >= graph.nodes) return found;
  const { inStart, inEdges } = graph.adjacency();
  for (let i = inStart[node] as number, end = inStart[node + 1] as number; i < end; i++) found.push(inEdges[i] as number);
  return found;
}
