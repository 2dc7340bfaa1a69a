import { toHex } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { formatTxId } from '../../bitcoin/tx.ts';
import type { ChannelView } from '../../bolt/channel/types.ts';
import { view } from '../../bolt/channel/view.ts';
import { commanded, defineOperation } from '../define.ts';
import { AppError } from '../error.ts';
import { closingCost } from '../forms/closing-cost.ts';
import { channelOf, feerateOf, scriptOf } from '../forms/parse.ts';
import { jsonInteger } from '../json.ts';
import type { OperationContext } from '../operation.ts';
import { amount, choice, decimal, flag, hex, list, nullable, object, text } from '../schema.ts';

export const channelClose = defineOperation({
  name: 'channel.close',
  needs: 'peers',
  params: object(
    { channel: text(), dry_run: flag() },
    { force: flag(), to: text(), fee_rate_sat_per_vbyte: decimal(), wait: choice(['published', 'closed']) },
  ),
  result: object({
    channel_id: hex(32),
    state: text(),
    how: nullable(text()),
    txids: list(hex(32)),
    to_us_msat: amount({ description: 'ours in the channel now' }),
    fee_sat: amount({ description: 'what closing costs us at most at this fee rate; exact for a force close' }),
    dry_run: flag(),
  }),
  async run(context, params) {
    const { seen } = channelOf(context.runtime.state, params.channel);
    const { channelId } = seen;
    const force = params.force === true;
    const feerate = feerateOf(params.fee_rate_sat_per_vbyte);
    const cost = closingCost(seen, { force, feerate: feerate ?? context.runtime.env().feerates.normal });
    const about = { channel_id: toHex(channelId), to_us_msat: jsonInteger(seen.localMsat), fee_sat: jsonInteger(cost) };
    if (params.dry_run) return { ...about, state: seen.phase, how: force ? 'local_force' : 'cooperative', txids: [], dry_run: true };
    if (!force && !seen.connected)
      throw new AppError({ code: 'PEER_UNREACHABLE', message: 'the peer is not connected', hint: 'wait for it, or close with --force' });
    context.progress(force ? 'force-closing' : 'closing');
    const script = params.to === undefined ? null : scriptOf(params.to, context.network);
    await commanded(
      context,
      force ? { kind: 'force_close_channel', channelId } : { kind: 'close_channel', channelId, script, feerate },
      'channel',
    );
    const after = await settled(context, seen, params.wait ?? 'published');
    const txids = (after?.closing?.txids ?? []).map((txid) => formatTxId(txid as TxId));
    return { ...about, state: after?.phase ?? 'closed', how: after?.closing?.how ?? null, txids, dry_run: false };
  },
});

/** Until the closing transaction is out (or nothing is left to do); null where the channel is archived by then. */
async function settled(context: OperationContext, { channelId }: ChannelView, goal: 'published' | 'closed'): Promise<ChannelView | null> {
  const { runtime, signal } = context;
  await runtime.until((state) => {
    const channel = state.channels.get(channelId);
    if (channel === undefined) return true;
    const { phase } = view(channel);
    return phase === 'closed' || (goal === 'published' && ['closing', 'force_closing', 'data_loss'].includes(phase)) ? true : null;
  }, signal);
  const channel = runtime.state.channels.get(channelId);
  return channel === undefined ? null : view(channel);
}
