import { base64 } from '@scure/base';
import { leafPreimage, PREIMAGE, type TapscriptPreimage } from '../../asset/commitment/sibling.ts';
import type { ExternalKey } from '../../asset/external-key.ts';
import { assetId } from '../../asset/genesis.ts';
import { decimalDisplayOf } from '../../asset/proof/meta.ts';
import { type Bytes, toHex, tryHex, tryText } from '../../base/bytes.ts';
import { parsePath } from '../../bitcoin/bip32.ts';
import { formatTxId } from '../../bitcoin/tx.ts';
import type { BatchAsset, MintReply } from '../../node/asset/mint-commands.ts';
import { costOf } from '../../node/asset/take-in.ts';
import type { Anchor, AssetState, Holding, MintBatch, Seedling } from '../../node/asset/types.ts';
import { usage } from '../define.ts';
import { amount, choice, count, flag, hex, list, nullable, object, type TypeOf, text, time } from '../schema.ts';
import { costJson, costSchema, typeName, units } from './asset.ts';

export const seedlingSchema = object({
  name: text(),
  type: choice(['normal', 'collectible']),
  supply: units(),
  asset_version: count(),
  decimal_display: nullable(count()),
  grouped: nullable(text({ description: '`new`, the key of the group, or the name of its first asset in this batch' })),
});
export const seedlingJson = ({ tag, type, amount: supply, assetVersion, meta, group }: Seedling): TypeOf<typeof seedlingSchema> => ({
  name: tryText(tag) ?? toHex(tag),
  type: typeName(type),
  supply: `${supply}`,
  asset_version: assetVersion,
  decimal_display: meta === null ? null : decimalDisplayOf(meta),
  grouped: groupedText(group),
});

function groupedText(group: Seedling['group']): string | null {
  if (group.kind === 'none') return null;
  if (group.kind === 'member') return tryText(group.anchor) ?? toHex(group.anchor);
  const key = group.kind === 'existing' || group.kind === 'external' ? group.groupKey : null;
  return key === null ? 'new' : toHex(key);
}

const BATCH_STATES = ['pending', 'funded', 'sealed', 'broadcast', 'confirmed', 'cancelled'] as const;

export const batchSchema = object({
  state: choice(BATCH_STATES),
  batch_key: nullable(hex(33, { description: 'the internal key of its output; none before it is funded' })),
  txid: nullable(hex(32)),
  height: nullable(count()),
  created_at: nullable(time()),
  cancelled_at: nullable(time()),
  fee_sat: nullable(amount()),
  assets: list(
    object({
      asset_id: nullable(hex(32)),
      name: text(),
      type: choice(['normal', 'collectible']),
      supply: units(),
      asset_version: count(),
      decimal_display: nullable(count()),
      grouped: nullable(text()),
    }),
  ),
});
export type BatchJson = TypeOf<typeof batchSchema>;

/** A batch that is not minted yet, or never will be. */
export function batchJson(
  batch: MintBatch,
  part: { readonly assets: readonly BatchAsset[] | null; readonly cancelledAt: number | null },
): BatchJson {
  const { funding, seedlings, createdAt } = batch;
  const open = funding === null ? 'pending' : funding.witnesses === null ? 'funded' : 'sealed';
  return {
    state: part.cancelledAt === null ? open : 'cancelled',
    batch_key: funding === null ? null : toHex(funding.internalKey),
    txid: null,
    height: null,
    created_at: createdAt === 0 ? null : createdAt,
    cancelled_at: part.cancelledAt,
    fee_sat: funding === null ? null : costJson(costOf({ ...funding, outputs: 1 })).fee_sat,
    assets: seedlings.map((seedling, index) => ({ asset_id: idText(part.assets?.[index]), ...seedlingJson(seedling) })),
  };
}
const idText = (asset: BatchAsset | undefined): string | null => (asset === undefined ? null : toHex(asset.assetId));

/** A batch that was minted: an anchor with what it made. */
export function mintedJson(state: AssetState, anchor: Anchor, made: readonly Holding[]): BatchJson {
  const key = made[0]?.proof.inclusionProof.internalKey;
  return {
    state: anchor.block === null ? 'broadcast' : 'confirmed',
    batch_key: key === undefined ? null : toHex(key),
    txid: formatTxId(anchor.txid),
    height: anchor.block?.height ?? null,
    created_at: anchor.createdAt,
    cancelled_at: null,
    fee_sat: anchor.feeSat === null ? null : costJson({ feeSat: anchor.feeSat, weight: 0, lockedSat: anchor.feeSat }).fee_sat,
    assets: made.map(({ proof: { asset } }) => {
      const meta = state.known.get(assetId(asset.genesis))?.meta ?? null;
      return {
        asset_id: toHex(assetId(asset.genesis)),
        name: tryText(asset.genesis.tag) ?? toHex(asset.genesis.tag),
        type: typeName(asset.genesis.type),
        supply: `${asset.amount}`,
        asset_version: asset.version,
        decimal_display: meta === null ? null : decimalDisplayOf(meta),
        grouped: asset.groupKey === null ? null : toHex(asset.groupKey),
      };
    }),
  };
}

/** What each asset of a funded batch needs to join its group. */
export const unsealedSchema = list(
  object({
    asset_id: hex(32),
    group_key: hex(33),
    anchor_asset_id: hex(32),
    ours: flag({ description: 'our own key signs when the batch is sealed' }),
    internal_key: nullable(hex(33)),
    tapscript_root: nullable(hex(32)),
    control_block: nullable(hex(undefined, { description: "of the one leaf that is all of the group's own scripts" })),
    virtual_tx: hex(),
    sighash: hex(32, { description: 'what the key path signs' }),
    psbt: nullable(text({ description: 'base64, to be signed elsewhere' })),
  }),
);
export const batchDetailSchema = object({ batch: batchSchema, unsealed: unsealedSchema, cost: nullable(costSchema) });

export const batchDetailJson = ({ batch, assets, cost }: MintReply): TypeOf<typeof batchDetailSchema> => ({
  batch: batchJson(batch, { assets, cancelledAt: null }),
  unsealed: (batch.funding?.witnesses === null ? (assets ?? []) : []).flatMap(({ assetId: id, group }) =>
    group === null
      ? []
      : [
          {
            asset_id: toHex(id),
            group_key: toHex(group.groupKey),
            anchor_asset_id: toHex(group.anchorId),
            ours: group.ours,
            internal_key: group.internalKey === null ? null : toHex(group.internalKey),
            tapscript_root: group.merkleRoot === null ? null : toHex(group.merkleRoot),
            control_block: group.controlBlock === null ? null : toHex(group.controlBlock),
            virtual_tx: toHex(group.tx),
            sighash: toHex(group.sighash),
            psbt: group.psbt === null ? null : base64.encode(group.psbt),
          },
        ],
  ),
  cost: cost === null ? null : costJson(cost),
});

/** A key that signs elsewhere. Throws USAGE. */
export function externalKeyOf(given: { readonly xpub: string; readonly fingerprint: string; readonly path: string }): ExternalKey {
  const path = parsePath(given.path);
  if (path === null) throw usage(`"${given.path}" is no path`, "such as m/86'/0'/0'/0/0");
  return { xpub: given.xpub, masterFingerprint: Number.parseInt(given.fingerprint, 16), path };
}

/** What stands beside the assets: one script, or the two hashes of a branch. Throws USAGE. */
export function siblingOf(given: { readonly leaf: string | undefined; readonly branch: string | undefined }): TapscriptPreimage | null {
  if (given.leaf !== undefined && given.branch !== undefined) throw usage('the sibling is a leaf or a branch, not both');
  if (given.branch !== undefined) return { kind: PREIMAGE.BRANCH, preimage: bytesOrThrow(given.branch) };
  if (given.leaf === undefined) return null;
  const preimage = leafPreimage(bytesOrThrow(given.leaf));
  if (!preimage.ok) throw usage(preimage.failure.message);
  return preimage.value;
}

/** The items of a witness: hexadecimal, with commas between. Throws USAGE. */
export function witnessItems(given: string): readonly Bytes[] {
  return given.split(',').map(bytesOrThrow);
}

/** A signed PSBT as text, base64 or hexadecimal. Throws USAGE. */
export function psbtOf(given: string): Bytes {
  const text = given.replace(/\s/g, '');
  try {
    return tryHex(text) ?? base64.decode(text);
  } catch {
    throw usage('a PSBT is base64 or hexadecimal');
  }
}

function bytesOrThrow(given: string): Bytes {
  const bytes = tryHex(given);
  if (bytes === null) throw usage(`"${given}" is not hexadecimal`);
  return bytes;
}
