import { operationCommand } from '../../../src/app/operation-command.ts';
import { offersView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.swap.list',
  summary: 'list our offers of assets for bitcoin whose asset is not spent',
  params: () => ({}),
  view: offersView,
});
