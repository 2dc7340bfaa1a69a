import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { supplyView } from '../../src/app/view/asset-batch.ts';

export default operationCommand({
  operation: 'asset.supply',
  summary: "verify an issuer's commitments to the supply of a group: minted, burnt, ignored, and what is left",
  description:
    'The files are what `tapcli universe supplycommit fetch` prints: first with --first, then with --spent_outpoint for each next one.',
  examples: ['asset supply first.json second.json'],
  args: { files: arg.texts('the commitments of the group, the first one first') },
  flags: { 'group-key': flag.hex('the group (default: that of the first minting)', null) },
  async params({ args, flags }) {
    const { readText } = await import('../../src/app/asset/text-file.ts');
    return { commitments: args.files.map(readText), ...given({ group_key: flags['group-key'] }) };
  },
  view: supplyView,
});
