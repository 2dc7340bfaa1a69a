import { operationCommand } from '../../../src/app/operation-command.ts';
import { cancelledView } from '../../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.mint.cancel',
  summary: 'drop the pending batch; what is finalized cannot be cancelled',
  params: () => ({}),
  view: cancelledView,
});
