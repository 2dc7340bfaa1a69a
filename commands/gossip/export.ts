import { arg, defineCommand } from '../../src/app/command.ts';
import { facts } from '../../src/app/view/table.ts';

export default defineCommand({
  summary: "write all gossip as received to a gossip_store, which lnkit and Core Lightning's tools read",
  args: { file: arg.text('the file', { completes: 'files' }) },
  output: async () => (await import('../../src/app/graph/gossip.ts')).exportSchema,
  async run({ args, settings, style }) {
    const { exportStored } = await import('../../src/app/graph/gossip.ts');
    const { networkDir } = await import('../../src/app/config.ts');
    const json = exportStored(networkDir(settings), args.file);
    const rows = (['file', 'channels', 'updates', 'nodes', 'unsigned', 'bytes'] as const).map((name) => [name, `${json[name]}`] as const);
    return { json, text: () => facts(rows, style) };
  },
});
