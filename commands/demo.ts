import { defineCommand, flag } from '../src/app/command.ts';

export default defineCommand({
  summary: 'the whole story on a built-in regtest, in a temporary directory, with nothing else installed',
  description:
    'Starts a chain and four nodes, opens channels, pays over two paths at once, explains a failure, closes a channel and pays as a one-shot command. Every step checks what it tells; one that does not hold ends the story with exit 1.',
  examples: ['demo', 'demo --keep', 'demo --json'],
  flags: { keep: flag.boolean('leave the directory there, and say how to look around in it') },
  output: async () => (await import('../src/app/demo/schema.ts')).demoSchema,
  run: async (context) => await (await import('../src/app/demo/run.ts')).runDemo(context),
});
