import { proofParams, withProof } from '../asset/proof-file.ts';
import { takeIn } from '../asset/take-in.ts';
import { defineOperation } from '../define.ts';
import { provedJson, provedSchema } from '../forms/asset-proof.ts';
import { flag, withProperties } from '../schema.ts';

export const proofImport = defineOperation({
  name: 'proof.import',
  needs: 'chain',
  params: proofParams,
  result: withProperties(provedSchema, { owned: flag({ description: 'the asset is ours to spend' }) }),
  async run(context, given) {
    const { checked, reply } = await withProof(given, (source) => takeIn(context, source));
    return { ...provedJson(checked), owned: reply.holding !== null };
  },
});
