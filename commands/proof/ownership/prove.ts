import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { ownershipView } from '../../../src/app/view/asset-batch.ts';

export default operationCommand({
  operation: 'proof.ownership.prove',
  summary: 'show somebody that we can spend an asset, without spending it',
  description:
    'Whoever asks gives a challenge of 32 bytes, so that the proof is fresh. Where the asset comes from is shown by `proof export`.',
  examples: ['proof ownership prove beans --challenge 11...11 --out mine.proof'],
  args: { asset: arg.text('an asset id or name') },
  flags: {
    challenge: flag.hex('32 bytes of whoever asks', 32),
    outpoint: flag.text('TXID:VOUT (or TXID), where there are several', { helpValue: 'OUTPOINT' }),
    'script-key': flag.hex('where there are several', 33),
    out: flag.text('write it to this new file (default: hexadecimal on stdout)', { helpValue: 'FILE', completes: 'files' }),
  },
  params: ({ args, flags }) => ({
    asset: args.asset,
    ...given({ challenge: flags.challenge, outpoint: flags.outpoint, script_key: flags['script-key'] }),
  }),
  // Whoever wants a file does not want it on the screen as well.
  view: (result, _, { flags }) => (flags.out === undefined ? ownershipView(result) : `${result.bytes} bytes written to ${flags.out}`),
  after: async ({ proof }, { flags }) => {
    if (flags.out === undefined) return;
    const { writeNew } = await import('../../../src/app/asset/proof-file.ts');
    writeNew(flags.out, Buffer.from(proof, 'hex'));
  },
});
