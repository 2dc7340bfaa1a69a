import { arg, defineCommand, flag } from '../../src/app/command.ts';

export default defineCommand({
  summary: 'mine blocks on a regtest chain',
  examples: ['chain mine 101 --to bcrt1q...', 'chain mine 6'],
  args: { blocks: arg.optionalInteger('how many (default: 1)') },
  flags: { to: flag.text('address for the reward (default: the wallet of the built-in chain)', { helpValue: 'ADDRESS' }) },
  output: async () => (await import('../../src/app/regtest.ts')).mineSchema,
  async run({ args, flags, settings }) {
    const { mineBlocks } = await import('../../src/app/regtest.ts');
    const blocks = args.blocks ?? 1;
    const json = await mineBlocks({ settings, blocks, to: flags.to ?? null });
    return { json, text: () => `mined ${blocks}; the chain is at block ${json['block_height']}` };
  },
});
