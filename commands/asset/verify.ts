import { arg } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetVerifyView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.verify',
  summary: 'verify the proofs of the assets of this wallet against the chain, from their minting on',
  args: { asset: arg.optional('an asset id or name; all where none is given') },
  params: ({ args }) => given({ asset: args.asset }),
  view: assetVerifyView,
});
