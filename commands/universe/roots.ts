import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { rootsView } from '../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.roots',
  summary: 'list the trees of our universe and their roots: mintings and transfers of each asset or group',
  args: { asset: arg.optional('an asset id or name, or the key of a group; default: all') },
  flags: {
    'proof-type': flag.choice('only these trees', ['issuance', 'transfer']),
    offset: flag.integer('skip so many'),
    limit: flag.integer('at most so many (512)'),
  },
  params: ({ args, flags }) => given({ asset: args.asset, proof_type: flags['proof-type'], offset: flags.offset, limit: flags.limit }),
  view: rootsView,
});
