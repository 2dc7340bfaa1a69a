import { firstHops } from '../../node/pay.ts';
import { networkDir } from '../config.ts';
import { defineOperation } from '../define.ts';
import { answer, routeParams, routeSchema } from '../graph/route.ts';
import { recordedOf } from '../graph/route-query.ts';
import { liveGraph } from '../graph/source.ts';

/** Routes over the graph of a running node, from its own channels as they are now. */
export const route = defineOperation({
  name: 'route',
  needs: 'store',
  params: routeParams,
  result: routeSchema,
  async run({ runtime, network, datadir }, params) {
    const hops = firstHops(runtime, { outgoing: [], excludedChannels: [], excludedNodes: [] });
    const own = { self: runtime.state.nodeId, height: runtime.env().height, firstHops: hops };
    const recorded = recordedOf(params, liveGraph(runtime.gossip, networkDir({ datadir, network })), own);
    return answer(recorded, { explain: params.explain });
  },
});
