import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { statsView } from '../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.stats',
  summary: 'what our universe holds: assets, groups, proofs, supply, and what happened on the last days',
  args: { name: arg.optional('only assets of this name') },
  flags: {
    sort: flag.choice('order of the assets (height)', ['name', 'height', 'proofs', 'syncs']),
    days: flag.integer('events of so many days (30)'),
    offset: flag.integer('skip so many assets'),
    limit: flag.integer('at most so many assets (100)'),
  },
  params: ({ args, flags }) => given({ name: args.name, sort: flags.sort, days: flags.days, offset: flags.offset, limit: flags.limit }),
  view: statsView,
});
