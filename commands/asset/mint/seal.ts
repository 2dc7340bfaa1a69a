import { flag } from '../../../src/app/command.ts';
import { operationCommand } from '../../../src/app/operation-command.ts';
import { batchDetailView } from '../../../src/app/view/asset-batch.ts';

export default operationCommand({
  operation: 'asset.mint.seal',
  summary: 'give each grouped asset of a funded batch the witness of its group: our own, or what was signed elsewhere',
  examples: ['asset mint seal', 'asset mint seal --psbt signed.psbt', 'asset mint seal --witness 3f...:a1...,51,c0...'],
  flags: {
    psbt: flag.texts('a file with a signed PSBT, or the PSBT itself; may be repeated', { helpValue: 'FILE', completes: 'files' }),
    witness: flag.texts('a witness as ASSET_ID:ITEM,ITEM,... in hexadecimal; may be repeated', { helpValue: 'WITNESS' }),
  },
  async params({ flags }) {
    const { psbtText } = await import('../../../src/app/asset/text-file.ts');
    return { psbts: flags.psbt.map(psbtText), witnesses: flags.witness };
  },
  view: batchDetailView,
});
