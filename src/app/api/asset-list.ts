import { holdingState, isHeld } from '../../node/asset/select.ts';
import { askCouriers } from '../asset/couriers.ts';
import { defineOperation } from '../define.ts';
import { holdingJson, holdingSchema } from '../forms/asset.ts';
import { seedlingJson, seedlingSchema } from '../forms/asset-batch.ts';
import { filterOf } from '../forms/asset-sums.ts';
import { flag, list, object, text } from '../schema.ts';

export const assetList = defineOperation({
  name: 'asset.list',
  needs: 'chain',
  params: object(
    {},
    { all: flag({ description: 'spent, burnt and sent ones too' }), asset: text({ description: 'an asset id or name' }), group: text() },
  ),
  result: object({ assets: list(holdingSchema), batch: list(seedlingSchema) }),
  async run(context, { all, asset, group }) {
    await askCouriers(context, 'kept');
    const { assets } = context.runtime.state;
    const fits = filterOf(assets, { ...(asset === undefined ? {} : { asset }), ...(group === undefined ? {} : { group }) });
    const shown = [...assets.holdings.values()]
      .filter(fits)
      .filter((holding) => (all === true ? holdingState(assets, holding) !== 'tombstone' : isHeld(assets, holding)));
    return { assets: shown.map((holding) => holdingJson(assets, holding)), batch: (assets.batch?.seedlings ?? []).map(seedlingJson) };
  },
});
