import { operationCommand } from '../../../src/app/operation-command.ts';
import { visitsView } from '../../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.federation.sync',
  summary: 'visit every universe of the federation now: push what waits for it, take what is new there',
  params: () => ({}),
  view: visitsView,
});
