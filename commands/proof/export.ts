import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { exportedView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'proof.export',
  summary: 'the proof file of an asset, from its minting on',
  examples: ['proof export beans --out beans.proof', 'proof export taprt1... --out for-bob.proof'],
  args: { asset: arg.text('an asset id or name, or the address that it was sent to') },
  flags: {
    outpoint: flag.text('TXID:VOUT (or TXID), where there are several', { helpValue: 'OUTPOINT' }),
    'script-key': flag.hex('where there are several', 33),
    out: flag.text('write it to this new file (default: hexadecimal on stdout)', { helpValue: 'FILE', completes: 'files' }),
  },
  params: ({ args, flags }) => ({ asset: args.asset, ...given({ outpoint: flags.outpoint, script_key: flags['script-key'] }) }),
  // Whoever wants a file does not want it on the screen as well.
  view: (result, _, { flags }) => (flags.out === undefined ? exportedView(result) : `${result.bytes} bytes written to ${flags.out}`),
  after: async ({ proof }, { flags }) => {
    if (flags.out === undefined) return;
    const { writeNew } = await import('../../src/app/asset/proof-file.ts');
    writeNew(flags.out, Buffer.from(proof, 'hex'));
  },
});
