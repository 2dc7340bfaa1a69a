import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { resentView } from '../../src/app/view/asset-custody.ts';

export default operationCommand({
  operation: 'asset.resend',
  summary: 'deliver the proof of a transfer once more',
  examples: ['asset resend taprt1...', 'asset resend TXID --courier universerpc://universe.example:10029'],
  args: { what: arg.text('the id of a transfer, or the address that it went to') },
  flags: { courier: flag.text('to another courier than before', { helpValue: 'URL' }) },
  params: ({ args, flags }) => ({ what: args.what, ...given({ courier: flags.courier }) }),
  view: resentView,
});
