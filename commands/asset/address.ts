import { arg, flag } from '../../src/app/command.ts';
import { usage } from '../../src/app/define.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { assetAddressView } from '../../src/app/view/asset.ts';

export default operationCommand({
  operation: 'asset.address',
  summary: 'make an address to receive an asset on',
  description: 'The asset must be known here: `lnkit proof import` of any proof of it suffices. An address is used once.',
  examples: ['asset address beans 250 --courier universerpc://universe.example:10029'],
  args: {
    asset: arg.text('an asset id, or a name that only one asset has'),
    amount: arg.text('units'),
  },
  flags: {
    courier: flag.text('where the sender leaves the proof: universerpc://HOST:PORT or hashmail://HOST:PORT', { helpValue: 'URL' }),
    'address-version': flag.choice('(default: 1)', ['0', '1']),
    'asset-version': flag.choice('of the asset that arrives (default: 0)', ['0', '1']),
  },
  params({ args, flags }) {
    if (flags.courier === undefined) throw usage('an address names a proof courier', 'give --courier universerpc://HOST:PORT');
    const more = given({ version: flags['address-version'], asset_version: flags['asset-version'] });
    return { asset: args.asset, amount: args.amount, courier: flags.courier, ...more };
  },
  view: assetAddressView,
});
