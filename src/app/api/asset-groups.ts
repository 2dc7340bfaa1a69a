import { assetName } from '../../asset/genesis.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { toHex } from '../../base/bytes.ts';
import { defineOperation } from '../define.ts';
import { NO_UNITS, sumsBy, sumsJson, sumsSchema } from '../forms/asset-sums.ts';
import { count, flag, hex, list, nullable, object, text } from '../schema.ts';

export const assetGroups = defineOperation({
  name: 'asset.groups',
  needs: 'chain',
  params: object({}),
  result: object({
    groups: list(
      object({
        group_key: hex(33),
        anchor_asset_id: hex(32),
        version: nullable(count({ description: 'of the construction of its key; null where that was not noted' })),
        ours: flag({ description: 'this wallet can mint further tranches' }),
        external: flag({ description: 'its key signs elsewhere, for us' }),
        tapscript_root: nullable(hex(32)),
        tranches: list(object({ asset_id: hex(32), name: nullable(text()) })),
        ...sumsSchema,
      }),
    ),
  }),
  async run({ runtime }) {
    const { assets } = runtime.state;
    const { groups, known } = assets;
    const sums = sumsBy(assets, ({ facts }) => (facts.groupKey === null ? null : toHex(facts.groupKey)));
    return {
      groups: [...groups.values()].map(({ groupKey, anchorId, rawKeyIndex, reveal, external }) => ({
        group_key: toHex(groupKey),
        anchor_asset_id: toHex(anchorId),
        version: reveal?.version ?? null,
        ours: rawKeyIndex !== null,
        external: external !== null,
        tapscript_root: reveal === null || reveal.tapscriptRoot === null ? null : toHex(reveal.tapscriptRoot),
        tranches: [...known.entries()].flatMap(([id, each]) =>
          sameGroup(each.groupKey, groupKey) ? [{ asset_id: toHex(id), name: assetName(each.genesis) }] : [],
        ),
        ...sumsJson(sums.get(toHex(groupKey))?.sums ?? NO_UNITS),
      })),
    };
  },
});
