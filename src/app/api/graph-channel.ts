import { networkDir } from '../config.ts';
import { defineOperation } from '../define.ts';
import { channelSchema, showChannel } from '../graph/show.ts';
import { liveGraph } from '../graph/source.ts';
import { object, text } from '../schema.ts';

export const graphChannel = defineOperation({
  name: 'graph.channel',
  needs: 'store',
  params: object({ short_channel_id: text() }),
  result: channelSchema,
  run: async ({ runtime, network, datadir }, params) =>
    showChannel(liveGraph(runtime.gossip, networkDir({ datadir, network })), params.short_channel_id),
});
