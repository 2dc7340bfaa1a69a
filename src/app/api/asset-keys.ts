import { toHex } from '../../base/bytes.ts';
import { commanded, defineOperation } from '../define.ts';
import { keysSchema } from '../forms/asset-keys.ts';
import { object } from '../schema.ts';

export const assetKeys = defineOperation({
  name: 'asset.keys',
  needs: 'chain',
  params: object({}),
  result: keysSchema,
  async run(context) {
    const { keys } = await commanded(context, { kind: 'asset', what: { kind: 'new_keys' } }, 'asset_keys');
    return { script_key: toHex(keys.scriptKey), internal_key: toHex(keys.internalKey) };
  },
});
