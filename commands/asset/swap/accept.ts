import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { boughtView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.swap.accept',
  summary: 'verify an offer wholly, pay its price, and take the asset',
  examples: ['asset swap accept offer.json --dry-run', 'asset swap accept offer.json --max-price 70000sat'],
  args: { file: arg.text('the offer, or - for stdin', { completes: 'files' }) },
  flags: {
    'max-price': flag.sat('do not pay more'),
    asset: flag.hex('only if it is of this asset id', 32),
    amount: flag.text('only if it is of so many units', { helpValue: 'N' }),
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    'dry-run': flag.boolean('verify it, print the exact cost, pay nothing'),
  },
  params: async ({ args, flags }) => ({
    offer: await (await import('../../../src/app/asset/swap-file.ts')).swapText(args.file),
    dry_run: flags['dry-run'],
    ...given({ fee_rate_sat_per_vbyte: flags['fee-rate'], max_price_sat: flags['max-price'], asset: flags.asset, amount: flags.amount }),
  }),
  view: boughtView,
});
