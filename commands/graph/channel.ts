import { arg, defineCommand } from '../../src/app/command.ts';
import { graphChannelView } from '../../src/app/view/graph.ts';

export default defineCommand({
  summary: 'a channel of the graph: both policies, and what was learned of it',
  args: { channel: arg.text('short channel id, such as 800000x12x0') },
  output: async () => (await import('../../src/app/graph/show.ts')).channelSchema,
  async run(context) {
    const { askGraph } = await import('../../src/app/graph/ask.ts');
    const { showChannel } = await import('../../src/app/graph/show.ts');
    const { channel } = context.args;
    const json = await askGraph('graph.channel', { short_channel_id: channel }, context, (source) => showChannel(source, channel));
    return { json, text: () => graphChannelView(json, context.style) };
  },
});
