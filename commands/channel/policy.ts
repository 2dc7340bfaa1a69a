import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { policyText } from '../../src/app/view/channel.ts';

export default operationCommand({
  operation: 'channel.policy',
  summary: 'show or set what a channel asks for forwarding',
  args: { channel: arg.text('channel id or short channel id', { completes: 'channels' }) },
  flags: {
    'base-fee': flag.msat('fee of each HTLC'),
    'fee-rate': flag.integer('fee in millionths of the amount'),
    'cltv-delta': flag.integer('blocks between incoming and outgoing HTLC'),
    'htlc-minimum': flag.msat('smallest HTLC'),
    'htlc-maximum': flag.msat('largest HTLC'),
  },
  params: ({ args, flags }) => ({
    channel: args.channel,
    ...given({
      fee_base_msat: flags['base-fee'],
      fee_proportional_millionths: flags['fee-rate'],
      cltv_expiry_delta: flags['cltv-delta'],
      htlc_minimum_msat: flags['htlc-minimum'],
      htlc_maximum_msat: flags['htlc-maximum'],
    }),
  }),
  view: ({ channel_id, policy }) => `${channel_id}\n${policyText(policy)}`,
});
