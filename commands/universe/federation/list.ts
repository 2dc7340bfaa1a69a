import { operationCommand } from '../../../src/app/operation-command.ts';
import { federationView } from '../../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.federation.list',
  summary: 'list the universes that ours is kept in step with, and what waits to be pushed to each',
  params: () => ({}),
  view: federationView,
});
