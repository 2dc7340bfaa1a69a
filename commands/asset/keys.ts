import { operationCommand } from '../../src/app/operation-command.ts';
import { keysView } from '../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.keys',
  summary: 'two new keys for a sender who pays to keys, without an address',
  description: 'The sender gives you the proof; `lnkit proof import` takes it in.',
  params: () => ({}),
  view: keysView,
});
