import { askCouriers } from '../asset/couriers.ts';
import { defineOperation } from '../define.ts';
import { anchorJson, anchorSchema } from '../forms/asset.ts';
import { arrivalSchema, arrivalsJson } from '../forms/asset-custody.ts';
import { list, object } from '../schema.ts';

export const assetTransfers = defineOperation({
  name: 'asset.transfers',
  needs: 'chain',
  params: object({}),
  result: object({ transfers: list(anchorSchema), arrivals: list(arrivalSchema) }),
  async run(context) {
    await askCouriers(context, 'kept');
    const { assets } = context.runtime.state;
    const anchors = [...assets.anchors.values()].sort((a, b) => b.createdAt - a.createdAt);
    return { transfers: anchors.map((anchor) => anchorJson(assets, anchor)), arrivals: arrivalsJson(assets) };
  },
});
