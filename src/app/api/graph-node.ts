import { networkDir } from '../config.ts';
import { defineOperation } from '../define.ts';
import { nodeSchema, showNode } from '../graph/show.ts';
import { liveGraph } from '../graph/source.ts';
import { object, text } from '../schema.ts';

export const graphNode = defineOperation({
  name: 'graph.node',
  needs: 'store',
  params: object({ node_id: text() }),
  result: nodeSchema,
  run: async ({ runtime, network, datadir }, params) =>
    showNode(liveGraph(runtime.gossip, networkDir({ datadir, network })), params.node_id),
});
