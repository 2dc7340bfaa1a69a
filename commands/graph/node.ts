import { arg, defineCommand } from '../../src/app/command.ts';
import { graphNodeView } from '../../src/app/view/graph.ts';

export default defineCommand({
  summary: 'a node of the graph, with its channels',
  args: { node: arg.text('node id') },
  output: async () => (await import('../../src/app/graph/show.ts')).nodeSchema,
  async run(context) {
    const { askGraph } = await import('../../src/app/graph/ask.ts');
    const { showNode } = await import('../../src/app/graph/show.ts');
    const { node } = context.args;
    const json = await askGraph('graph.node', { node_id: node }, context, (source) => showNode(source, node));
    return { json, text: () => graphNodeView(json, context.style) };
  },
});
