import { must } from '../../base/assert.ts';
import { checkFile, proofError } from '../asset/check.ts';
import { proofParams, withProof } from '../asset/proof-file.ts';
import { defineOperation } from '../define.ts';
import { provedJson, provedSchema } from '../forms/asset-proof.ts';
import { flag, withProperties } from '../schema.ts';

export const proofVerify = defineOperation({
  name: 'proof.verify',
  needs: 'chain',
  params: proofParams,
  result: withProperties(provedSchema, { valid: flag() }),
  async run({ runtime, signal }, given) {
    const { groups } = runtime.state.assets;
    const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
    const checked = await withProof(given, (source) => checkFile(source, { chain, isKnownGroup: (key) => groups.has(key), signal }));
    if (!checked.ok) throw proofError(checked.failure);
    return { valid: true, ...provedJson(checked.value) };
  },
});
