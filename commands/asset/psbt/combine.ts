import { arg } from '../../../src/app/command.ts';
import { operationCommand } from '../../../src/app/operation-command.ts';
import { packetView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.psbt.combine',
  summary: 'one virtual PSBT of copies that several have signed',
  args: { psbts: arg.texts('the copies, base64 or hexadecimal, or - for stdin, one a line') },
  params: async ({ args }) => ({ psbts: await (await import('../../../src/app/stdin.ts')).wordsOrStdin(args.psbts) }),
  view: packetView,
});
