import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { provedView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'proof.verify',
  summary: 'verify a proof file wholly: every transition and signature, and that the chain holds it',
  args: { file: arg.text('the proof file, or - for hexadecimal on stdin', { completes: 'files' }) },
  params: async ({ args }) => (await import('../../src/app/asset/proof-file.ts')).givenProof(args.file),
  view: provedView,
});
