import type { ChannelId, NodeId, ShortChannelId } from '../../base/ids.ts';
import type { Height, Msat } from '../../base/units.ts';
import type { Graph } from './graph.ts';
import { type ExtraEdge, type Problem, ProblemBuilder } from './problem.ts';

export interface PolicyHint {
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
}

/** BOLT 11, route hints: the edge that leaves `nodeId`, towards the next hop's node or the destination. */
export interface QueryHint extends PolicyHint {
  readonly nodeId: NodeId;
  readonly scid: ShortChannelId;
}

export interface QueryFirstHop {
  readonly channelId: ChannelId;
  readonly scid: ShortChannelId;
  readonly peer: NodeId;
  readonly sendableMsat: Msat;
  readonly htlcMinimumMsat: Msat;
}

export interface QueryLesson {
  readonly scid: ShortChannelId;
  readonly to: NodeId;
  readonly failsFromMsat: Msat | null;
  readonly policy: PolicyHint | null;
}

/** A question for routes: the pure form of the node's RouteQuery. Expiries are absolute heights. */
export interface Query {
  readonly destination: NodeId;
  readonly amountMsat: Msat;
  readonly maxFeeMsat: Msat;
  readonly maxParts: number;
  readonly finalCltvExpiry: Height;
  readonly maxCltvExpiry: Height;
  readonly hints: readonly (readonly QueryHint[])[];
  readonly firstHops: readonly QueryFirstHop[];
  readonly lessons: readonly QueryLesson[];
  readonly inFlight: readonly { readonly scid: ShortChannelId; readonly to: NodeId; readonly amountMsat: Msat }[];
  readonly excludedNodes: readonly NodeId[];
  readonly excludedChannels: readonly ShortChannelId[];
}

/** BOLT 4: the 1300 bytes of an onion hold 20 hops of the size that forwarding needs. */
export const MAX_HOPS = 20;

/**
 * The search problem of a query from our own node. The source is a node of its own, which only the first hops leave: our node in the graph,
 * whose channels the graph knows without their balances, is blocked.
 */
export function ownProblem(graph: Graph, query: Query, self: NodeId): { readonly problem: Problem; readonly builder: ProblemBuilder } {
  const builder = new ProblemBuilder(graph);
  const target = builder.node(query.destination);
  const source = builder.anonymous(self);
  const inGraph = builder.find(self);
  if (inGraph !== -1) builder.blockedNodes.add(inGraph);
  for (const hop of query.firstHops) builder.addEdge(firstHop(builder, source, hop));
  addHints(builder, query, target);
  applyKnowledge(builder, query, target);
  return { problem: builder.build(source, target), builder };
}

function firstHop(builder: ProblemBuilder, source: number, hop: QueryFirstHop): ExtraEdge {
  const sendableMsat = Number(hop.sendableMsat);
  return {
    from: source,
    to: builder.node(hop.peer),
    scid: hop.scid,
    channelId: hop.channelId,
    feeBaseMsat: 0,
    feeProportionalMillionths: 0,
    cltvExpiryDelta: 0,
    htlcMinimumMsat: Number(hop.htlcMinimumMsat),
    htlcMaximumMsat: sendableMsat,
    sendableMsat,
  };
}

function addHints(builder: ProblemBuilder, query: Query, target: number): void {
  for (const hint of query.hints) {
    hint.forEach((hop, i) => {
      const next = hint[i + 1];
      const [from, to] = [builder.node(hop.nodeId), next === undefined ? target : builder.node(next.nodeId)];
      if (from === to) return;
      builder.addEdge({
        from,
        to,
        scid: hop.scid,
        channelId: null,
        feeBaseMsat: hop.feeBaseMsat,
        feeProportionalMillionths: hop.feeProportionalMillionths,
        cltvExpiryDelta: hop.cltvExpiryDelta,
        htlcMinimumMsat: 0,
        htlcMaximumMsat: Number.MAX_SAFE_INTEGER,
        sendableMsat: null,
      });
    });
  }
}

function applyKnowledge(builder: ProblemBuilder, query: Query, target: number): void {
  for (const lesson of query.lessons) {
    for (const edge of builder.edgesNamed(lesson.scid, lesson.to)) {
      const adjustment = builder.adjust(edge);
      if (lesson.failsFromMsat !== null) adjustment.failsFromMsat = Math.min(adjustment.failsFromMsat, Number(lesson.failsFromMsat));
      if (lesson.policy !== null) adjustment.policy = lesson.policy;
    }
  }
  for (const part of query.inFlight) {
    for (const edge of builder.edgesNamed(part.scid, part.to)) {
      // What our own channels can send already counts what is in flight there.
      const isOwn = builder.extras[edge - 2 * builder.graph.channels]?.channelId ?? null;
      if (isOwn === null) builder.adjust(edge).usedMsat += Number(part.amountMsat);
    }
  }
  for (const scid of query.excludedChannels) for (const edge of builder.edgesNamed(scid, null)) builder.adjust(edge).excluded = true;
  for (const node of query.excludedNodes) {
    const number = builder.find(node);
    if (number !== -1 && number !== target) builder.blockedNodes.add(number);
  }
}
