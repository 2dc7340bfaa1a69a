import { operationCommand } from '../../../src/app/operation-command.ts';
import { leasesView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.lease.list',
  summary: 'list outputs with assets that packets and offers hold back',
  params: () => ({}),
  view: leasesView,
});
