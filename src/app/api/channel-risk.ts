import { toHex } from '../../base/bytes.ts';
import { deadlines, view } from '../../bolt/channel/view.ts';
import { defineOperation } from '../define.ts';
import { closingCost } from '../forms/closing-cost.ts';
import { channelName, channelOf } from '../forms/parse.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, flag, hex, list, nullable, object, text } from '../schema.ts';

export const channelRisk = defineOperation({
  name: 'channel.risk',
  needs: 'chain',
  params: object({}, { channel: text() }),
  result: object({
    block_height: count(),
    channels: list(
      object({
        channel_id: hex(32),
        name: text(),
        state: text(),
        connected: flag(),
        local_msat: amount(),
        in_htlcs_msat: amount(),
        deadlines: list(object({ height: count(), blocks: count(), what: text() })),
        close_fee_sat: amount({ description: 'of a cooperative close now' }),
        force_close_fee_sat: amount({ description: 'of a force close now' }),
        safe_offline_until_height: nullable(count()),
      }),
    ),
  }),
  async run({ runtime }, params) {
    const { height, feerates } = runtime.env();
    const wanted = params.channel === undefined ? [...runtime.state.channels.values()] : [channelOf(runtime.state, params.channel).channel];
    return {
      block_height: height,
      channels: wanted.map((channel) => {
        const seen = view(channel);
        return {
          channel_id: toHex(seen.channelId),
          name: channelName(seen),
          state: seen.phase,
          connected: seen.connected,
          local_msat: jsonInteger(seen.localMsat),
          in_htlcs_msat: jsonInteger(seen.htlcs.reduce((sum, { htlc }) => sum + htlc.amountMsat, 0n)),
          deadlines: deadlines(channel).map((deadline) => ({ ...deadline, blocks: Math.max(0, deadline.height - height) })),
          close_fee_sat: jsonInteger(closingCost(seen, { force: false, feerate: feerates.normal })),
          force_close_fee_sat: jsonInteger(closingCost(seen, { force: true, feerate: feerates.normal })),
          safe_offline_until_height: seen.safeOfflineUntilHeight,
        };
      }),
    };
  },
});
