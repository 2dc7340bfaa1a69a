import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetBalanceView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.balance',
  summary: 'units by asset and group: confirmed, pending, leased',
  examples: ['asset balance', 'asset balance beans', 'asset balance --by-group'],
  args: { asset: arg.optional('an asset id or name; all where none is given') },
  flags: {
    group: flag.text('of this group alone', { helpValue: 'GROUP_KEY' }),
    'by-group': flag.boolean('by group, whatever the tranche'),
  },
  params: ({ args, flags }) => given({ asset: args.asset, group: flags.group, by_group: flags['by-group'] ? true : undefined }),
  view: assetBalanceView,
});
