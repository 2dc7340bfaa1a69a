import { arg, flag } from '../../src/app/command.ts';
import { usage } from '../../src/app/define.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetAddressView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.address',
  summary: 'make an address to receive an asset on',
  description:
    'The asset must be known here: `lnkit universe sync HOST:PORT` brings it, and so does `lnkit proof import` of any proof of it. An address of version 0 or 1 is used once; one of version 2 ' +
    'any number of times, for any asset of the group where the asset has one, and it may leave the amount to the sender.',
  examples: [
    'asset address beans 250 --courier universerpc://universe.example:10029',
    'asset address beans --address-version 2 --courier authmailbox+universerpc://universe.example:10029',
  ],
  args: {
    asset: arg.text('an asset id, a name that only one asset has, or the key of a group'),
    amount: arg.optional('units; version 2 needs none'),
  },
  flags: {
    courier: flag.text(
      'where the sender leaves the proof: universerpc://HOST:PORT or hashmail://HOST:PORT; version 2: authmailbox+universerpc://HOST:PORT',
      { helpValue: 'URL' },
    ),
    'address-version': flag.choice('(default: 1, for a group 2)', ['0', '1', '2']),
    'asset-version': flag.choice('of the asset that arrives (default: 0)', ['0', '1']),
  },
  params({ args, flags }) {
    if (flags.courier === undefined) throw usage('an address names a proof courier', 'give --courier universerpc://HOST:PORT');
    const more = given({ amount: args.amount, version: flags['address-version'], asset_version: flags['asset-version'] });
    return { asset: args.asset, courier: flags.courier, ...more };
  },
  view: assetAddressView,
});
