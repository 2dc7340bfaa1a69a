import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { ownedView } from '../../../src/app/view/asset-batch.ts';

export default operationCommand({
  operation: 'proof.ownership.verify',
  summary: 'verify that somebody can spend an asset; where it comes from, its proof file shows',
  args: { file: arg.text('the ownership proof', { completes: 'files' }) },
  flags: { challenge: flag.hex('the 32 bytes that we asked him to sign', 32) },
  async params({ args, flags }) {
    const { readBytes } = await import('../../../src/app/asset/text-file.ts');
    return { proof: readBytes(args.file), ...given({ challenge: flags.challenge }) };
  },
  view: ownedView,
});
