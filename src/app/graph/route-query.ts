// The question of `lnkit route`: from its words, and from a file.
import { readFileSync, writeFileSync } from 'node:fs';
import { type Bytes, fromHex, toHex } from '../../base/bytes.ts';
import type { ChannelId, NodeId } from '../../base/ids.ts';
import { type Height, height, type Msat, msat } from '../../base/units.ts';
import { decodeInvoice } from '../../bolt/invoice/decode.ts';
import { minFinalCltvExpiryDeltaOf } from '../../bolt/invoice/invoice.ts';
import { DEFAULT_COSTS } from '../../bolt/route/cost.ts';
import { EDGE_KNOWN, type Graph } from '../../bolt/route/graph.ts';
import { USUAL_FINAL_BYTES } from '../../bolt/route/onion-room.ts';
import type { FirstHop, HintHop, PaymentKind, RouteQuery } from '../../bolt/route/query.ts';
import { decodeRecorded, encodeRecorded, type Recorded } from '../../bolt/route/replay.ts';
import { supports } from '../../bolt/wire/features.ts';
import { finalBytes } from '../../node/payloads.ts';
import { AppError } from '../error.ts';
import { tailOf } from '../forms/blinded-path.ts';
import { maxFee } from '../forms/fee-limit.ts';
import type { OwnChannels } from './own.ts';
import type { RouteParams } from './route.ts';
import type { GraphSource } from './source.ts';

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
  const maxCltvExpiry = height(tip + MAX_CLTV_BLOCKS);
  const query: RouteQuery = {
    destination: wanted.destination,
    amountMsat: wanted.amountMsat,
    maxFeeMsat: maxFee(params, wanted.amountMsat),
    maxParts: wanted.multipart ? Math.max(1, params.parts ?? 1) : 1,
    kind: wanted.kind,
    finalCltvExpiry: final,
    maxCltvExpiry,
    hints: wanted.hints,
    tails: (params.blinded_paths ?? []).map(tailOf),
    finalBytes: wanted.finalBytes(maxCltvExpiry),
    firstHops: start.firstHops,
    ...{ lessons: [], inFlight: [], excludedNodes: [], excludedChannels: [] },
  };
  const model = { ...DEFAULT_COSTS, prior: params.prior ?? DEFAULT_COSTS.prior };
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

interface Wanted {
  readonly destination: NodeId;
  readonly amountMsat: Msat;
  readonly finalCltv: number;
  readonly hints: readonly (readonly HintHop[])[];
  readonly kind: PaymentKind;
  readonly multipart: boolean;
  finalBytes(maxCltvExpiry: Height): number;
}

function destinationOf(params: RouteParams): Wanted {
  const given = params.destination.trim().replace(/^lightning:(\/\/)?/i, '');
  const asked = params.amount_msat === undefined ? null : msat(params.amount_msat);
  if (/^0[23][0-9a-fA-F]{64}$/.test(given)) {
    if (asked === null || asked === 0n)
      throw new AppError({ code: 'USAGE', message: 'a route needs an amount', hint: 'give it behind the node id, such as 1000sat' });
    return {
      destination: fromHex(given.toLowerCase()) as NodeId,
      amountMsat: asked,
      finalCltv: FINAL_CLTV,
      hints: [],
      kind: 'node',
      multipart: true,
      finalBytes: () => USUAL_FINAL_BYTES,
    };
  }
  const invoice = decodeInvoice(given);
  if (!invoice.ok)
    throw new AppError({ code: invoice.failure.code, message: invoice.failure.message, hint: 'give a node id or a BOLT 11 invoice' });
  const { payee, amount: due, routes, paymentSecret, paymentMetadata, features } = invoice.value;
  const amountMsat = due ?? asked;
  if (amountMsat === null)
    throw new AppError({ code: 'USAGE', message: 'the invoice leaves the amount to you', hint: 'give it behind the invoice' });
  if (due !== null && asked !== null && due !== asked)
    throw new AppError({ code: 'USAGE', message: 'the invoice asks for another amount' });
  const hints = routes.map((route) => route.map(({ shortChannelId, ...hop }) => ({ ...hop, scid: shortChannelId })));
  const content = { totalMsat: amountMsat, paymentSecret, paymentMetadata, keysendPreimage: null };
  return {
    destination: payee,
    amountMsat,
    finalCltv: minFinalCltvExpiryDeltaOf(invoice.value),
    hints,
    kind: 'invoice',
    multipart: supports(features, 'basic_mpp'),
    finalBytes: (maxCltvExpiry) => finalBytes(content, maxCltvExpiry),
  };
}

/** Another node's channels as first hops: what each can carry at most, because only that node knows its balances. */
function fromNode(graph: Graph, self: NodeId): { readonly self: NodeId; readonly firstHops: readonly FirstHop[] } {
  const node = graph.findNode(self);
  if (node === -1)
    throw new AppError({
      code: 'NOT_FOUND',
      message: `the graph does not know ${toHex(self)}`,
      hint: 'sync the graph with `lnkit gossip sync`',
    });
  const { inStart, inEdges } = graph.adjacency();
  const firstHops: FirstHop[] = [];
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
