import { toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { listLeaves } from '../../io/universe/stats.ts';
import { defineOperation } from '../define.ts';
import { MOST, pageFields, proofType, rootJson, rootSchema, sum, treesOf } from '../forms/universe.ts';
import { count, hex, list, object, outpoint, text, time, withProperties } from '../schema.ts';
import { readUniverse } from '../universe/own.ts';

const leafSchema = object({
  outpoint: outpoint(),
  script_key: hex(33),
  asset_id: hex(32),
  amount: sum(),
  height: count({ description: 'of the block that holds it' }),
  added_at: time(),
  bytes: count({ description: 'of the proof' }),
});

export const universeLeaves = defineOperation({
  name: 'universe.leaves',
  needs: 'nothing',
  params: object(
    { asset: text({ description: 'an asset id or name, or the key of a group' }) },
    { proof_type: proofType(), ...pageFields },
  ),
  result: object({ universes: list(withProperties(rootSchema, { leaves: list(leafSchema) })) }),
  async run(place, { offset = 0, limit = MOST, ...which }) {
    const page = { offset, limit: Math.min(limit, MOST) };
    return readUniverse(place, (universe) => ({
      universes: treesOf(universe, { ...which, ...page }).map((tree) => ({
        ...rootJson(tree),
        leaves: listLeaves(universe.database, tree.row, page).map((leaf) => ({
          outpoint: formatOutPoint(leaf.outPoint),
          script_key: toHex(leaf.scriptKey),
          asset_id: toHex(leaf.assetId),
          amount: `${leaf.amount}`,
          height: leaf.height,
          added_at: leaf.addedAt,
          bytes: leaf.size,
        })),
      })),
    }));
  },
});
