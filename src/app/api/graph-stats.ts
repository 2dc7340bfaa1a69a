import { networkDir } from '../config.ts';
import { defineOperation } from '../define.ts';
import { statsOf, statsSchema } from '../graph/show.ts';
import { liveGraph } from '../graph/source.ts';
import { object } from '../schema.ts';

export const graphStats = defineOperation({
  name: 'graph.stats',
  needs: 'store',
  params: object({}),
  result: statsSchema,
  run: async ({ runtime, network, datadir }) => statsOf(liveGraph(runtime.gossip, networkDir({ datadir, network }))),
});
