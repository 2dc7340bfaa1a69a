import { toHex } from '../../base/bytes.ts';
import { ASSET_ORDERS, eventsByDay, listAssets, totals } from '../../io/universe/stats.ts';
import { defineOperation } from '../define.ts';
import { typeName } from '../forms/asset.ts';
import { MOST, pageFields, sum } from '../forms/universe.ts';
import { choice, count, hex, list, nullable, object, outpoint, text, time } from '../schema.ts';
import { readUniverse } from '../universe/own.ts';

const DAY_S = 86_400;

const assetSchema = object({
  asset_id: hex(32),
  group_key: nullable(hex(33)),
  name: text(),
  type: choice(['normal', 'collectible']),
  supply: sum(),
  genesis_point: outpoint(),
  anchor_point: outpoint(),
  height: count({ description: 'of its minting' }),
  minted_at: time(),
  proofs: count(),
  syncs: count(),
});

export const universeStats = defineOperation({
  name: 'universe.stats',
  needs: 'nothing',
  params: object({}, { name: text(), sort: choice(ASSET_ORDERS), days: count(), ...pageFields }),
  result: object({
    assets: count(),
    groups: count(),
    proofs: count(),
    syncs: count({ description: 'leaves that were handed to others' }),
    by_asset: list(assetSchema),
    by_day: list(object({ date: text(), proofs: count(), syncs: count() })),
  }),
  async run(place, { name = null, sort = 'height', days = 30, offset = 0, limit = 100 }) {
    const since = Math.floor(Date.now() / 1000 / DAY_S - days + 1) * DAY_S;
    return readUniverse(place, ({ database }) => ({
      ...totals(database),
      by_asset: listAssets(database, { order: sort, name, offset, limit: Math.min(limit, MOST) }).map((facts) => ({
        asset_id: toHex(facts.assetId),
        group_key: facts.groupKey === null ? null : toHex(facts.groupKey),
        name: facts.name,
        type: typeName(facts.type),
        supply: `${facts.supply}`,
        genesis_point: facts.genesisPoint,
        anchor_point: facts.anchorPoint,
        height: facts.height,
        minted_at: facts.time,
        proofs: facts.proofs,
        syncs: facts.syncs,
      })),
      by_day: eventsByDay(database, since),
    }));
  },
});
