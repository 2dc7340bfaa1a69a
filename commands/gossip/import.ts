import { resolve } from 'node:path';
import { arg, defineCommand, flag } from '../../src/app/command.ts';
import { gossipView } from '../../src/app/view/graph.ts';

export default defineCommand({
  summary: "take in a file of gossip: Core Lightning's gossip_store, LDK's Rapid Gossip Sync, or length-prefixed messages",
  description:
    'No wallet is needed. Every signature is checked (a Rapid Gossip Sync snapshot has none: its maker is trusted), and every funding output is looked ' +
    'up in the chain. With --assume-valid the second is left out: channels are then taken to exist because somebody signed them.',
  examples: ['gossip import gossip_store --assume-valid'],
  args: { file: arg.text('the file', { completes: 'files' }) },
  flags: { 'assume-valid': flag.boolean('do not look funding outputs up in the chain') },
  output: async () => (await import('../../src/app/graph/gossip.ts')).importSchema,
  async run(context) {
    const { importGossip } = await import('../../src/app/graph/import-command.ts');
    const json = await importGossip(context, { file: resolve(context.args.file), assumeValid: context.flags['assume-valid'] });
    return { json, text: () => gossipView(json, context.style) };
  },
});
