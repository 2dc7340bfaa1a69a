import { arg } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { riskView } from '../../src/app/view/channel.ts';

export default operationCommand({
  operation: 'channel.risk',
  summary: 'deadlines of channels, and what closing them now costs',
  args: { channel: arg.optional('only this one', { completes: 'channels' }) },
  params: ({ args }) => given({ channel: args.channel }),
  view: riskView,
});
