import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { whyView } from '../../src/app/view/channel.ts';

export default operationCommand({
  operation: 'channel.why',
  summary: 'why a channel was closed, and what happened to it',
  args: { channel: arg.text('channel id or short channel id', { completes: 'channels' }) },
  params: ({ args }) => ({ channel: args.channel }),
  view: whyView,
});
