import { equal, toHex } from '../../base/bytes.ts';
import { formatOutPoint, formatTxId } from '../../bitcoin/tx.ts';
import { holdingState } from '../../node/asset/select.ts';
import type { AssetState, Holding } from '../../node/asset/types.ts';
import { notFound, usage } from '../define.ts';
import { assetOf } from '../forms/asset.ts';
import { hex, object, type TypeOf, text } from '../schema.ts';

/** How one holding is named. */
export const holdingNames = [
  { asset: text({ description: 'an asset id or name, or the address that it was sent to' }) },
  { outpoint: text({ description: 'txid:vout, or the txid, where there are several' }), script_key: hex(33) },
] as const;
export const holdingParams = object(...holdingNames);

/** The one that is meant; those that are ours and confirmed before others. Throws NOT_FOUND or USAGE. */
export function pickHolding(state: AssetState, given: TypeOf<typeof holdingParams>): Holding {
  const { asset, outpoint, script_key: scriptKey } = given;
  const found = candidates(state, asset)
    .filter(({ facts }) => outpoint === undefined || isAt(facts, outpoint))
    .filter(({ proof }) => scriptKey === undefined || toHex(proof.asset.scriptKey) === scriptKey);
  const held = found.filter((holding) => holdingState(state, holding) === 'confirmed');
  const [holding, second] = held.length > 0 ? held : found;
  if (holding === undefined) throw notFound(`there is no proof for ${asset}`, '`lnkit asset list --all` shows what there is');
  if (second !== undefined) throw usage(`${found.length} holdings fit`, 'name one by --outpoint and --script-key');
  return holding;
}

function candidates(state: AssetState, given: string): readonly Holding[] {
  const delivery = [...state.anchors.values()].flatMap(({ deliveries }) => deliveries.filter(({ address }) => address === given));
  const isThere = (holding: Holding): boolean => holdingState(state, holding) !== 'replaced';
  if (delivery.length > 0) return delivery.flatMap(({ key }) => state.holdings.get(key) ?? []).filter(isThere);
  const { id } = assetOf(state, given);
  const own = [...state.holdings.values()].filter((holding) => equal(holding.facts.assetId, id) && isThere(holding));
  return own.filter((holding) => holdingState(state, holding) !== 'tombstone');
}

function isAt({ outPoint }: Holding['facts'], given: string): boolean {
  return formatOutPoint(outPoint) === given || formatTxId(outPoint.txid) === given;
}
