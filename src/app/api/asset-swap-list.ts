import { toHex } from '../../base/bytes.ts';
import { equalOutPoint, formatOutPoint } from '../../bitcoin/tx.ts';
import { isHeld } from '../../node/asset/select.ts';
import { defineOperation } from '../define.ts';
import { holdingJson, holdingSchema } from '../forms/asset.ts';
import { flag, hex, list, nullable, object, outpoint, time } from '../schema.ts';

export const assetSwapList = defineOperation({
  name: 'asset.swap.list',
  needs: 'chain',
  params: object({}),
  result: object({
    offers: list(
      object({
        id: hex(32),
        outpoint: outpoint(),
        asset: nullable(holdingSchema),
        expired: flag({ description: 'its asset is not held back any more; it can be accepted until that is spent' }),
        created_at: time(),
        expires_at: time(),
      }),
    ),
  }),
  async run({ runtime }) {
    const { assets } = runtime.state;
    const { now } = runtime.env();
    const holdings = [...assets.holdings.values()];
    return {
      offers: assets.leases
        .filter(({ purpose }) => purpose !== 'packet')
        .map(({ id, outPoint, createdAt, expiresAt }) => {
          const holding = holdings.find((each) => equalOutPoint(each.facts.outPoint, outPoint) && isHeld(assets, each));
          return {
            id: toHex(id),
            outpoint: formatOutPoint(outPoint),
            asset: holding === undefined ? null : holdingJson(assets, holding),
            expired: expiresAt <= now,
            created_at: createdAt,
            expires_at: expiresAt,
          };
        }),
    };
  },
});
