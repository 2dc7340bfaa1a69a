import { flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { assetSentView } from '../../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.mint.finalize',
  summary: 'mint the pending batch in one transaction',
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: ({ flags }) => ({ dry_run: flags['dry-run'], ...given({ fee_rate_sat_per_vbyte: flags['fee-rate'] }) }),
  view: assetSentView,
});
