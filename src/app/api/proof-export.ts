import { equal, toHex } from '../../base/bytes.ts';
import { formatOutPoint, formatTxId } from '../../bitcoin/tx.ts';
import { fileOf } from '../../node/asset/files.ts';
import { holdingState } from '../../node/asset/select.ts';
import type { AssetState, Holding } from '../../node/asset/types.ts';
import { portsOf, reproveHistories } from '../asset/reprove.ts';
import { defineOperation, notFound, refusal, usage } from '../define.ts';
import { assetOf, holdingJson, holdingSchema } from '../forms/asset.ts';
import { count, hex, object, text } from '../schema.ts';

export const proofExport = defineOperation({
  name: 'proof.export',
  needs: 'chain',
  params: object(
    { asset: text({ description: 'an asset id or name, or the address that it was sent to' }) },
    { outpoint: text({ description: 'txid:vout, or the txid, where there are several' }), script_key: hex(33) },
  ),
  result: object({ holding: holdingSchema, proof: hex(), bytes: count() }),
  async run({ runtime }, { asset, outpoint, script_key: scriptKey }) {
    await reproveHistories(portsOf(runtime));
    const { assets } = runtime.state;
    const found = candidates(assets, asset)
      .filter(({ facts }) => outpoint === undefined || isAt(facts, outpoint))
      .filter(({ proof }) => scriptKey === undefined || toHex(proof.asset.scriptKey) === scriptKey);
    const held = found.filter((holding) => holdingState(assets, holding) === 'confirmed');
    const [holding, second] = held.length > 0 ? held : found;
    if (holding === undefined) throw notFound(`there is no proof for ${asset}`, '`lnkit asset list --all` shows what there is');
    if (second !== undefined) throw usage(`${found.length} holdings fit`, 'name one by --outpoint and --script-key');
    const file = fileOf(assets, holding, (link) => runtime.store.assetHistory(link));
    if (!file.ok) throw refusal(file.failure);
    return { holding: holdingJson(assets, holding), proof: toHex(file.value), bytes: file.value.length };
  },
});

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
