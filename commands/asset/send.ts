import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetSentView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.send',
  summary: 'send assets to addresses, all in one transaction',
  description: 'Once it is confirmed, `lnkit proof export ADDRESS` gives the proof that the receiver needs.',
  examples: ['asset send taprt1...', 'asset send taprt1... taprt1... --fee-rate 3 --dry-run'],
  args: { addresses: arg.texts('addresses; each says which asset, and how much') },
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    courier: flag.text('another proof courier than the addresses name', { helpValue: 'URL' }),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: ({ args, flags }) => ({
    addresses: args.addresses,
    dry_run: flags['dry-run'],
    ...given({ fee_rate_sat_per_vbyte: flags['fee-rate'], courier: flags.courier }),
  }),
  view: assetSentView,
});
