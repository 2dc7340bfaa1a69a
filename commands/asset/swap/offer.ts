import { arg, flag } from '../../../src/app/command.ts';
import { given, operationCommand } from '../../../src/app/operation-command.ts';
import { offerView } from '../../../src/app/view/asset-transfer.ts';

export default operationCommand({
  operation: 'asset.swap.offer',
  summary: 'offer units for bitcoin: whoever pays the price may complete the transaction',
  description:
    'The units need an output of their own (`asset split`). The offer is good until its asset is spent: `asset swap cancel` does that. After it has run out lnkit may spend the asset otherwise.',
  examples: ['asset swap offer beans 40 70000sat --out offer.json'],
  args: {
    asset: arg.text('an asset id, or a name that only one asset has'),
    amount: arg.text('units'),
    price: arg.sat('what the buyer pays'),
  },
  flags: {
    expiry: flag.duration('how long the asset is held back (default: 1d)'),
    out: flag.text('write the offer into this new file (default: on stdout)', { helpValue: 'FILE', completes: 'files' }),
    'dry-run': flag.boolean('say whether the offer can be made, sign nothing'),
  },
  params: async ({ args, flags }) => {
    // An offer holds its asset back: one that cannot be written is not made.
    if (flags.out !== undefined) (await import('../../../src/app/asset/proof-file.ts')).requireNew(flags.out);
    return {
      asset: args.asset,
      amount: args.amount,
      price_sat: args.price,
      dry_run: flags['dry-run'],
      ...given({ expires_in_seconds: flags.expiry === undefined ? undefined : Math.ceil(flags.expiry / 1000) }),
    };
  },
  after: async ({ offer }, { flags }) => {
    if (flags.out === undefined || offer === null) return;
    const { writeNew } = await import('../../../src/app/asset/proof-file.ts');
    writeNew(flags.out, new TextEncoder().encode(`${JSON.stringify(offer)}\n`));
  },
  view: (result, style, { flags }) => offerView(result, style, flags.out ?? null),
});
