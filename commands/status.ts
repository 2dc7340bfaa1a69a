import { operationCommand } from '../src/app/operation-command.ts';
import { statusView } from '../src/app/view/status.ts';

export default operationCommand({
  operation: 'status',
  summary: 'state of the node, the chain, gossip and channels',
  params: () => ({}),
  view: statusView,
});
