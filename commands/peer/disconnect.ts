import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';

export default operationCommand({
  operation: 'peer.disconnect',
  summary: 'end the connection to a node',
  args: { peer: arg.text('NODE_ID', { completes: 'peers' }) },
  params: ({ args }) => ({ peer: args.peer }),
  view: ({ node_id }) => `disconnected from ${node_id}`,
});
