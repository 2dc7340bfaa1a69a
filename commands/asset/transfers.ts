import { operationCommand } from '../../src/app/operation-command.ts';
import { transfersView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.transfers',
  summary: 'list mintings, transfers and burns, and what has arrived',
  params: () => ({}),
  view: transfersView,
});
