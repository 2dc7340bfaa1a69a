import { operationCommand } from '../../src/app/operation-command.ts';
import { historyView } from '../../src/app/view/wallet.ts';

export default operationCommand({
  operation: 'wallet.history',
  summary: 'the transactions of the on-chain wallet, newest first',
  params: () => ({}),
  view: historyView,
});
