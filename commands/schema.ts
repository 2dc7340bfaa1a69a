import { arg, asText, defineCommand } from '../src/app/command.ts';

export default defineCommand({
  summary: "JSON Schema of a command's words and output",
  examples: ['schema pay', 'schema channel list', 'schema'],
  light: true,
  args: { command: arg.rest('the command; all of them where none is named') },
  output: { type: 'object' },
  async run({ args }) {
    const { schemaOf } = await import('../src/app/command-schema.ts');
    const json = await schemaOf(args.command);
    return { json, text: () => asText(json) };
  },
});
