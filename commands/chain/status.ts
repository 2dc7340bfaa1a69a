import { operationCommand } from '../../src/app/operation-command.ts';
import { chainView } from '../../src/app/view/status.ts';

export default operationCommand({
  operation: 'chain.status',
  summary: 'the chain backend: its tip, whether it is in sync, fee rates',
  params: () => ({}),
  view: chainView,
});
