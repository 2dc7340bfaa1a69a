import { arg, defineCommand, flag } from '../../src/app/command.ts';
import { verify, verifySchema } from '../../src/app/verify-message.ts';

export default defineCommand({
  summary: 'tell which node signed a text',
  description: 'A node comes out for nearly every signature: give --node-id to have it compared, exit 2 where it is another.',
  light: true,
  args: { message: arg.text('the text'), signature: arg.text('zbase32') },
  flags: { 'node-id': flag.hex('who should have signed', 33) },
  output: verifySchema,
  async run({ args, flags, exitWith }) {
    const { json, exit } = verify({ ...args, expected: flags['node-id'] ?? null });
    exitWith(exit);
    return { json, text: () => `${json['valid'] ? 'signed by' : 'not valid:'} ${json['valid'] ? json['node_id'] : json['why']}` };
  },
});
