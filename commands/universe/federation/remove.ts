import { arg } from '../../../src/app/command.ts';
import { operationCommand } from '../../../src/app/operation-command.ts';

export default operationCommand({
  operation: 'universe.federation.remove',
  summary: 'stop keeping our universe in step with another',
  args: { universe: arg.text('HOST:PORT') },
  params: ({ args }) => ({ universe: args.universe }),
  view: ({ universe }) => `${universe} is in the federation no more`,
});
