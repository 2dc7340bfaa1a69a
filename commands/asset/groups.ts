import { operationCommand } from '../../src/app/operation-command.ts';
import { groupsView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.groups',
  summary: 'list the groups of assets that are known, and those that this wallet can add to',
  params: () => ({}),
  view: groupsView,
});
