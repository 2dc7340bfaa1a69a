import { commanded, defineOperation } from '../define.ts';
import { seedlingJson, seedlingSchema } from '../forms/asset-batch.ts';
import { list, object } from '../schema.ts';

export const assetMintCancel = defineOperation({
  name: 'asset.mint.cancel',
  needs: 'store',
  params: object({}),
  result: object({ cancelled: list(seedlingSchema) }),
  async run(context) {
    const { batch } = await commanded(context, { kind: 'asset', what: { kind: 'cancel_batch' } }, 'asset_batch');
    return { cancelled: batch.seedlings.map(seedlingJson) };
  },
});
