import { equal, toHex } from '../../base/bytes.ts';
import { PRIORS, surprise } from '../../bolt/route/cost.ts';
import { FlowSearcher } from '../../bolt/route/flow.ts';
import { explainRoutes, planRoutes } from '../../bolt/route/plan.ts';
import { type Route, tailIndex } from '../../bolt/route/query.ts';
import type { Recorded } from '../../bolt/route/replay.ts';
import { Searcher } from '../../bolt/route/search.ts';
import { AppError, errorJson } from '../error.ts';
import { blindedPathSchema } from '../forms/blinded-path.ts';
import { hopFields, hopsJson } from '../forms/route-hops.ts';
import { jsonInteger } from '../json.ts';
import { amount, choice, count, decimal, errorSchema, flag, hex, list, nullable, object, record, type TypeOf, text } from '../schema.ts';

export const routeParams = object(
  { destination: text(), explain: flag() },
  {
    amount_msat: amount(),
    from: hex(33),
    max_fee_msat: amount(),
    parts: count(),
    final_cltv: count(),
    prior: choice(PRIORS),
    blinded_paths: list(blindedPathSchema, { description: 'paths that the destination gave; nothing else leads to it then' }),
    export: text({ description: 'a file: the question with all that its answer depends on' }),
  },
);
export type RouteParams = TypeOf<typeof routeParams>;

const hopJson = object(hopFields, {
  blinded_path: count({ description: 'this hop stands for all of the blinded path with this number, counted from 0' }),
});

const relaxationSchema = object(
  { kind: choice(['max_fee', 'max_cltv', 'onion', 'max_parts', 'exclusions', 'amount']) },
  { fee_msat: amount(), blocks: count(), hops: count(), bytes: count(), parts: count(), amount_msat: amount() },
);

const explanationSchema = object({
  reach: count({ description: 'nodes from which one part of the whole amount could reach the destination' }),
  reaches_us: flag(),
  closed: record(count(), { description: 'edges into that region, by the rule that closes them' }),
  destination: list(choice(['no_multipart', 'no_keysend']), { description: 'what the destination’s announcement forbids' }),
  relaxation: nullable(relaxationSchema),
});

export const routeSchema = object(
  {
    destination: hex(33),
    from: nullable(hex(33)),
    amount_msat: amount(),
    max_fee_msat: amount(),
    fee_msat: amount(),
    probability: decimal({ description: 'that every part can be carried' }),
    routes: list(object({ amount_msat: amount(), fee_msat: amount(), cltv_delta: count(), probability: decimal(), hops: list(hopJson) })),
    graph: object({ nodes: count(), channels: count() }),
  },
  { explanation: explanationSchema, error: errorSchema },
);
export type RouteJson = TypeOf<typeof routeSchema>;

/** The answer: nothing in it depends on anything but the recorded question. */
export function answer(recorded: Recorded, part: { readonly explain: boolean }): RouteJson {
  const { query, self, model, strategy, now, graph, knowledge } = recorded;
  const options = {
    graph,
    self,
    model,
    strategy,
    searcher: new Searcher(),
    flows: new FlowSearcher(),
    knowledge: { learned: knowledge, now },
  };
  if (equal(query.destination, self)) throw new AppError({ code: 'USAGE', message: 'the route would end where it begins' });
  const planned = planRoutes(query, options);
  const routes = planned.ok ? planned.value.map((route) => routeJson(route, recorded)) : [];
  return {
    destination: toHex(query.destination),
    from: self[0] === 0 ? null : toHex(self),
    amount_msat: jsonInteger(query.amountMsat),
    max_fee_msat: jsonInteger(query.maxFeeMsat),
    fee_msat: routes.reduce((sum, route) => sum + Number(route.fee_msat), 0),
    probability: routes.length === 0 ? 0 : rounded(routes.reduce((product, route) => product * route.probability, 1)),
    routes,
    graph: { nodes: graph.nodes, channels: graph.liveChannels },
    ...(part.explain ? { explanation: explanationJson(explainRoutes(query, options)) } : {}),
    // Payments call it --max-parts.
    ...(planned.ok ? {} : { error: errorJson({ ...planned.failure, hint: planned.failure.hint.replace('--max-parts', '--parts') }) }),
  };
}

const rounded = (share: number): number => Number(share.toPrecision(6));

function routeJson({ hops }: Route, recorded: Recorded): RouteJson['routes'][number] {
  const last = hops.at(-1) as Route['hops'][number];
  let nats = 0;
  for (const hop of hops.slice(1)) nats += surpriseOf(recorded, hop);
  return {
    amount_msat: jsonInteger(last.amountMsat),
    fee_msat: jsonInteger(hops[0].amountMsat - last.amountMsat),
    cltv_delta: hops[0].cltvExpiry - last.cltvExpiry,
    probability: rounded(Math.exp(-nats)),
    hops: hopsJson({ hops }).map((hop, i) => {
      const blinded_path = tailIndex((hops[i] as Route['hops'][number]).scid);
      return blinded_path === null ? hop : { ...hop, blinded_path };
    }),
  };
}

/** -ln of the chance that a hop can be carried; a hint's hop, of which nothing is known, counts as certain. */
function surpriseOf({ graph, knowledge, model, now }: Recorded, hop: Route['hops'][number]): number {
  const channel = graph.findChannel(hop.scid);
  const edge = channel === -1 ? -1 : graph.edgeTo(channel, graph.findNode(hop.nodeId));
  if (edge === -1) return 0;
  const capacity = graph.edgeCapacityMsat(edge);
  const known = knowledge.bounds(hop.scid, edge & 1, capacity, now);
  const high = Math.min(capacity, (known?.failsFromMsat ?? Number.POSITIVE_INFINITY) - 1);
  return surprise(model, { capacity, low: Math.min(known?.lowMsat ?? 0, high), high }, Number(hop.amountMsat));
}

function explanationJson({
  reach,
  reachesUs,
  closed,
  destination,
  relaxation,
}: ReturnType<typeof explainRoutes>): NonNullable<RouteJson['explanation']> {
  const relaxed =
    relaxation === null
      ? null
      : {
          kind: relaxation.kind,
          ...(relaxation.kind === 'max_fee' ? { fee_msat: relaxation.feeMsat } : {}),
          ...(relaxation.kind === 'max_cltv' ? { blocks: relaxation.blocks } : {}),
          ...(relaxation.kind === 'onion' ? { hops: relaxation.hops, bytes: relaxation.bytes } : {}),
          ...(relaxation.kind === 'max_parts' ? { parts: relaxation.parts } : {}),
          ...(relaxation.kind === 'amount' ? { amount_msat: relaxation.amountMsat } : {}),
        };
  return { reach, reaches_us: reachesUs, closed: closed as { readonly [rule: string]: number }, destination, relaxation: relaxed };
}
