import { satOf } from '../../src/app/amount.ts';
import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { spendView } from '../../src/app/view/wallet.ts';

export default operationCommand({
  operation: 'wallet.send',
  summary: 'send coins to an address',
  examples: ['wallet send bc1q... 100000sat', 'wallet send bc1q... all --fee-rate 3 --dry-run'],
  args: {
    address: arg.text('where to'),
    amount: arg.text('an amount with its unit, or all'),
  },
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: ({ args, flags }) => ({
    address: args.address,
    dry_run: flags['dry-run'],
    ...given({
      amount_sat: args.amount === 'all' ? undefined : satOf(args.amount),
      fee_rate_sat_per_vbyte: flags['fee-rate'],
    }),
  }),
  view: spendView,
});
