import { arg } from '../../../src/app/command.ts';
import { operationCommand } from '../../../src/app/operation-command.ts';
import { packetView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.psbt.show',
  summary: 'what a virtual PSBT moves, which inputs are signed, and what each key signs',
  args: { psbt: arg.text('base64 or hexadecimal, or - for stdin') },
  params: async ({ args }) => ({ psbt: await (await import('../../../src/app/asset/swap-file.ts')).psbtArgument(args.psbt) }),
  view: packetView,
});
