import { operationCommand } from '../../src/app/operation-command.ts';
import { assetBalanceView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.balance',
  summary: 'units by asset and group: confirmed, pending, leased',
  params: () => ({}),
  view: assetBalanceView,
});
