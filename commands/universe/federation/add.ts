import { arg } from '../../../src/app/command.ts';
import { operationCommand } from '../../../src/app/operation-command.ts';

export default operationCommand({
  operation: 'universe.federation.add',
  summary: 'keep our universe in step with another: what is inserted here is pushed to it, and what is new there is taken',
  args: { universe: arg.text('HOST:PORT') },
  params: ({ args }) => ({ universe: args.universe }),
  view: ({ universe, added }) => (added ? `${universe} is in the federation; the daemon visits it` : `${universe} is there already`),
});
