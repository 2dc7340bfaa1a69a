import { arg, flag } from '../../src/app/command.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { writeErr } from '../../src/app/output.ts';
import { proofView } from '../../src/app/view/universe.ts';

export default operationCommand({
  operation: 'universe.proof',
  summary: 'one leaf of our universe: its transition proof, and the merkle proofs that the universe has it',
  args: {
    asset: arg.text('an asset id or name, or the key of a group'),
    outpoint: arg.text('TXID:VOUT where the asset stands'),
    'script-key': arg.text('whose it is, 33 bytes in hexadecimal'),
  },
  flags: {
    'proof-type': flag.choice('of which tree (default: where it is)', ['issuance', 'transfer']),
    out: flag.text('write the transition proof to this new file', { helpValue: 'FILE', completes: 'files' }),
  },
  params: ({ args, flags }) => ({
    ...{ asset: args.asset, outpoint: args.outpoint, script_key: args['script-key'].toLowerCase() },
    ...given({ proof_type: flags['proof-type'] }),
  }),
  view: proofView,
  after: async ({ proof }, { flags }) => {
    if (flags.out === undefined) return;
    const { writeNew } = await import('../../src/app/asset/proof-file.ts');
    writeNew(flags.out, Buffer.from(proof, 'hex'));
    writeErr(`${proof.length / 2} bytes written to ${flags.out}\n`);
  },
});
