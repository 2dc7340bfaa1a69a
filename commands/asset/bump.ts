import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { bumpedView } from '../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.bump',
  summary: 'raise the fee of an unconfirmed minting, transfer or burn',
  description: 'The same assets in the same outputs. Whichever of the two transactions a block has is the right one.',
  examples: ['asset bump TXID --fee-rate 12', 'asset bump TXID --method cpfp --dry-run'],
  args: { txid: arg.text('the transaction') },
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation soon)'),
    method: flag.choice('replace it, or spend its change with a higher fee (default: auto)', ['auto', 'rbf', 'cpfp']),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: ({ args, flags }) => ({
    txid: args.txid,
    method: flags.method ?? 'auto',
    dry_run: flags['dry-run'],
    ...given({ fee_rate_sat_per_vbyte: flags['fee-rate'] }),
  }),
  view: bumpedView,
});
