import { operationCommand } from '../../src/app/operation-command.ts';
import { peersView } from '../../src/app/view/peer.ts';

export default operationCommand({
  operation: 'peer.list',
  summary: 'the peers of this node',
  params: () => ({}),
  view: peersView,
});
