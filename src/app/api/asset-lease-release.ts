import { formatOutPoint } from '../../bitcoin/tx.ts';
import { commanded, defineOperation } from '../define.ts';
import { outPointFrom } from '../forms/asset-keys.ts';
import { object, outpoint, text } from '../schema.ts';

export const assetLeaseRelease = defineOperation({
  name: 'asset.lease.release',
  needs: 'chain',
  params: object({ outpoint: text() }),
  result: object({ released: outpoint() }),
  async run(context, { outpoint: given }) {
    const outPoint = outPointFrom(given);
    await commanded(context, { kind: 'asset', what: { kind: 'release_lease', outPoint } }, 'done');
    return { released: formatOutPoint(outPoint) };
  },
});
