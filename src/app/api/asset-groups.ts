import { assetName } from '../../asset/genesis.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { toHex } from '../../base/bytes.ts';
import { defineOperation } from '../define.ts';
import { flag, hex, list, nullable, object, text } from '../schema.ts';

export const assetGroups = defineOperation({
  name: 'asset.groups',
  needs: 'chain',
  params: object({}),
  result: object({
    groups: list(
      object({
        group_key: hex(33),
        anchor_asset_id: hex(32),
        ours: flag({ description: 'this wallet can mint further tranches' }),
        tranches: list(object({ asset_id: hex(32), name: nullable(text()) })),
      }),
    ),
  }),
  async run({ runtime }) {
    const { groups, known } = runtime.state.assets;
    return {
      groups: [...groups.values()].map(({ groupKey, anchorId, rawKeyIndex }) => ({
        group_key: toHex(groupKey),
        anchor_asset_id: toHex(anchorId),
        ours: rawKeyIndex !== null,
        tranches: [...known.entries()].flatMap(([id, each]) =>
          sameGroup(each.groupKey, groupKey) ? [{ asset_id: toHex(id), name: assetName(each.genesis) }] : [],
        ),
      })),
    };
  },
});
