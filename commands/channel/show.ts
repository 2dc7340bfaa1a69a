import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { channelView } from '../../src/app/view/channel.ts';

export default operationCommand({
  operation: 'channel.show',
  summary: 'one channel with all its HTLCs',
  args: { channel: arg.text('channel id or short channel id', { completes: 'channels' }) },
  params: ({ args }) => ({ channel: args.channel }),
  view: (channel, style) => channelView(channel, channel.policy, style),
});
