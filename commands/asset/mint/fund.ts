import { flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { batchDetailView } from '../../../src/app/view/asset-batch.ts';

export default operationCommand({
  operation: 'asset.mint.fund',
  summary: 'bind the batch to coins, so that the ids of its assets are known; needed where a group is signed for elsewhere',
  examples: ['asset mint fund --fee-rate 5', 'asset mint fund --dry-run'],
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    'sibling-leaf': flag.hex('a script beside the assets in the script tree of their output', null),
    'sibling-branch': flag.hex('the two hashes of a branch there', 64),
    'dry-run': flag.boolean('print the cost and the ids, bind nothing'),
  },
  params: ({ flags }) => ({
    dry_run: flags['dry-run'],
    ...given({
      fee_rate_sat_per_vbyte: flags['fee-rate'],
      sibling_leaf: flags['sibling-leaf'],
      sibling_branch: flags['sibling-branch'],
    }),
  }),
  view: batchDetailView,
});
