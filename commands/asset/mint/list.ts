import { operationCommand } from '../../../src/app/operation-command.ts';
import { batchesView } from '../../../src/app/view/asset-batch.ts';

export default operationCommand({
  operation: 'asset.mint.list',
  summary: 'the open batch, what was minted, and what was cancelled (as `tapcli assets mint batches`)',
  params: () => ({}),
  view: batchesView,
});
