import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetSentView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.burn',
  summary: 'destroy units of an asset for ever, provably',
  examples: ['asset burn beans 40 --dry-run', 'asset burn beans 40 --note "redeemed by a customer"'],
  args: { asset: arg.text('an asset id, or a name that only one asset has'), amount: arg.text('units') },
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    note: flag.text('for yourself, kept with the burn'),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: ({ args, flags }) => ({
    ...args,
    dry_run: flags['dry-run'],
    ...given({ fee_rate_sat_per_vbyte: flags['fee-rate'], note: flags.note }),
  }),
  view: assetSentView,
});
