import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { openView } from '../../src/app/view/channel.ts';

export default operationCommand({
  operation: 'channel.open',
  summary: 'open a channel to a node',
  examples: ['channel open 02...@127.0.0.1:9735 1000000sat --wait', 'channel open 02... 0.05btc --private --dry-run'],
  args: {
    peer: arg.text('NODE_ID@HOST:PORT, or NODE_ID where the address is known', { completes: 'peers' }),
    amount: arg.sat('capacity'),
  },
  flags: {
    push: flag.msat('give this much to the peer'),
    'fee-rate': flag.number('sat/vB of the funding transaction'),
    private: flag.boolean('do not announce it'),
    'zero-conf': flag.boolean('use it before it confirms; the peer must be trusted for it'),
    'close-to': flag.text('address to which a cooperative close must pay', { helpValue: 'ADDRESS' }),
    wait: flag.boolean('until payments can flow'),
    'dry-run': flag.boolean('choose coins, print the exact cost, do not open'),
  },
  params: ({ args, flags }) => ({
    peer: args.peer,
    amount_sat: args.amount,
    dry_run: flags['dry-run'],
    ...given({
      push_msat: flags.push,
      fee_rate_sat_per_vbyte: flags['fee-rate'],
      private: flags.private,
      zero_conf: flags['zero-conf'],
      close_to: flags['close-to'],
      wait: flags.wait ? ('usable' as const) : undefined,
    }),
  }),
  view: openView,
});
