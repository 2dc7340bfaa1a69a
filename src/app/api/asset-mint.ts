import type { ExternalKey } from '../../asset/external-key.ts';
import { ASSET_TYPE } from '../../asset/genesis.ts';
import { decimalDisplayOf, META_TYPE, type MetaReveal, withDecimalDisplay } from '../../asset/proof/meta.ts';
import { type Bytes, EMPTY, equal, utf8 } from '../../base/bytes.ts';
import type { AssetState, KnownAsset, SeedlingGroup } from '../../node/asset/types.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { bytesOf, costJson, costSchema, groupKeyOf, units, unitsOf } from '../forms/asset.ts';
import { externalKeyOf, seedlingJson, seedlingSchema } from '../forms/asset-batch.ts';
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
    group_anchor: text({ description: 'beside the first asset of a new group of this batch, by its name' }),
    group_tapscript_root: hex(32, { description: 'scripts that may authorise further tranches' }),
    group_xpub: text({ description: 'the account whose key signs for the group elsewhere' }),
    group_fingerprint: hex(4, { description: 'of its master key' }),
    group_path: text({ description: "from the master key to the key, m/86'/coin'/account'/chain/index" }),
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
    const { assets } = context.runtime.state;
    const group = groupOf(assets, given);
    const seedling = {
      tag: utf8(given.name),
      type: collectible ? ASSET_TYPE.COLLECTIBLE : ASSET_TYPE.NORMAL,
      amount: given.supply === undefined ? 1n : unitsOf(given.supply),
      assetVersion: version,
      meta: metaOf(given, decimalsOf(assets, group)),
      group,
    };
    const action = { kind: 'add_seedling', seedling, dryRun: given.dry_run } as const;
    const { batch, cost } = await commanded(context, { kind: 'asset', what: action }, 'asset_batch');
    return { batch: batch.seedlings.map(seedlingJson), cost: cost === null ? null : costJson(cost), dry_run: given.dry_run };
  },
});

function groupOf(state: AssetState, given: TypeOf<typeof params>): SeedlingGroup {
  const { grouped = false, group_key: key, group_anchor: anchor, group_tapscript_root: root } = given;
  if ([grouped, key !== undefined, anchor !== undefined].filter(Boolean).length > 1)
    throw usage('--grouped begins a new group, --group-key and --group-anchor continue one: give one of them');
  if (root !== undefined && !grouped) throw usage('only a new group takes scripts', 'give --grouped');
  const groupKey = key === undefined ? null : knownKey(state, groupKeyOf(key));
  if (given.group_xpub !== undefined) {
    if (!grouped && groupKey === null) throw usage('an external key begins a group or continues one', 'give --grouped or --group-key');
    return { kind: 'external', key: externalOf(given, given.group_xpub), customRoot: root === undefined ? null : bytesOf(root), groupKey };
  }
  if (given.group_fingerprint !== undefined || given.group_path !== undefined)
    throw usage('these are of an external key', 'give --group-xpub');
  if (anchor !== undefined) return { kind: 'member', anchor: utf8(anchor) };
  if (groupKey !== null) return { kind: 'existing', groupKey };
  if (root !== undefined) return { kind: 'scripted', tapscriptRoot: bytesOf(root) };
  return { kind: grouped ? 'new' : 'none' };
}

function externalOf(given: TypeOf<typeof params>, xpub: string): ExternalKey {
  const { group_fingerprint: fingerprint, group_path: path } = given;
  if (fingerprint === undefined || path === undefined)
    throw usage('an external key needs its origin', 'give --group-fingerprint and --group-path');
  return externalKeyOf({ xpub, fingerprint, path });
}

// The first byte of a key is of no matter for a group: 02 and 03 name the same one.
const knownKey = (state: AssetState, groupKey: Bytes): Bytes => [...state.groups.keys()].find((each) => sameX(each, groupKey)) ?? groupKey;

const sameX = (a: Bytes, b: Bytes): boolean => a.subarray(1).every((byte, i) => byte === b[i + 1]);

/** How the first asset of the group is shown, and so all of them; null where none is known, or the asset begins one. */
function decimalsOf(state: AssetState, group: SeedlingGroup): number | null {
  const first = group.kind === 'member' ? state.batch?.seedlings.find(({ tag }) => equal(tag, group.anchor)) : knownFirst(state, group);
  return first?.meta == null ? null : decimalDisplayOf(first.meta);
}

function knownFirst(state: AssetState, group: SeedlingGroup): KnownAsset | undefined {
  const key = group.kind === 'existing' || group.kind === 'external' ? group.groupKey : null;
  const known = key === null ? undefined : state.groups.get(key);
  return known === undefined ? undefined : state.known.get(known.anchorId);
}

/** Metadata where any was given: a decimal display alone is some. `inherited`: the decimals of the group. Throws USAGE. */
function metaOf(given: TypeOf<typeof params>, inherited: number | null): MetaReveal | null {
  const { meta: data, meta_type: type, decimal_display: asked } = given;
  const decimals = asked ?? (inherited === 0 ? undefined : (inherited ?? undefined));
  if (data === undefined && type !== undefined && decimals === undefined)
    throw usage('metadata of which type, but none?', 'give --meta-file FILE');
  if (data === undefined && decimals === undefined) return null;
  const meta: MetaReveal = {
    type: type === 'json' ? META_TYPE.JSON : META_TYPE.OPAQUE,
    data: data === undefined ? EMPTY : bytesOf(data),
    decimalDisplay: null,
    universeCommitments: false,
    canonicalUniverses: null,
    delegationKey: null,
    unknown: [],
  };
  // As tapd writes it, the field is there even where it is 0.
  const shown = withDecimalDisplay(meta, asked ?? decimalDisplayOf(meta) ?? decimals ?? 0);
  if (!shown.ok) throw usage(shown.failure.message);
  return shown.value;
}
