import { resolve } from 'node:path';
import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { backupView } from '../../src/app/view/backup.ts';

export default operationCommand({
  operation: 'backup.export',
  summary: 'everything that the words alone do not bring back, in one file that only the words open',
  description:
    'Assets with their proofs, addresses and key counters. Export again after each transfer and receipt: change, and what came to an address of version 2, stand in a newer backup only.',
  examples: ['backup export ~/lnkit.backup'],
  args: { file: arg.text('where to write it; an older backup of this node there is written over', { completes: 'files' }) },
  params: ({ args }) => ({ path: resolve(args.file) }),
  view: backupView,
});
