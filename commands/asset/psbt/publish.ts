import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { assetSentView } from '../../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.psbt.publish',
  summary: 'check a transaction that came back from others, sign what is ours in it, and publish it',
  examples: ['asset psbt publish commitment.json PSBT --receive 70000sat --dry-run'],
  args: {
    commitment: arg.text('the file that `asset psbt commit` wrote', { completes: 'files' }),
    psbt: arg.text('what came back: base64 or hexadecimal, a file, or - for stdin', { completes: 'files' }),
  },
  flags: {
    'max-cost': flag.sat('pay no more than this, fee and outputs of others included (default: what it cost when it was committed)'),
    receive: flag.sat('only if it brings us at least so much more than we put in'),
    note: flag.text('for yourself, kept with the transfer'),
    'dry-run': flag.boolean('check all of it, print its exact cost, do not send it'),
  },
  params: async ({ args, flags }) => {
    const { psbtText, readText } = await import('../../../src/app/asset/text-file.ts');
    const { psbtArgument } = await import('../../../src/app/asset/swap-file.ts');
    return {
      commitment: readText(args.commitment),
      psbt: args.psbt === '-' ? await psbtArgument('-') : psbtText(args.psbt),
      dry_run: flags['dry-run'],
      ...given({ max_cost_sat: flags['max-cost'], receive_sat: flags.receive, note: flags.note }),
    };
  },
  view: assetSentView,
});
