import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { supplyView } from '../../src/app/view/asset-batch.ts';

export default operationCommand({
  operation: 'asset.supply',
  summary: "verify an issuer's commitments to the supply of a group: minted, burnt, ignored, and what is left",
  description:
    'They come from a universe, or from files as `tapcli universe supplycommit fetch` prints them: with --first, then with --spent_outpoint.',
  examples: ['asset supply --universe universe.example:10029 --group-key 02...', 'asset supply first.json second.json'],
  args: { files: arg.rest('the commitments of the group, the first one first') },
  flags: {
    universe: flag.text('ask this universe for them', { helpValue: 'HOST:PORT' }),
    'group-key': flag.hex('the group (default: that of the first minting)', null),
  },
  async params({ args, flags }) {
    const { readText } = await import('../../src/app/asset/text-file.ts');
    return { commitments: args.files.map(readText), ...given({ universe: flags.universe, group_key: flags['group-key'] }) };
  },
  view: supplyView,
});
