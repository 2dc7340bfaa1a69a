import { ASSET_TYPE } from '../../asset/genesis.ts';
import { META_TYPE, type MetaReveal } from '../../asset/proof/meta.ts';
import { type Bytes, EMPTY, utf8 } from '../../base/bytes.ts';
import type { AssetState, SeedlingGroup } from '../../node/asset/types.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { bytesOf, costJson, costSchema, groupKeyOf, seedlingJson, seedlingSchema, units, unitsOf } from '../forms/asset.ts';
import { choice, count, flag, hex, list, nullable, object, type TypeOf, text } from '../schema.ts';

const params = object(
  { name: text(), dry_run: flag() },
  {
    type: choice(['normal', 'collectible']),
    supply: units(),
    asset_version: count(),
    meta: hex(undefined, { description: 'metadata as bytes' }),
    meta_type: choice(['opaque', 'json']),
    decimal_display: count(),
    grouped: flag({ description: 'the first asset of a new group' }),
    group_key: text({ description: 'a further tranche of this group' }),
  },
);

export const assetMint = defineOperation({
  name: 'asset.mint',
  needs: 'chain',
  params,
  result: object({ batch: list(seedlingSchema), cost: nullable(costSchema), dry_run: flag() }),
  async run(context, given) {
    const collectible = given.type === 'collectible';
    if (given.supply === undefined && !collectible) throw usage('how many units?', 'give --supply N');
    const version = given.asset_version ?? 0;
    if (version > 1) throw usage(`there is no asset version ${version}`, 'it is 0 or 1');
    const seedling = {
      tag: utf8(given.name),
      type: collectible ? ASSET_TYPE.COLLECTIBLE : ASSET_TYPE.NORMAL,
      amount: given.supply === undefined ? 1n : unitsOf(given.supply),
      assetVersion: version,
      meta: metaOf(given),
      group: groupOf(context.runtime.state.assets, given),
    };
    const action = { kind: 'add_seedling', seedling, dryRun: given.dry_run } as const;
    const { seedlings, cost } = await commanded(context, { kind: 'asset', what: action }, 'asset_batch');
    return { batch: seedlings.map(seedlingJson), cost: cost === null ? null : costJson(cost), dry_run: given.dry_run };
  },
});

function groupOf(state: AssetState, given: TypeOf<typeof params>): SeedlingGroup {
  if (given.group_key === undefined) return { kind: given.grouped === true ? 'new' : 'none' };
  if (given.grouped === true) throw usage('--grouped begins a new group, --group-key continues one: give one of them');
  const groupKey = groupKeyOf(given.group_key);
  // The first byte of a key is of no matter for a group: 02 and 03 name the same one.
  const known = [...state.groups.keys()].find((key) => sameX(key, groupKey));
  return { kind: 'existing', groupKey: known ?? groupKey };
}

const sameX = (a: Bytes, b: Bytes): boolean => a.subarray(1).every((byte, i) => byte === b[i + 1]);

/** Metadata where any was given: a decimal display alone is some. */
function metaOf(given: TypeOf<typeof params>): MetaReveal | null {
  if (given.meta === undefined && given.decimal_display === undefined) return null;
  return {
    type: given.meta_type === 'json' ? META_TYPE.JSON : META_TYPE.OPAQUE,
    data: given.meta === undefined ? EMPTY : bytesOf(given.meta),
    decimalDisplay: given.decimal_display ?? null,
    universeCommitments: false,
    canonicalUniverses: null,
    delegationKey: null,
    unknown: [],
  };
}
