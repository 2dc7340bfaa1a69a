import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { commitmentView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.psbt.commit',
  summary: 'commit to signed virtual PSBTs in a transaction that others add to and sign, as a PSBT',
  description:
    'Others may add inputs and outputs behind those that are there, and sign theirs; `asset psbt publish` checks what comes back, signs ours and sends it. Until then the inputs are held back. Others get the PSBT alone; keep the commitment.',
  examples: ['asset psbt commit PSBT --unfunded --out commitment.json --psbt-out anchor.psbt'],
  args: { psbts: arg.texts('base64 or hexadecimal, or - for stdin, one a line') },
  flags: {
    unfunded: flag.boolean('put in no coins: others pay the fee'),
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    lease: flag.duration('how long its inputs are held back (default: 1h)'),
    out: flag.text('write the commitment into this new file (default: on stdout)', { helpValue: 'FILE', completes: 'files' }),
    'psbt-out': flag.text('write the PSBT for others into this new file, base64', { helpValue: 'FILE', completes: 'files' }),
  },
  params: async ({ args, flags }) => {
    // A commitment holds its inputs back: one that cannot be written is not made.
    const { requireNew } = await import('../../../src/app/asset/proof-file.ts');
    for (const file of [flags.out, flags['psbt-out']]) if (file !== undefined) requireNew(file);
    return {
      psbts: await (await import('../../../src/app/stdin.ts')).wordsOrStdin(args.psbts),
      funded: !flags.unfunded,
      ...given({
        fee_rate_sat_per_vbyte: flags['fee-rate'],
        lease_seconds: flags.lease === undefined ? undefined : Math.ceil(flags.lease / 1000),
      }),
    };
  },
  after: async ({ commitment }, { flags }) => {
    const { writeNew } = await import('../../../src/app/asset/proof-file.ts');
    const bytes = (text: string) => new TextEncoder().encode(`${text}\n`);
    if (flags.out !== undefined) writeNew(flags.out, bytes(JSON.stringify(commitment)));
    if (flags['psbt-out'] !== undefined) writeNew(flags['psbt-out'], bytes(commitment.anchor_psbt));
  },
  view: (result, style, { flags }) => commitmentView(result, style, flags.out ?? null),
});
