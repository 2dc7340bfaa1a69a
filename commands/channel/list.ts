import { flag } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { channelsView } from '../../src/app/view/channel.ts';

export default operationCommand({
  operation: 'channel.list',
  summary: 'the channels of this node',
  flags: { closed: flag.boolean('those that are closed too') },
  params: ({ flags }) => ({ closed: flags.closed }),
  view: channelsView,
});
