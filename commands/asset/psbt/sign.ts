import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { packetView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.psbt.sign',
  summary: 'sign the inputs of a virtual PSBT that are ours, or put in signatures made elsewhere',
  examples: ['asset psbt sign PSBT', 'asset psbt sign PSBT --signature 0:a1b2...'],
  args: { psbt: arg.text('base64 or hexadecimal, or - for stdin') },
  flags: {
    signature: flag.texts('a Schnorr signature over the `sighash` of an input that `asset psbt show` prints', { helpValue: 'INPUT:HEX' }),
    open: flag.boolean('sign even where the packet asks for a signature that leaves its outputs open'),
  },
  params: async ({ args, flags }) => ({
    psbt: await (await import('../../../src/app/asset/swap-file.ts')).psbtArgument(args.psbt),
    open: flags.open,
    ...given({ signatures: flags.signature.length === 0 ? undefined : flags.signature }),
  }),
  view: packetView,
});
