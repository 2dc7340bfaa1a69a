import { defineCommand } from '../../src/app/command.ts';
import { gossipView } from '../../src/app/view/graph.ts';

export default defineCommand({
  summary: 'how much of the network is known; what the daemon has taken and refused',
  output: async () => (await import('../../src/app/graph/gossip.ts')).statusSchema,
  async run(context) {
    const { askGraph } = await import('../../src/app/graph/ask.ts');
    const { storedStatus } = await import('../../src/app/graph/gossip.ts');
    const json = await askGraph('gossip.status', {}, context, storedStatus);
    return { json, text: () => gossipView(json, context.style) };
  },
});
