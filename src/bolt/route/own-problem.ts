import type { NodeId } from '../../base/ids.ts';
import { unassignedRequired } from '../wire/features.ts';
import { type Graph, lacks, NODE_BLINDS } from './graph.ts';
import { type ExtraEdge, type Problem, ProblemBuilder } from './problem.ts';
import { type BlindedTail, type FirstHop, type RouteQuery, tailIndex, tailScid } from './query.ts';

/**
 * The search problem of a query from our own node. The source is a node of its own, which only the first hops leave: our node in the graph,
 * whose channels the graph knows without their balances, is blocked. Behind blinded paths the destination is a node of its own too: what the
 * graph knows of a node with the same id is not how it wants to be paid.
 */
export function ownProblem(graph: Graph, query: RouteQuery, self: NodeId): { readonly problem: Problem; readonly builder: ProblemBuilder } {
  const builder = new ProblemBuilder(graph);
  const target = query.tails.length > 0 ? builder.anonymous(query.destination) : builder.node(query.destination);
  const source = builder.anonymous(self);
  const inGraph = builder.find(self);
  if (inGraph !== -1) builder.blockedNodes.add(inGraph);
  for (const hop of query.firstHops) builder.addEdge(firstHop(builder, source, hop));
  if (query.tails.length > 0) query.tails.forEach((tail, i) => void builder.addEdge(blindedTail(builder, target, tail, i)));
  else addHints(builder, query, target);
  applyKnowledge(builder, query, target);
  return { problem: builder.build(source, target), builder };
}

function firstHop(builder: ProblemBuilder, source: number, hop: FirstHop): ExtraEdge {
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
    tail: null,
    closed: null,
  };
}

function addHints(builder: ProblemBuilder, query: RouteQuery, target: number): void {
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
        tail: null,
        closed: null,
      });
    });
  }
}

function blindedTail(builder: ProblemBuilder, target: number, tail: BlindedTail, index: number): ExtraEdge {
  const from = builder.node(tail.nodeId);
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta, hops, onionBytes } = tail;
  return {
    from,
    to: target,
    scid: tailScid(index),
    channelId: null,
    feeBaseMsat,
    feeProportionalMillionths,
    cltvExpiryDelta,
    htlcMinimumMsat: Number(tail.htlcMinimumMsat),
    htlcMaximumMsat: Number(tail.htlcMaximumMsat),
    sendableMsat: null,
    tail: { hops, onionBytes },
    closed: closedBy(builder.graph, from, tail),
  };
}

function closedBy(graph: Graph, from: number, tail: BlindedTail): ExtraEdge['closed'] {
  // BOLT 12: "MUST NOT use the corresponding invoice_paths.path if payinfo.features has any unknown even bits set."
  if (unassignedRequired(tail.features).length > 0) return 'unknown_features';
  // A recipient that is its own introduction point says by the path itself that it knows them.
  return tail.hops > 0 && lacks(graph, from, NODE_BLINDS) ? 'no_route_blinding' : null;
}

function applyKnowledge(builder: ProblemBuilder, query: RouteQuery, target: number): void {
  for (const lesson of query.lessons) {
    for (const edge of builder.edgesNamed(lesson.scid, tailIndex(lesson.scid) === null ? lesson.to : null)) {
      const adjustment = builder.adjust(edge);
      if (lesson.failsFromMsat !== null) adjustment.failsFromMsat = Math.min(adjustment.failsFromMsat, Number(lesson.failsFromMsat));
      if (lesson.policy !== null) adjustment.policy = lesson.policy;
    }
  }
  for (const part of query.inFlight) {
    // How much a blinded path carries in all is not told: its limits are those of a part.
    if (tailIndex(part.scid) !== null) continue;
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
