import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { spendView } from '../../src/app/view/wallet.ts';

export default operationCommand({
  operation: 'wallet.bump',
  summary: 'raise the fee of an unconfirmed transaction',
  args: { txid: arg.text('the transaction') },
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation soon)'),
    method: flag.choice('replace it, or spend it with a higher fee (default: auto)', ['auto', 'rbf', 'cpfp']),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: ({ args, flags }) => ({
    txid: args.txid,
    method: flags.method ?? 'auto',
    dry_run: flags['dry-run'],
    ...given({ fee_rate_sat_per_vbyte: flags['fee-rate'] }),
  }),
  view: spendView,
});
