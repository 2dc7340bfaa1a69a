import { operationCommand } from '../../src/app/operation-command.ts';
import { utxosView } from '../../src/app/view/wallet.ts';

export default operationCommand({
  operation: 'wallet.utxos',
  summary: 'the coins of the on-chain wallet',
  params: () => ({}),
  view: utxosView,
});
