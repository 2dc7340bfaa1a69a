import { arg, flag } from '../../src/app/command.ts';
import { usage } from '../../src/app/define.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetSentView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.send',
  summary: 'send assets to addresses, all in one transaction',
  description:
    'Once it is confirmed, the proof goes to the courier of the address: a daemon does it by itself, else the next `lnkit asset` command does. ' +
    '`lnkit proof export ADDRESS` gives it as a file.',
  examples: [
    'asset send --interactive beans 40 --script-key 02... --internal-key 03...',
    'asset send taprt1...',
    'asset send taprt1... --amount 40 --wait proof',
    'asset send taprt1... taprt1... --fee-rate 3 --dry-run',
  ],
  args: {
    addresses: arg.texts('addresses, or - for stdin, one a line; each says which asset, and how much. With --interactive: ASSET AMOUNT'),
  },
  flags: {
    'fee-rate': flag.number('sat/vB (default: for confirmation within some blocks)'),
    courier: flag.text('another proof courier than the addresses name', { helpValue: 'URL' }),
    interactive: flag.boolean('to keys that the receiver has told (`asset keys`), without an address'),
    'script-key': flag.text('what the asset is locked to', { helpValue: 'KEY' }),
    'internal-key': flag.text('the key of the output', { helpValue: 'KEY' }),
    amount: flag.text('units, for each address of version 2 that leaves it to the sender', { helpValue: 'UNITS' }),
    wait: flag.choice('until the courier of the receiver has the proof', ['proof']),
    note: flag.text('for yourself, kept with the transfer'),
    'dry-run': flag.boolean('make the transaction, print its exact cost, do not send it'),
  },
  params: async ({ args, flags }) => ({
    addresses: flags.interactive ? [] : await (await import('../../src/app/stdin.ts')).wordsOrStdin(args.addresses),
    dry_run: flags['dry-run'],
    ...given({
      fee_rate_sat_per_vbyte: flags['fee-rate'],
      courier: flags.courier,
      amount: flags.amount,
      wait: flags.wait,
      note: flags.note,
      direct: flags.interactive ? direct(args.addresses, flags) : undefined,
    }),
  }),
  view: assetSentView,
});

type Keys = { readonly 'script-key': string | undefined; readonly 'internal-key': string | undefined };

function direct(words: readonly string[], { 'script-key': script, 'internal-key': internal }: Keys) {
  const [asset, amount, ...more] = words;
  if (asset === undefined || amount === undefined || more.length > 0) throw usage('say which asset and how much: ASSET AMOUNT');
  if (script === undefined || internal === undefined) throw usage('--interactive needs --script-key and --internal-key');
  return { asset, amount, script_key: script, internal_key: internal };
}
