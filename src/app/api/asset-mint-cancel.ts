import { commanded, defineOperation } from '../define.ts';
import { seedlingJson, seedlingSchema } from '../forms/asset.ts';
import { list, object } from '../schema.ts';

export const assetMintCancel = defineOperation({
  name: 'asset.mint.cancel',
  needs: 'store',
  params: object({}),
  result: object({ cancelled: list(seedlingSchema) }),
  async run(context) {
    const { seedlings } = await commanded(context, { kind: 'asset', what: { kind: 'cancel_batch' } }, 'asset_batch');
    return { cancelled: seedlings.map(seedlingJson) };
  },
});
