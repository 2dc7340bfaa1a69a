import { assetName } from '../../asset/genesis.ts';
import { decimalDisplayOf } from '../../asset/proof/meta.ts';
import { toHex } from '../../base/bytes.ts';
import { askCouriers } from '../asset/couriers.ts';
import { defineOperation } from '../define.ts';
import { typeName } from '../forms/asset.ts';
import { filterOf, sumsBy, sumsJson, sumsSchema } from '../forms/asset-sums.ts';
import { choice, count, flag, hex, list, nullable, object, text } from '../schema.ts';

export const assetBalance = defineOperation({
  name: 'asset.balance',
  needs: 'chain',
  params: object(
    {},
    {
      asset: text({ description: 'an asset id or name' }),
      group: text(),
      by_group: flag({ description: 'groups alone, whatever the asset' }),
    },
  ),
  result: object({
    by: choice(['asset', 'group']),
    assets: list(
      object({
        asset_id: hex(32),
        group_key: nullable(hex(33)),
        name: nullable(text()),
        type: text(),
        decimal_display: nullable(count()),
        ...sumsSchema,
      }),
    ),
    groups: list(object({ group_key: hex(33), assets: count({ description: 'of which there are units' }), ...sumsSchema })),
  }),
  async run(context, { asset, group, by_group: byGroup }) {
    await askCouriers(context, 'kept');
    const { assets } = context.runtime.state;
    const fits = filterOf(assets, { ...(asset === undefined ? {} : { asset }), ...(group === undefined ? {} : { group }) });
    const by: 'asset' | 'group' = byGroup === true ? 'group' : 'asset';
    const perAsset = sumsBy(assets, (holding) => (by === 'asset' && fits(holding) ? toHex(holding.facts.assetId) : null));
    const perGroup = sumsBy(assets, (holding) => (fits(holding) && holding.facts.groupKey !== null ? toHex(holding.facts.groupKey) : null));
    return {
      by,
      assets: [...perAsset].map(([id, { sums, holding }]) => {
        const { genesis, groupKey } = holding.proof.asset;
        const meta = assets.known.get(holding.facts.assetId)?.meta ?? null;
        return {
          asset_id: id,
          group_key: groupKey === null ? null : toHex(groupKey),
          name: assetName(genesis),
          type: typeName(genesis.type),
          decimal_display: meta === null ? null : decimalDisplayOf(meta),
          ...sumsJson(sums),
        };
      }),
      groups: [...perGroup].map(([key, { sums, ids }]) => ({ group_key: key, assets: ids.size, ...sumsJson(sums) })),
    };
  },
});
