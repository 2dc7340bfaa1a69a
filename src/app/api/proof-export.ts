import { toHex } from '../../base/bytes.ts';
import { fileOf } from '../../node/asset/files.ts';
import { holdingParams, pickHolding } from '../asset/pick-holding.ts';
import { portsOf, reproveHistories } from '../asset/reprove.ts';
import { defineOperation, refusal } from '../define.ts';
import { holdingJson, holdingSchema } from '../forms/asset.ts';
import { count, hex, object } from '../schema.ts';

export const proofExport = defineOperation({
  name: 'proof.export',
  needs: 'chain',
  params: holdingParams,
  result: object({ holding: holdingSchema, proof: hex(), bytes: count() }),
  async run({ runtime }, given) {
    await reproveHistories(portsOf(runtime));
    const { assets } = runtime.state;
    const holding = pickHolding(assets, given);
    const file = fileOf(assets, holding, (link) => runtime.store.assetHistory(link));
    if (!file.ok) throw refusal(file.failure);
    return { holding: holdingJson(assets, holding), proof: toHex(file.value), bytes: file.value.length };
  },
});
