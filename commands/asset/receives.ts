import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { receivesView } from '../../src/app/view/asset-custody.ts';

export default operationCommand({
  operation: 'asset.receives',
  summary: 'list what came to addresses of this wallet, and ask the couriers for its proofs',
  description: 'A daemon asks by itself. Without one, every run asks once, and --wait goes on until all that arrived is proved.',
  examples: ['asset receives', 'asset receives taprt1... --wait --timeout 2m'],
  args: { address: arg.optional('only what came to this address; with --wait, until something did') },
  flags: { wait: flag.boolean('until all that arrived is proved and can be spent') },
  params: ({ args, flags }) => given({ address: args.address, wait: flags.wait ? true : undefined }),
  view: receivesView,
});
