import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { reportView } from '../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.sync',
  summary: 'take from another universe what ours has not; every proof is verified before it is stored',
  description:
    'Roots are compared, then the leaves of the trees that differ. The other side is tapd (port 10029) or `lnkit universe serve`. Its certificate is not ' +
    'verified: what counts is that every proof holds and is in the tree that the universe told of. An interrupted sync is resumed by the next one.',
  examples: ['universe sync universe.lightning.finance:10029 --asset beans', 'universe sync 127.0.0.1:10029'],
  args: { universe: arg.text('HOST:PORT') },
  flags: {
    asset: flag.text('only this asset (id or name) or group (key)', { helpValue: 'ASSET' }),
    'issuance-only': flag.boolean('mintings, and no transfers'),
  },
  params: ({ args, flags }) => ({
    universe: args.universe,
    ...given({ asset: flags.asset, issuance_only: flags['issuance-only'] ? true : undefined }),
  }),
  view: reportView,
});
