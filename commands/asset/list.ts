import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetsView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.list',
  summary: 'list the assets of this wallet, and the batch that waits to be minted',
  args: { asset: arg.optional('an asset id or name; all where none is given') },
  flags: {
    group: flag.text('of this group alone', { helpValue: 'GROUP_KEY' }),
    all: flag.boolean('spent, burnt and sent ones too'),
  },
  params: ({ args, flags }) => given({ asset: args.asset, group: flags.group, all: flags.all ? true : undefined }),
  view: assetsView,
});
