import { ASSET_TYPE, assetName } from '../../asset/genesis.ts';
import { decimalDisplayOf } from '../../asset/proof/meta.ts';
import { type Bytes, fromHex, toHex, tryHex } from '../../base/bytes.ts';
import { formatOutPoint, formatTxId } from '../../bitcoin/tx.ts';
import { isDead } from '../../node/asset/fate.ts';
import { anchorOf } from '../../node/asset/files.ts';
import { holdingState } from '../../node/asset/select.ts';
import type { AnchorCost } from '../../node/asset/take-in.ts';
import type { Anchor, AssetState, Holding, KnownAsset } from '../../node/asset/types.ts';
import { notFound, usage } from '../define.ts';
import { jsonInteger } from '../json.ts';
import { amount, choice, count, hex, list, nullable, object, outpoint, type SchemaOf, type TypeOf, text, time } from '../schema.ts';
import { deliveryJson, deliverySchema } from './asset-custody.ts';

/** A u64 as a decimal string. */
export const units = (): SchemaOf<string> => text({ pattern: '^\\d+$', description: 'asset units' });
const TYPES = ['normal', 'collectible'] as const;
export const typeName = (type: number): (typeof TYPES)[number] => (type === ASSET_TYPE.COLLECTIBLE ? 'collectible' : 'normal');

const STATES = ['confirmed', 'pending', 'leased', 'spent', 'burnt', 'tombstone', 'sent', 'replaced'] as const;

export const holdingSchema = object({
  asset_id: hex(32),
  group_key: nullable(hex(33)),
  name: nullable(text()),
  type: choice(TYPES),
  amount: units(),
  decimal_display: nullable(count()),
  asset_version: count(),
  script_key: hex(33),
  outpoint: outpoint(),
  height: nullable(count({ description: 'of the block that holds it' })),
  state: choice(STATES),
});
export type HoldingJson = TypeOf<typeof holdingSchema>;

export function holdingJson(state: AssetState, holding: Holding): HoldingJson {
  const { asset } = holding.proof;
  const { assetId: id, outPoint } = holding.facts;
  const meta = state.known.get(id)?.meta ?? null;
  return {
    asset_id: toHex(id),
    group_key: asset.groupKey === null ? null : toHex(asset.groupKey),
    name: assetName(asset.genesis),
    type: typeName(asset.genesis.type),
    amount: `${asset.amount}`,
    decimal_display: meta === null ? null : decimalDisplayOf(meta),
    asset_version: asset.version,
    script_key: toHex(asset.scriptKey),
    outpoint: formatOutPoint(outPoint),
    height: anchorOf(state, holding).block?.height ?? null,
    state: holdingState(state, holding),
  };
}

export const costSchema = object({
  fee_sat: amount(),
  weight: count(),
  locked_sat: amount({ description: 'what the outputs with assets hold' }),
});
export const costJson = ({ feeSat, weight, lockedSat }: AnchorCost): TypeOf<typeof costSchema> => ({
  fee_sat: jsonInteger(feeSat),
  weight,
  locked_sat: jsonInteger(lockedSat),
});

export const anchorSchema = object({
  txid: hex(32),
  kind: choice(['mint', 'send', 'burn', 'receive', 'swap', 'foreign']),
  state: choice(['unconfirmed', 'confirmed', 'replaced'], { description: 'replaced: another transaction has taken its place' }),
  height: nullable(count()),
  replaces: nullable(hex(32, { description: 'the transaction with a lower fee that it takes the place of' })),
  note: nullable(text()),
  fee_sat: nullable(amount()),
  created_at: time(),
  assets: list(holdingSchema),
  deliveries: list(deliverySchema),
});

export function anchorJson(state: AssetState, anchor: Anchor): TypeOf<typeof anchorSchema> {
  const txid = toHex(anchor.txid);
  const here = [...state.holdings.values()].filter((holding) => toHex(holding.facts.outPoint.txid) === txid);
  return {
    txid: formatTxId(anchor.txid),
    kind: anchor.kind,
    state: anchor.block !== null ? 'confirmed' : isDead(state, anchor.txid) ? 'replaced' : 'unconfirmed',
    height: anchor.block?.height ?? null,
    replaces: anchor.replaces === null ? null : formatTxId(anchor.replaces),
    note: anchor.note,
    fee_sat: anchor.feeSat === null ? null : jsonInteger(anchor.feeSat),
    created_at: anchor.createdAt,
    assets: here.map((holding) => holdingJson(state, holding)),
    deliveries: anchor.deliveries.map((delivery) => deliveryJson(state, anchor, delivery)),
  };
}

/** The known asset that an id (or the beginning of one) or a name that only one has stands for. Throws NOT_FOUND or USAGE. */
export function assetOf(state: AssetState, given: string): { readonly id: Bytes; readonly known: KnownAsset } {
  const wanted = given.toLowerCase();
  const found = [...state.known.entries()].filter(
    ([id, { genesis }]) => (/^[0-9a-f]{8,64}$/.test(wanted) && toHex(id).startsWith(wanted)) || assetName(genesis) === given,
  );
  if (found.length > 1) throw usage(`"${given}" names ${found.length} assets`, 'give the asset id');
  const [first] = found;
  if (first === undefined) throw notFound(`there is no asset ${given}`, '`lnkit asset list` shows those that are known');
  return { id: first[0], known: first[1] };
}

/** Units as typed: a bare integer. Throws USAGE. */
export function unitsOf(given: string): bigint {
  if (!/^\d{1,20}$/.test(given) || BigInt(given) > 0xffffffffffffffffn)
    throw usage(`"${given}" is no number of units`, 'units are bare integers');
  return BigInt(given);
}

/** The key of a group, 33 bytes, with or without its first byte. Throws USAGE. */
export function groupKeyOf(given: string): Bytes {
  const bytes = tryHex(given.length === 64 ? `02${given}` : given);
  if (bytes === null || bytes.length !== 33) throw usage(`"${given}" is no group key`, 'a group key is 66 hexadecimal digits');
  return bytes;
}

export const bytesOf = (given: string): Bytes => fromHex(given);
