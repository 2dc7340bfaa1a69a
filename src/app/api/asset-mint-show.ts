import { commanded, defineOperation, notFound } from '../define.ts';
import { batchDetailJson, batchDetailSchema } from '../forms/asset-batch.ts';
import { object, text } from '../schema.ts';
import { batchesOf } from './asset-mint-list.ts';

export const assetMintShow = defineOperation({
  name: 'asset.mint.show',
  needs: 'chain',
  params: object({}, { batch: text({ description: 'a batch key or a transaction id, or the beginning of one; default: the open batch' }) }),
  result: batchDetailSchema,
  async run(context, { batch: given }) {
    if (given === undefined)
      return batchDetailJson(await commanded(context, { kind: 'asset', what: { kind: 'show_batch' } }, 'asset_batch'));
    const found = batchesOf(context.runtime.state.assets).filter(
      ({ batch_key: key, txid }) => key?.startsWith(given) === true || txid?.startsWith(given) === true,
    );
    const [batch] = found;
    if (batch === undefined || found.length > 1)
      throw notFound(`${found.length} batches begin with ${given}`, '`lnkit asset mint list` shows them');
    if (batch.state === 'funded' || batch.state === 'sealed')
      return batchDetailJson(await commanded(context, { kind: 'asset', what: { kind: 'show_batch' } }, 'asset_batch'));
    return { batch, unsealed: [], cost: null };
  },
});
