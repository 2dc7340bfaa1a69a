import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { insertedView } from '../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.insert',
  summary: 'verify a proof file and put its transitions into our universe, from where the federation gets them',
  args: { file: arg.text('the proof file, or - for hexadecimal on stdin', { completes: 'files' }) },
  params: async ({ args }) => (await import('../../src/app/asset/proof-file.ts')).givenProof(args.file),
  view: insertedView,
});
