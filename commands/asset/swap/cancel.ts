import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { assetSentView } from '../../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.swap.cancel',
  summary: 'end an offer by spending what it sells, to ourselves',
  args: { offer: arg.text('its id, or the beginning of it') },
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: ({ args, flags }) => ({ ...args, dry_run: flags['dry-run'], ...given({ fee_rate_sat_per_vbyte: flags['fee-rate'] }) }),
  view: assetSentView,
});
