import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { leavesView } from '../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.leaves',
  summary: 'list the leaves of an asset or group in our universe: where each stands, whose it is, how much',
  args: { asset: arg.text('an asset id or name, or the key of a group') },
  flags: {
    'proof-type': flag.choice('only these trees', ['issuance', 'transfer']),
    offset: flag.integer('skip so many'),
    limit: flag.integer('at most so many of each tree (512)'),
  },
  params: ({ args, flags }) => ({
    asset: args.asset,
    ...given({ proof_type: flags['proof-type'], offset: flags.offset, limit: flags.limit }),
  }),
  view: leavesView,
});
