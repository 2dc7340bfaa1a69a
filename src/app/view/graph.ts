import { showMsat, showSat } from '../amount.ts';
import { showDuration } from '../duration.ts';
import type { ProbeJson, TrialJson } from '../forms/probe.ts';
import type { RouteJson } from '../graph/route.ts';
import type { GraphChannelJson, GraphNodeJson, GraphStatsJson } from '../graph/show.ts';
import { type Bar, barsView, type Point, successView } from './plot.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

const percent = (share: number): string => `${(100 * share).toFixed(share > 0.995 && share < 1 ? 2 : 1)} %`;

export function routeView(result: RouteJson, style: Style): string {
  const error = result.error as { readonly message?: string; readonly hint?: string } | undefined;
  const about = facts(
    [
      ['to', result.destination],
      ['amount', showMsat(result.amount_msat)],
      ['fee', result.routes.length === 0 ? null : showMsat(result.fee_msat)],
      ['probability', result.routes.length === 0 ? null : percent(result.probability)],
      ['why', error?.message],
      ['hint', error?.hint],
    ],
    style,
  );
  const routes = result.routes.map((route, i) => {
    const rows = route.hops.map((hop) => [
      hop.blinded_path === undefined ? hop.short_channel_id : `blinded path ${hop.blinded_path + 1}`,
      hop.node_id,
      showMsat(hop.amount_msat),
      showMsat(hop.fee_msat),
      `${hop.cltv_expiry}`,
    ]);
    const head = `route ${i + 1}: ${showMsat(route.amount_msat)}, fee ${showMsat(route.fee_msat)}, ${route.cltv_delta} blocks, ${percent(route.probability)}`;
    return `\n${style.bold(head)}\n${table(['channel', 'to', 'amount>', 'fee>', 'expiry>'], rows, style)}`;
  });
  return [about, ...routes, ...(result.explanation === undefined ? [] : [`\n${explanationView(result.explanation, style)}`])].join('\n');
}

function explanationView(
  { reach, reaches_us, closed, destination, relaxation }: NonNullable<RouteJson['explanation']>,
  style: Style,
): string {
  const rules = Object.entries(closed).sort((a, b) => b[1] - a[1]);
  const where = reaches_us ? 'the start among them' : 'the start is not among them';
  const lines = [style.bold(`${reach} nodes can reach the destination with the amount in one part, ${where}`)];
  if (rules.length > 0)
    lines.push(
      table(
        ['closed by', 'edges>'],
        rules.map(([rule, count]) => [rule.replaceAll('_', ' '), `${count}`]),
        style,
      ),
    );
  for (const limit of destination)
    lines.push(limit === 'no_multipart' ? 'the destination announces that it takes no parts' : 'the destination announces no keysend');
  if (relaxation !== null) lines.push(`${style.dim('cheapest way out:')} ${relaxationText(relaxation)}`);
  return lines.join('\n');
}

function relaxationText(relaxation: NonNullable<NonNullable<RouteJson['explanation']>['relaxation']>): string {
  switch (relaxation.kind) {
    case 'max_fee':
      return `a fee of ${showMsat(relaxation.fee_msat ?? 0)}`;
    case 'max_cltv':
      return `a lock of ${relaxation.blocks} blocks`;
    case 'max_parts':
      return `${relaxation.parts} parts`;
    case 'onion':
      return `an onion for ${relaxation.hops} hops and ${relaxation.bytes} bytes, more than there is`;
    case 'amount':
      return `at most ${showMsat(relaxation.amount_msat ?? 0)} in one part`;
    default:
      return 'without what is excluded';
  }
}

const bucketLabel = (from: number | bigint, to: number | bigint | null, unit: string): string =>
  to === null
    ? `${short(from)} and more${unit}`
    : BigInt(to) - BigInt(from) === 1n
      ? `${short(from)}${unit}`
      : `${short(from)} to ${short(to)}${unit}`;

function short(value: number | bigint): string {
  const number = Number(value);
  if (number >= 1_000_000) return `${number / 1_000_000}M`;
  return number >= 10_000 ? `${number / 1_000}k` : `${number}`;
}

/** The three distributions as bars. */
export const statsPlots = ({ distribution }: GraphStatsJson): readonly { readonly title: string; readonly bars: readonly Bar[] }[] => {
  const bars = (buckets: GraphStatsJson['distribution']['capacity_sat'], unit: string): Bar[] =>
    buckets.map(({ from, to, count }) => ({ label: bucketLabel(from, to, unit), value: count }));
  return [
    { title: 'channels by capacity', bars: bars(distribution.capacity_sat, ' sat') },
    { title: 'directions by proportional fee', bars: bars(distribution.fee_proportional_millionths, ' ppm') },
    { title: 'directions by base fee', bars: bars(distribution.fee_base_msat, ' msat') },
  ];
};

export function statsView(stats: GraphStatsJson, style: Style): string {
  const about = facts(
    [
      ['nodes', stats.nodes],
      ['channels', `${stats.channels} (${stats.channels_per_node} a node)`],
      ['updates', `${stats.updates}, ${stats.disabled} of them disabled`],
      ['capacity', `${showSat(stats.capacity_sat)}, median ${showSat(stats.median_capacity_sat)}`],
      ['fees', `median ${stats.median_fee_base_msat} msat + ${stats.median_fee_proportional_millionths} ppm`],
      ['learned', `${stats.learned} directions`],
    ],
    style,
  );
  return [about, ...statsPlots(stats).map(({ title, bars }) => `\n${barsView(title, bars, style)}`)].join('\n');
}

export function graphChannelView(channel: GraphChannelJson, style: Style): string {
  const about = facts(
    [
      ['channel', channel.short_channel_id],
      ['capacity', channel.capacity_sat === null ? 'not known' : showSat(channel.capacity_sat)],
      ['spent', channel.spent ? style.warn('yes') : null],
    ],
    style,
  );
  const rows = channel.policies.map((policy) => [
    shorten(policy.node_id),
    policy.disabled ? style.warn('disabled') : 'enabled',
    `${policy.fee_base_msat} msat + ${policy.fee_proportional_millionths} ppm`,
    `${policy.cltv_expiry_delta}`,
    `${showMsat(policy.htlc_minimum_msat)} to ${showMsat(policy.htlc_maximum_msat)}`,
    showTime(policy.updated_at),
    policy.known === null ? '' : knownText(policy.known),
  ]);
  return `${about}\n\n${table(['from', '', 'fee', 'delta>', 'amounts', 'updated (UTC)', 'learned'], rows, style)}`;
}

const knownText = ({ at_least_msat: low, fails_from_msat: high }: NonNullable<GraphChannelJson['policies'][number]['known']>): string =>
  `${showMsat(low)} and more${high === null ? '' : `, less than ${showMsat(high)}`}`;

export function graphNodeView(node: GraphNodeJson, style: Style): string {
  const about = facts(
    [
      ['node', node.node_id],
      ['alias', node.alias],
      ['channels', `${node.channels.length}, ${showSat(node.capacity_sat)}`],
      ['announced', node.announced_at === null ? 'never' : `${showTime(node.announced_at)} UTC`],
    ],
    style,
  );
  const rows = node.channels.map((channel) => {
    const own = channel.policies.find((policy) => policy.node_id === node.node_id);
    const fee =
      own === undefined ? '' : `${own.fee_base_msat} msat + ${own.fee_proportional_millionths} ppm${own.disabled ? ', disabled' : ''}`;
    const other = channel.node1 === node.node_id ? channel.node2 : channel.node1;
    return [channel.short_channel_id, channel.capacity_sat === null ? '' : showSat(channel.capacity_sat), shorten(other), fee];
  });
  return rows.length === 0 ? about : `${about}\n\n${table(['channel', 'capacity>', 'with', 'asks'], rows, style)}`;
}

export const trialPoints = (trials: readonly TrialJson[]): readonly Point[] =>
  trials.map(({ amount_msat, outcome }) => ({ x: Number(amount_msat), label: showMsat(amount_msat), success: outcome === 'arrived' }));

export const PROBE_TITLE = 'success against amount';

export function probeView(probe: ProbeJson, style: Style): string {
  const error = probe.error as { readonly message?: string; readonly hint?: string } | undefined;
  const { bottleneck } = probe;
  const about = facts(
    [
      ['to', probe.destination],
      ['reachable', probe.reachable ? style.good('yes') : style.bad('no')],
      ['why', error?.message],
      ['hint', error?.hint],
      [probe.amount_msat === null ? 'largest' : 'amount', probe.max_amount_msat === null ? null : showMsat(probe.max_amount_msat)],
      ['fails from', probe.fails_from_msat === null || !probe.reachable ? null : showMsat(probe.fails_from_msat)],
      ['fee', probe.fee_msat === null ? null : showMsat(probe.fee_msat)],
      ['latency', probe.latency_ms === null ? null : `${probe.latency_ms} ms`],
      [
        'bottleneck',
        bottleneck === null
          ? null
          : `${bottleneck.short_channel_id ?? 'unknown'}: ${bottleneck.reason.replaceAll('_', ' ')} at ${showMsat(bottleneck.amount_msat)}`,
      ],
      ...probe.limits.map((limit): readonly [string, string] => ['note', limit.message]),
      [
        'sent',
        `${probe.probes_sent} parts in ${showDuration(probe.duration_ms)}${probe.unresolved === 0 ? '' : `, ${probe.unresolved} not back yet`}`,
      ],
    ],
    style,
  );
  const rows = probe.routes.flatMap((route, i) =>
    route.hops.map((hop) => [
      `${i + 1}`,
      hop.short_channel_id,
      shorten(hop.node_id),
      showMsat(hop.amount_msat),
      showMsat(hop.fee_msat),
      hop.latency_ms === null ? '' : `${hop.latency_ms} ms`,
    ]),
  );
  const routes = rows.length === 0 ? [] : ['', table(['part', 'channel', 'to', 'amount>', 'fee>', 'latency>'], rows, style)];
  const plot = probe.trials.length < 2 ? [] : ['', successView(PROBE_TITLE, trialPoints(probe.trials), style)];
  return [about, ...routes, ...plot].join('\n');
}

interface Counts {
  readonly nodes: number;
  readonly channels: number;
  readonly updates: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly refused: { readonly [reason: string]: number };
  readonly duration_ms?: number;
  readonly messages?: number;
  readonly synced?: boolean;
  readonly complete?: boolean;
  readonly assume_valid?: boolean;
}

export function gossipView(result: Counts, style: Style): string {
  const reasons = Object.entries(result.refused).map(([reason, count]) => `${count} ${reason.replaceAll('_', ' ')}`);
  return facts(
    [
      ['graph', `${result.nodes} nodes, ${result.channels} channels, ${result.updates} updates`],
      ['read', result.messages === undefined ? null : `${result.messages} messages`],
      ['new', `${result.accepted} messages`],
      ['not taken', result.rejected === 0 ? null : reasons.join(', ')],
      ['in sync', result.synced === undefined ? null : result.synced ? style.good('yes') : style.warn('not in this run')],
      ['complete', result.complete === undefined ? null : result.complete ? style.good('yes') : style.warn('no: the time was over')],
      ['funding', result.assume_valid === true ? style.warn('not looked up (--assume-valid)') : null],
      ['took', result.duration_ms === undefined ? null : showDuration(result.duration_ms)],
    ],
    style,
  );
}
