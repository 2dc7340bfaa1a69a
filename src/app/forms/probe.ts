import { equal, toHex } from '../../base/bytes.ts';
import { formatScid, type NodeId } from '../../base/ids.ts';
import type { Graph } from '../../bolt/route/graph.ts';
import type { BlindedTail } from '../../bolt/route/query.ts';
import { bounds } from '../../node/probe.ts';
import type { HintHop, Probe, ProbePart } from '../../node/types.ts';
import { type ErrorInfo, errorJson } from '../error.ts';
import { jsonInteger } from '../json.ts';
import type { Schema } from '../operation.ts';
import { amount, choice, count, decimal, errorSchema, flag, hex, list, nullable, object, scid, type TypeOf, text } from '../schema.ts';
import { hopFields, hopsJson } from './route-hops.ts';
import { furthest, type ProbeRun, reasonOf } from './run-probe.ts';

const hopSchema = object({
  ...hopFields,
  latency_ms: nullable(decimal({ description: 'there and back, as far as this node' })),
});

export const trialSchema = object({
  amount_msat: amount(),
  outcome: choice(['arrived', 'no_route', 'gave_up', 'timed_out', 'open']),
  fee_msat: nullable(amount()),
  parts: count(),
  rounds: count({ description: 'plans that were tried' }),
});
export type TrialJson = TypeOf<typeof trialSchema>;

export const probeSchema = object(
  {
    destination: hex(33),
    probed_to: hex(33, { description: 'the last node that was probed; not the destination where that cannot be probed' }),
    amount_msat: nullable(amount()),
    reachable: flag(),
    max_amount_msat: nullable(amount({ description: 'that arrived' })),
    fails_from_msat: nullable(amount({ description: 'least that did not arrive' })),
    fee_msat: nullable(amount()),
    latency_ms: nullable(decimal({ description: 'there and back, of the slowest part' })),
    routes: list(
      object({ amount_msat: amount(), fee_msat: amount(), cltv_delta: count(), latency_ms: nullable(decimal()), hops: list(hopSchema) }),
    ),
    bottleneck: nullable(
      object({
        hop: nullable(count()),
        node_id: nullable(hex(33)),
        short_channel_id: nullable(scid()),
        amount_msat: amount(),
        reason: text(),
      }),
    ),
    limits: list(object({ kind: choice(['lsp', 'private_last_hop', 'blinded_tail']), node_id: nullable(hex(33)), message: text() })),
    trials: list(trialSchema),
    probes_sent: count(),
    unresolved: count({ description: 'HTLCs that have not come back yet; they come back by themselves' }),
    duration_ms: count(),
  },
  { error: errorSchema },
);
export type ProbeJson = TypeOf<typeof probeSchema>;

/** How far a probe can tell the truth, and where it has to end. */
export interface Reach {
  readonly target: NodeId;
  readonly hints: readonly (readonly HintHop[])[];
  /** What the hops that cannot be probed take, on top. */
  readonly limits: ProbeJson['limits'];
}

/** Aliases stand at heights that no block reaches soon (lnd begins at 16,000,000). */
const ALIAS_HEIGHT = 1_000_000;

/**
 * A hint whose last channel has only an alias may be of an LSP, which opens the channel when a payment comes: a probe must not make it do so, and
 * would tell nothing of that channel. It ends at the LSP. A private channel with a real name is probed to its end.
 */
export function reachOf(
  graph: Graph,
  destination: NodeId,
  hints: readonly (readonly HintHop[])[],
  tails: readonly BlindedTail[] = [],
): Reach {
  if (tails.length > 0) return blindedReach(tails);
  const lasts = hints.flatMap((hint) => hint.at(-1) ?? []);
  const isPublic = (node: NodeId): boolean => graph.findNode(node) !== -1;
  const first = lasts[0];
  if (first === undefined || isPublic(destination)) return { target: destination, hints, limits: [] };
  const one = lasts.every(({ nodeId }) => equal(nodeId, first.nodeId));
  const aliased = lasts.every(({ scid }) => Number(scid >> 40n) >= ALIAS_HEIGHT);
  if (one && aliased && isPublic(first.nodeId)) {
    const message =
      'the invoice leads over one node that may open the last channel only for a payment: the probe ends there, what is behind it is not known';
    return { target: first.nodeId, hints: [], limits: [{ kind: 'lsp', node_id: toHex(first.nodeId), message }] };
  }
  const message =
    'the destination has only private channels: the largest amount is that of the channels in the invoice, which may have others';
  return { target: destination, hints, limits: [{ kind: 'private_last_hop', node_id: toHex(first.nodeId), message }] };
}

/**
 * Nobody but the introduction point answers for what is behind it, and it says the same of every failure (BOLT 4, invalid_onion_blinding). Of
 * several paths the one that asks least is probed.
 */
function blindedReach(tails: readonly BlindedTail[]): Reach {
  const asks = (tail: BlindedTail): number => tail.feeBaseMsat + tail.feeProportionalMillionths;
  const best = [...tails].sort((one, other) => asks(one) - asks(other))[0] as BlindedTail;
  const { feeBaseMsat, feeProportionalMillionths, htlcMinimumMsat, htlcMaximumMsat } = best;
  const others = tails.length === 1 ? '' : `; ${tails.length - 1} more paths begin elsewhere or ask more`;
  const message =
    `the last ${best.hops} hops are blinded: the probe ends at the introduction point, amounts and fees are those that reach it; ` +
    `behind it ${feeBaseMsat} msat and ${feeProportionalMillionths} millionths are asked, and a part has ${htlcMinimumMsat} to ${htlcMaximumMsat} msat${others}`;
  return { target: best.nodeId, hints: [], limits: [{ kind: 'blinded_tail', node_id: toHex(best.nodeId), message }] };
}

export function trialJson(probe: Pick<Probe, 'parts'>, trial: Probe['trials'][number]): TrialJson {
  const parts = trial.parts.flatMap((id) => probe.parts[id] ?? []);
  const { amountMsat, outcome, rounds } = trial;
  return {
    amount_msat: jsonInteger(amountMsat),
    outcome,
    fee_msat: outcome === 'arrived' ? jsonInteger(parts.reduce((sum, part) => sum + feeOf(part), 0n)) : null,
    parts: parts.length,
    rounds,
  };
}

const lastOf = ({ route }: ProbePart) => route.hops.at(-1) as ProbePart['route']['hops'][number];
const feeOf = (part: ProbePart): bigint => part.route.hops[0].amountMsat - lastOf(part).amountMsat;
const ms = (value: number | undefined): number | null => (value === undefined ? null : Math.round(value * 10) / 10);

export function probeJson(
  run: ProbeRun,
  part: { readonly destination: NodeId; readonly limits: ProbeJson['limits']; readonly durationMs: number },
): ProbeJson {
  const { probe, latencies } = run;
  const best = probe.trials.filter(({ outcome }) => outcome === 'arrived').sort((a, b) => Number(b.amountMsat - a.amountMsat))[0];
  const { low, high } = bounds(probe);
  const parts = best === undefined ? [] : best.parts.flatMap((id) => probe.parts[id] ?? []);
  const failed = probe.trials.some(({ outcome }) => outcome !== 'arrived' && outcome !== 'open');
  const slowest = Math.max(...parts.map(({ id }) => latencies.get(id) ?? 0));
  const error = best === undefined ? errorOf(probe) : null;
  return {
    destination: toHex(part.destination),
    probed_to: toHex(probe.destination),
    amount_msat: probe.goal === 'amount' ? jsonInteger(probe.amountMsat) : null,
    reachable: best !== undefined,
    max_amount_msat: best === undefined ? null : jsonInteger(low),
    fails_from_msat: failed ? jsonInteger(high) : null,
    fee_msat: best === undefined ? null : jsonInteger(parts.reduce((sum, one) => sum + feeOf(one), 0n)),
    latency_ms: best === undefined ? null : ms(slowest),
    routes: parts.map((one) => routeJson(one, run)),
    bottleneck: bottleneckOf(probe),
    limits: part.limits,
    trials: probe.trials.map((trial) => trialJson(probe, trial)),
    probes_sent: probe.parts.length,
    unresolved: probe.parts.filter(({ status }) => status === 'in_flight').length,
    duration_ms: part.durationMs,
    ...(error === null ? {} : { error: errorJson(error) }),
  };
}

function routeJson(part: ProbePart, { probe, latencies }: ProbeRun): ProbeJson['routes'][number] {
  const { hops } = part.route;
  return {
    amount_msat: jsonInteger(lastOf(part).amountMsat),
    fee_msat: jsonInteger(feeOf(part)),
    cltv_delta: hops[0].cltvExpiry - lastOf(part).cltvExpiry,
    latency_ms: ms(latencies.get(part.id)),
    hops: hopsJson(part.route).map((hop, i) => ({
      ...hop,
      latency_ms: i === hops.length - 1 ? ms(latencies.get(part.id)) : ms(measured(probe, latencies, part, i)),
    })),
  };
}

/** Of the part that was sent along the same route and ended at hop `index`. */
function measured(probe: Probe, latencies: ProbeRun['latencies'], part: ProbePart, index: number): number | undefined {
  const found = probe.parts.find(
    ({ trial, status, route }) =>
      trial === null &&
      status === 'arrived' &&
      route.hops.length === index + 1 &&
      route.hops.every((hop, i) => hop.scid === part.route.hops[i]?.scid),
  );
  return found === undefined ? undefined : latencies.get(found.id);
}

/** The hop that the newest failure names: what stood in the way of a larger amount, or of any. */
function bottleneckOf(probe: Probe): ProbeJson['bottleneck'] {
  const part = furthest(probe);
  if (part === null || part.failure === null) return null;
  const { hop, reason } = part.failure;
  const edge = hop === null ? undefined : part.route.hops[hop + 1];
  const node = hop === null || hop < 0 ? undefined : part.route.hops[hop];
  return {
    hop: hop === null || hop < 0 ? null : hop,
    node_id: node === undefined ? null : toHex(node.nodeId),
    short_channel_id: edge === undefined ? null : formatScid(edge.scid),
    amount_msat: jsonInteger((edge ?? lastOf(part)).amountMsat),
    reason,
  };
}

function errorOf(probe: Probe): ErrorInfo {
  const outcome = probe.trials.at(-1)?.outcome;
  if (outcome === 'timed_out' || outcome === 'open')
    return { code: 'TIMEOUT', message: reasonOf(probe), hint: 'the parts come back by themselves; try again with a longer --timeout' };
  return {
    code: 'NO_ROUTE',
    message: `not reachable: ${reasonOf(probe)}`,
    hint: probe.trials.at(-1)?.why?.hint ?? 'try a smaller amount, more --max-parts or a higher --max-fee',
  };
}

/** What `probe` prints: the result, after a line for each amount tried where the largest is looked for. */
export const probeOutput: Schema = {
  anyOf: [withSafety(probeSchema), object({ trial: trialSchema })],
};

function withSafety(schema: Schema): Schema {
  const properties = { ...(schema['properties'] as object), safe_offline_until_height: { type: ['integer', 'null'], minimum: 0 } };
  return { ...schema, properties: { ...properties, warnings: list(text()) } };
}
