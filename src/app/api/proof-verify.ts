import { must } from '../../base/assert.ts';
import { checkFile, proofError } from '../asset/check.ts';
import { proofParams, withProof } from '../asset/proof-file.ts';
import { defineOperation } from '../define.ts';
import { provedJson, provedSchema } from '../forms/asset-proof.ts';
import { flag, withProperties } from '../schema.ts';
import { groupKnower } from '../universe/own.ts';

export const proofVerify = defineOperation({
  name: 'proof.verify',
  needs: 'chain',
  params: proofParams,
  result: withProperties(provedSchema, { valid: flag() }),
  async run(context, given) {
    const { runtime, signal } = context;
    const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
    const isKnownGroup = groupKnower(context, runtime.state.assets.groups);
    const checked = await withProof(given, (source) => checkFile(source, { chain, isKnownGroup, signal }));
    if (!checked.ok) throw proofError(checked.failure);
    return { valid: true, ...provedJson(checked.value) };
  },
});
