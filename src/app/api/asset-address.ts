import { toHex } from '../../base/bytes.ts';
import { commanded, defineOperation } from '../define.ts';
import { assetOf, units, unitsOf } from '../forms/asset.ts';
import { choice, hex, object, text } from '../schema.ts';

export const assetAddress = defineOperation({
  name: 'asset.address',
  needs: 'chain',
  params: object(
    { asset: text({ description: 'an asset id or name' }), amount: units(), courier: text() },
    { version: choice(['0', '1']), asset_version: choice(['0', '1']) },
  ),
  result: object({ address: text(), asset_id: hex(32), amount: units(), version: text(), courier: text(), script: hex(34) }),
  async run(context, { asset, amount, courier, version = '1', asset_version: assetVersion = '0' }) {
    const { id } = assetOf(context.runtime.state.assets, asset);
    const request = {
      assetId: id,
      amount: unitsOf(amount),
      version: version === '0' ? (0 as const) : (1 as const),
      assetVersion: Number(assetVersion),
      courier,
    };
    const { address } = await commanded(context, { kind: 'asset', what: { kind: 'new_address', request } }, 'asset_address');
    return { address: address.text, asset_id: toHex(id), amount, version, courier, script: toHex(address.script) };
  },
});
