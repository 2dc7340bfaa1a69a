import { arg } from '../../../src/app/command.ts';
import { operationCommand } from '../../../src/app/operation-command.ts';
import { packetView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.psbt.create',
  summary: 'a virtual PSBT that asks for units to two new keys of ours; whoever sends them funds it',
  description: 'tapd takes it in FundVirtualPsbt. The sender gives you the proof; `lnkit proof import` takes it in.',
  args: { asset: arg.text('an asset id, or a name that only one asset has'), amount: arg.text('units') },
  params: ({ args }) => args,
  view: packetView,
});
