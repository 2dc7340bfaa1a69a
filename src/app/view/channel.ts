import { showMsat, showSat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import type { ChannelJson } from '../forms/channel.ts';
import type { PolicyJson } from '../forms/policy.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

const nameOf = (channel: ChannelJson): string => channel.short_channel_id ?? channel.alias ?? channel.channel_id.slice(0, 16);

function stateOf(channel: ChannelJson, style: Style): string {
  const text = channel.state.replaceAll('_', ' ');
  if (channel.usable) return style.good(text);
  return style.warn(channel.connected || channel.closing !== null ? text : `${text}, offline`);
}

export function channelsView({ channels }: ResultOf<'channel.list'>, style: Style): string {
  if (channels.length === 0) return 'no channels; `lnkit channel open PEER AMOUNT` opens one';
  const rows = channels.map((channel) => [
    nameOf(channel),
    stateOf(channel, style),
    showSat(channel.capacity_sat),
    showMsat(channel.local_msat),
    showMsat(channel.remote_msat),
    channel.public ? 'public' : 'private',
    shorten(channel.peer),
  ]);
  return table(['channel', 'state', 'capacity>', 'ours>', 'theirs>', '', 'peer'], rows, style);
}

export function channelView(channel: ChannelJson, policy: PolicyJson | null, style: Style): string {
  const rows = channel.htlcs.map((htlc) => [
    htlc.direction,
    htlc.id,
    showMsat(htlc.amount_msat),
    `${htlc.expiry_height}`,
    htlc.payment_hash,
  ]);
  const htlcs = rows.length === 0 ? [] : ['', table(['htlc', 'id>', 'amount>', 'expires>', 'payment hash'], rows, style)];
  const about = facts(
    [
      ['channel', nameOf(channel)],
      ['channel id', channel.channel_id],
      ['peer', channel.peer],
      ['state', stateOf(channel, style)],
      ['closing', channel.closing === null ? null : `${channel.closing.how.replaceAll('_', ' ')}: ${channel.closing.why}`],
      ['funding', channel.funding_outpoint],
      ['capacity', showSat(channel.capacity_sat)],
      ['ours', `${showMsat(channel.local_msat)} (${showMsat(channel.sendable_msat)} can be sent)`],
      ['theirs', `${showMsat(channel.remote_msat)} (${showMsat(channel.receivable_msat)} can be received)`],
      ['type', channel.channel_type.join(', ')],
      ['opened by', channel.funder === 'local' ? 'us' : 'the peer'],
      ['fees', policy === null ? null : policyText(policy)],
    ],
    style,
  );
  return [about, ...htlcs].join('\n');
}

export const policyText = (policy: PolicyJson): string =>
  `${showMsat(policy.fee_base_msat)} + ${policy.fee_proportional_millionths} ppm, ${policy.cltv_expiry_delta} blocks`;

export function openView(result: ResultOf<'channel.open'>, style: Style): string {
  const state = result.dry_run ? style.warn('dry run: not opened') : style.good(result.state.replaceAll('_', ' '));
  return facts(
    [
      ['channel id', result.channel_id],
      ['state', state],
      ['capacity', showSat(result.capacity_sat)],
      ['funding', result.funding_outpoint],
      ['funding fee', showSat(result.funding_fee_sat)],
    ],
    style,
  );
}

export function closeView(result: ResultOf<'channel.close'>, style: Style): string {
  const state = result.dry_run ? style.warn('dry run: not closed') : style.good(result.state.replaceAll('_', ' '));
  return facts(
    [
      ['channel id', result.channel_id],
      ['state', state],
      ['how', result.how?.replaceAll('_', ' ')],
      ['ours', showMsat(result.to_us_msat)],
      ['fee', `${result.how === 'cooperative' ? 'about ' : ''}${showSat(result.fee_sat)}`],
      ...result.txids.map((txid): readonly [string, string] => ['transaction', txid]),
    ],
    style,
  );
}

export function whyView(result: ResultOf<'channel.why'>, style: Style): string {
  const head = result.how === null ? result.why : `${result.how.replaceAll('_', ' ')}: ${result.why}`;
  const rows = result.events.map(({ at, what, details }) => [
    showTime(at),
    what,
    typeof details === 'string' ? details : JSON.stringify(details),
  ]);
  const events = rows.length === 0 ? [] : ['', table(['time (UTC)', 'event', 'details'], rows, style)];
  return [`${style.bold(result.state.replaceAll('_', ' '))}: ${head}`, ...events].join('\n');
}

export function riskView({ channels, block_height }: ResultOf<'channel.risk'>, style: Style): string {
  if (channels.length === 0) return 'no channels, nothing at stake';
  const rows = channels.map((channel) => {
    const next = channel.deadlines[0];
    return [
      channel.name,
      channel.state.replaceAll('_', ' '),
      showMsat(channel.local_msat),
      showMsat(channel.in_htlcs_msat),
      next === undefined ? 'none' : `${next.height} (in ${next.blocks} blocks): ${next.what}`,
      showSat(channel.close_fee_sat),
      showSat(channel.force_close_fee_sat),
    ];
  });
  const columns = ['channel', 'state', 'ours>', 'in htlcs>', 'next deadline', 'close>', 'force close>'];
  return `${table(columns, rows, style)}\n${style.dim(`now at block ${block_height}`)}`;
}
