import { resolve } from 'node:path';
import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { backupView } from '../../src/app/view/backup.ts';

export default operationCommand({
  operation: 'backup.restore',
  summary: 'take in a backup: every proof verified against the chain, nothing that was spent since',
  description:
    'Into a wallet made from the words of the backup. Once more, or after a crash: the same result. No key of its earlier life is used again.',
  examples: ['init --mnemonic - < words.txt', 'backup restore ~/lnkit.backup'],
  args: { file: arg.text('the backup', { completes: 'files' }) },
  params: ({ args }) => ({ path: resolve(args.file) }),
  view: backupView,
});
