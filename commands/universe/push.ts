import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { reportView } from '../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.push',
  summary: 'give another universe what it has not of ours',
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
