import { arg, flag } from '../src/app/command.ts';
import { durationSeconds } from '../src/app/duration.ts';
import { given, operationCommand } from '../src/app/operation-command.ts';
import { paymentView } from '../src/app/view/payment.ts';

export default operationCommand({
  operation: 'pay',
  summary: 'pay a BOLT 11 invoice, or a node by its id (keysend)',
  description: 'Safe to repeat: a settled payment is told again, a pending one is waited for. Exit 4: failed for sure; 5: pending.',
  examples: ['pay lnbc1...', 'pay lnbc1... --max-fee 20sat --max-parts 4', 'pay 02... 1000sat --key order-17'],
  args: {
    destination: arg.text('invoice or node id'),
    amount: arg.optionalMsat('where the destination leaves it to you'),
  },
  flags: {
    'max-fee': flag.msat('highest fee (default: 1 %, at least 5sat)'),
    'max-fee-percent': flag.number('highest fee in percent'),
    'max-parts': flag.integer('split into so many parts at most (default: 16)'),
    outgoing: flag.texts('only over this channel; may be repeated', { completes: 'channels', helpValue: 'CHAN' }),
    exclude: flag.texts('not through this node or channel; may be repeated', { helpValue: 'NODE|CHAN' }),
    prior: flag.choice('how likely balances are before anything is learned (default: routing.prior of lnkit.toml, else apriori)', [
      'apriori',
      'bimodal',
    ]),
    key: flag.text('idempotency key of a payment to a node', { helpValue: 'ID' }),
    'from-probe': flag.boolean('probe the amount first, and pay over what arrived; nothing is paid where nothing arrives'),
    'dry-run': flag.boolean('find routes, print the exact fee, send nothing'),
  },
  params: ({ args, flags }) => ({
    destination: args.destination,
    dry_run: flags['dry-run'],
    ...(flags['from-probe'] ? { from_probe: true } : {}),
    outgoing: flags.outgoing,
    exclude: flags.exclude,
    ...given({
      amount_msat: args.amount,
      max_fee_msat: flags['max-fee'],
      max_fee_percent: flags['max-fee-percent'],
      max_parts: flags['max-parts'],
      retry_seconds: flags.timeout === undefined ? undefined : durationSeconds(flags.timeout),
      key: flags.key,
      prior: flags.prior,
    }),
  }),
  view: paymentView,
});
