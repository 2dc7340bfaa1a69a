import { arg } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { stdinText } from '../../src/app/stdin.ts';

export default operationCommand({
  operation: 'message.sign',
  summary: 'sign a text with the node key, as lnd and Core Lightning do',
  args: { message: arg.text('the text, - for stdin') },
  params: async ({ args }) => ({ message: args.message === '-' ? await stdinText() : args.message }),
  view: ({ signature }) => signature,
});
