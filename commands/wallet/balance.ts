import { operationCommand } from '../../src/app/operation-command.ts';
import { balanceView } from '../../src/app/view/wallet.ts';

export default operationCommand({
  operation: 'wallet.balance',
  summary: 'what the on-chain wallet holds',
  params: () => ({}),
  view: balanceView,
});
