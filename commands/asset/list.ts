import { flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetsView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.list',
  summary: 'list the assets of this wallet, and the batch that waits to be minted',
  flags: { all: flag.boolean('spent, burnt and sent ones too') },
  params: ({ flags }) => given({ all: flags.all ? true : undefined }),
  view: assetsView,
});
