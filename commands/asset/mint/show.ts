import { arg } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { batchDetailView } from '../../../src/app/view/asset-batch.ts';

export default operationCommand({
  operation: 'asset.mint.show',
  summary: 'one batch, with what is still to be signed for its groups',
  args: { batch: arg.optional('its key or transaction, or the beginning of one (default: the open batch)') },
  params: ({ args }) => given({ batch: args.batch }),
  view: batchDetailView,
});
