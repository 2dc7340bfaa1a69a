import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { importedView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'proof.import',
  summary: 'verify a proof file and take it in: what the asset is, and the asset where it is ours',
  args: { file: arg.text('the proof file, or - for hexadecimal on stdin', { completes: 'files' }) },
  params: async ({ args }) => (await import('../../src/app/asset/proof-file.ts')).givenProof(args.file),
  view: importedView,
});
