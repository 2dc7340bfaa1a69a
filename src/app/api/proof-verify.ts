import { must } from '../../base/assert.ts';
import { asFile, checkFile, proofError } from '../asset/check.ts';
import { defineOperation } from '../define.ts';
import { bytesOf } from '../forms/asset.ts';
import { provedJson, provedSchema } from '../forms/asset-proof.ts';
import { flag, hex, object, withProperties } from '../schema.ts';

export const proofVerify = defineOperation({
  name: 'proof.verify',
  needs: 'chain',
  params: object({ proof: hex(undefined, { description: 'a proof file, or the proof of a minting' }) }),
  result: withProperties(provedSchema, { valid: flag() }),
  async run({ runtime }, { proof }) {
    const { groups } = runtime.state.assets;
    const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
    const checked = await checkFile(asFile(bytesOf(proof)), { chain, isKnownGroup: (key) => groups.has(key) });
    if (!checked.ok) throw proofError(checked.failure);
    return { valid: true, ...provedJson(checked.value) };
  },
});
