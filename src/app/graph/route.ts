import { readFileSync, writeFileSync } from 'node:fs';
import { type Bytes, equal, fromHex, toHex } from '../../base/bytes.ts';
import { type ChannelId, formatScid, type NodeId } from '../../base/ids.ts';
import { type Height, height, type Msat, msat } from '../../base/units.ts';
import { decodeInvoice } from '../../bolt/invoice/decode.ts';
import { minFinalCltvExpiryDeltaOf } from '../../bolt/invoice/invoice.ts';
import { DEFAULT_COSTS, type Prior, surprise } from '../../bolt/route/cost.ts';
import type { ExactRoute } from '../../bolt/route/exact.ts';
import { FlowSearcher } from '../../bolt/route/flow.ts';
import { EDGE_KNOWN, type Graph } from '../../bolt/route/graph.ts';
import { explainRoutes, planRoutes } from '../../bolt/route/plan.ts';
import type { Query, QueryFirstHop, QueryHint } from '../../bolt/route/query.ts';
import { decodeRecorded, encodeRecorded, type Recorded } from '../../bolt/route/replay.ts';
import { Searcher } from '../../bolt/route/search.ts';
import { AppError, errorJson } from '../error.ts';
import { maxFee } from '../forms/fee-limit.ts';
import { jsonInteger } from '../json.ts';
import {
  amount,
  choice,
  count,
  decimal,
  errorSchema,
  flag,
  hex,
  list,
  nullable,
  object,
  record,
  scid,
  type TypeOf,
  text,
} from '../schema.ts';
import type { OwnChannels } from './own.ts';
import type { GraphSource } from './source.ts';

export const routeParams = object(
  { destination: text(), explain: flag() },
  {
    amount_msat: amount(),
    from: hex(33),
    max_fee_msat: amount(),
    parts: count(),
    final_cltv: count(),
    prior: choice(['apriori', 'bimodal']),
    export: text({ description: 'a file: the question with all that its answer depends on' }),
  },
);
export type RouteParams = TypeOf<typeof routeParams>;

export const hopJson = object({
  node_id: hex(33),
  short_channel_id: scid(),
  amount_msat: amount(),
  fee_msat: amount(),
  cltv_expiry: count(),
});

const relaxationSchema = object(
  { kind: choice(['max_fee', 'max_cltv', 'max_parts', 'exclusions', 'amount']) },
  { fee_msat: amount(), blocks: count(), parts: count(), amount_msat: amount() },
);

const explanationSchema = object({
  reach: count({ description: 'nodes from which one part of the whole amount could reach the destination' }),
  reaches_us: flag(),
  closed: record(count(), { description: 'edges into that region, by the rule that closes them' }),
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

/** BOLT 11's default, where the destination is only a node. */
const FINAL_CLTV = 18;
/** BOLT 4, expiry_too_far. */
const MAX_CLTV_BLOCKS = 2016;

/** The question of `lnkit route` in the form that can be asked again. Throws USAGE, NOT_FOUND or what the invoice's reader says. */
export function recordedOf(params: RouteParams, source: GraphSource, own: OwnChannels | null): Recorded {
  const { graph, knowledge } = source;
  const wanted = destinationOf(params);
  const from = params.from === undefined ? null : fromNode(graph, fromHex(params.from) as NodeId);
  const start = from ?? own;
  if (start === null)
    throw new AppError({
      code: 'USAGE',
      message: 'there is no wallet here, so it is not clear where from',
      hint: 'name a node with --from NODE_ID',
    });
  const tip = own?.height ?? tipOf(graph);
  const final = height(tip + (params.final_cltv ?? wanted.finalCltv));
  const query: Query = {
    destination: wanted.destination,
    amountMsat: wanted.amountMsat,
    maxFeeMsat: maxFee(params, wanted.amountMsat),
    maxParts: Math.max(1, params.parts ?? 1),
    finalCltvExpiry: final,
    maxCltvExpiry: height(tip + MAX_CLTV_BLOCKS),
    hints: wanted.hints,
    firstHops: start.firstHops,
    ...{ lessons: [], inFlight: [], excludedNodes: [], excludedChannels: [] },
  };
  const model = { ...DEFAULT_COSTS, prior: (params.prior ?? DEFAULT_COSTS.prior) as Prior };
  const recorded = { query, self: start.self, model, strategy: 'flow', now: Math.floor(Date.now() / 1000), graph, knowledge } as const;
  if (params.export !== undefined) writeFileSync(params.export, encodeRecorded(recorded), { mode: 0o600 });
  return recorded;
}

/** Reads what `--export` wrote. Throws NOT_FOUND or MALFORMED. */
export function replayed(path: string): Recorded {
  let file: Bytes;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw new AppError({ code: 'NOT_FOUND', message: `${path} cannot be read: ${(error as Error).message}` });
  }
  const recorded = decodeRecorded(file);
  if (!recorded.ok)
    throw new AppError({ code: 'MALFORMED', message: `${path}: ${recorded.failure}`, hint: '`lnkit route --export` writes such files' });
  return recorded.value;
}

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

function routeJson({ hops }: ExactRoute, recorded: Recorded): RouteJson['routes'][number] {
  const last = hops.at(-1) as ExactRoute['hops'][number];
  let nats = 0;
  for (const hop of hops.slice(1)) nats += surpriseOf(recorded, hop);
  return {
    amount_msat: jsonInteger(last.amountMsat),
    fee_msat: jsonInteger(hops[0].amountMsat - last.amountMsat),
    cltv_delta: hops[0].cltvExpiry - last.cltvExpiry,
    probability: rounded(Math.exp(-nats)),
    hops: hops.map((hop, i) => ({
      node_id: toHex(hop.nodeId),
      short_channel_id: formatScid(hop.scid),
      amount_msat: jsonInteger(hop.amountMsat),
      fee_msat: jsonInteger(hop.amountMsat - (hops[i + 1]?.amountMsat ?? hop.amountMsat)),
      cltv_expiry: hop.cltvExpiry,
    })),
  };
}

/** -ln of the chance that a hop can be carried; a hint's hop, of which nothing is known, counts as certain. */
function surpriseOf({ graph, knowledge, model, now }: Recorded, hop: ExactRoute['hops'][number]): number {
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
  relaxation,
}: ReturnType<typeof explainRoutes>): NonNullable<RouteJson['explanation']> {
  const relaxed =
    relaxation === null
      ? null
      : {
          kind: relaxation.kind,
          ...(relaxation.kind === 'max_fee' ? { fee_msat: relaxation.feeMsat } : {}),
          ...(relaxation.kind === 'max_cltv' ? { blocks: relaxation.blocks } : {}),
          ...(relaxation.kind === 'max_parts' ? { parts: relaxation.parts } : {}),
          ...(relaxation.kind === 'amount' ? { amount_msat: relaxation.amountMsat } : {}),
        };
  return { reach, reaches_us: reachesUs, closed: closed as { readonly [rule: string]: number }, relaxation: relaxed };
}

interface Wanted {
  readonly destination: NodeId;
  readonly amountMsat: Msat;
  readonly finalCltv: number;
  readonly hints: readonly (readonly QueryHint[])[];
}

function destinationOf(params: RouteParams): Wanted {
  const given = params.destination.trim().replace(/^lightning:(\/\/)?/i, '');
  const asked = params.amount_msat === undefined ? null : msat(params.amount_msat);
  if (/^0[23][0-9a-fA-F]{64}$/.test(given)) {
    if (asked === null || asked === 0n)
      throw new AppError({ code: 'USAGE', message: 'a route needs an amount', hint: 'give it behind the node id, such as 1000sat' });
    return { destination: fromHex(given.toLowerCase()) as NodeId, amountMsat: asked, finalCltv: FINAL_CLTV, hints: [] };
  }
  const invoice = decodeInvoice(given);
  if (!invoice.ok)
    throw new AppError({ code: invoice.failure.code, message: invoice.failure.message, hint: 'give a node id or a BOLT 11 invoice' });
  const { payee, amount: due, routes } = invoice.value;
  const amountMsat = due ?? asked;
  if (amountMsat === null)
    throw new AppError({ code: 'USAGE', message: 'the invoice leaves the amount to you', hint: 'give it behind the invoice' });
  if (due !== null && asked !== null && due !== asked)
    throw new AppError({ code: 'USAGE', message: 'the invoice asks for another amount' });
  const hints = routes.map((route) => route.map(({ shortChannelId, ...hop }) => ({ ...hop, scid: shortChannelId })));
  return { destination: payee, amountMsat, finalCltv: minFinalCltvExpiryDeltaOf(invoice.value), hints };
}

/** Another node's channels as first hops: what each can carry at most, because only that node knows its balances. */
function fromNode(graph: Graph, self: NodeId): { readonly self: NodeId; readonly firstHops: readonly QueryFirstHop[] } {
  const node = graph.findNode(self);
  if (node === -1)
    throw new AppError({
      code: 'NOT_FOUND',
      message: `the graph does not know ${toHex(self)}`,
      hint: 'sync the graph with `lnkit gossip sync`',
    });
  const { inStart, inEdges } = graph.adjacency();
  const firstHops: QueryFirstHop[] = [];
  for (let i = inStart[node] as number; i < (inStart[node + 1] as number); i++) {
    const edge = (inEdges[i] as number) ^ 1;
    if (graph.edgeFlags[edge] !== EDGE_KNOWN) continue;
    firstHops.push({
      channelId: new Uint8Array(32) as ChannelId,
      scid: graph.scidOf(edge >> 1),
      peer: graph.nodeIdOf(graph.targetOf(edge)),
      sendableMsat: msat(BigInt(Math.min(graph.htlcMaximumMsat[edge] as number, graph.edgeCapacityMsat(edge)))),
      htlcMinimumMsat: msat(BigInt(graph.htlcMinimumMsat[edge] as number)),
    });
  }
  return { self, firstHops };
}

/** Without a chain: no channel can be younger than the newest. */
function tipOf(graph: Graph): Height {
  let newest = 0;
  for (let channel = 0; channel < graph.channels; channel++) newest = Math.max(newest, (graph.scidHi[channel] as number) >>> 8);
  return height(newest);
}
