import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { closeView } from '../../src/app/view/channel.ts';

export default operationCommand({
  operation: 'channel.close',
  summary: 'close a channel, together with the peer or (--force) alone',
  args: { channel: arg.text('channel id or short channel id', { completes: 'channels' }) },
  flags: {
    force: flag.boolean('publish our own commitment; our money is delayed'),
    to: flag.text('address to pay to (default: the wallet)', { helpValue: 'ADDRESS' }),
    'fee-rate': flag.number('sat/vB of the closing transaction'),
    wait: flag.boolean('until nothing is left to do on chain'),
    'dry-run': flag.boolean('print what it costs, do not close'),
  },
  params: ({ args, flags }) => ({
    channel: args.channel,
    dry_run: flags['dry-run'],
    ...given({
      force: flags.force,
      to: flags.to,
      fee_rate_sat_per_vbyte: flags['fee-rate'],
      wait: flags.wait ? ('closed' as const) : undefined,
    }),
  }),
  view: closeView,
});
