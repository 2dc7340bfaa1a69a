import { defineCommand, flag } from '../../src/app/command.ts';
import { statsPlots, statsView } from '../../src/app/view/graph.ts';

export default defineCommand({
  summary: 'the graph in numbers: how capacity and fees are distributed',
  flags: { svg: flag.text('write the plots as SVG', { helpValue: 'FILE', completes: 'files' }) },
  output: async () => (await import('../../src/app/graph/show.ts')).statsSchema,
  async run(context) {
    const { askGraph } = await import('../../src/app/graph/ask.ts');
    const { statsOf } = await import('../../src/app/graph/show.ts');
    const json = await askGraph('graph.stats', {}, context, statsOf);
    if (context.flags.svg !== undefined) {
      const { barsSvg } = await import('../../src/app/view/plot.ts');
      const { writeSvg } = await import('../../src/app/view/svg.ts');
      writeSvg(context.flags.svg, barsSvg(statsPlots(json)));
    }
    return { json, text: () => statsView(json, context.style) };
  },
});
