import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { assetSentView } from '../../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.psbt.anchor',
  summary: 'verify signed virtual PSBTs, commit to them in one transaction, and publish it',
  args: { psbts: arg.texts('base64 or hexadecimal, or - for stdin, one a line') },
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    note: flag.text('for yourself, kept with the transfer'),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: async ({ args, flags }) => ({
    psbts: await (await import('../../../src/app/stdin.ts')).wordsOrStdin(args.psbts),
    dry_run: flags['dry-run'],
    ...given({ fee_rate_sat_per_vbyte: flags['fee-rate'], note: flags.note }),
  }),
  view: assetSentView,
});
