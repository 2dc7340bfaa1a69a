import { decodeProof } from '../../asset/proof/proof.ts';
import { verifyOwnershipProof } from '../../asset/proof/verify.ts';
import { must } from '../../base/assert.ts';
import { ProofFacts } from '../../io/chain/proof-facts.ts';
import { checkScripts } from '../../io/regtest/scripts.ts';
import { proofError } from '../asset/check.ts';
import { defineOperation } from '../define.ts';
import { bytesOf } from '../forms/asset.ts';
import { provedJson, provedSchema } from '../forms/asset-proof.ts';
import { chainError } from '../node/chain-driver.ts';
import { flag, hex, object, withProperties } from '../schema.ts';

export const proofOwnershipVerify = defineOperation({
  name: 'proof.ownership.verify',
  needs: 'chain',
  params: object({ proof: hex() }, { challenge: hex(32, { description: 'what the owner was asked to sign' }) }),
  result: withProperties(provedSchema, {
    valid: flag(),
    unspent: flag({ description: 'the chain still has the output' }),
    known: flag({ description: 'the minting of the asset was verified here' }),
  }),
  async run({ runtime }, { proof: given, challenge }) {
    const proof = decodeProof(bytesOf(given));
    if (!proof.ok) throw proofError(proof.failure);
    const chain = must(runtime.chain ?? undefined, 'the operation needs the chain');
    const { groups, known } = runtime.state.assets;
    const facts = new ProofFacts(chain);
    const env = { interpreter: checkScripts, chain: null, isInChain: facts.claim, isKnownGroup: (key: Uint8Array) => groups.has(key) };
    const owned = verifyOwnershipProof(proof.value, challenge === undefined ? null : bytesOf(challenge), env);
    if (!owned.ok) throw proofError(owned.failure);
    const foreign = await facts.firstFalseClaim();
    if (!foreign.ok) throw chainError(foreign.failure);
    if (foreign.value !== null) throw proofError(foreign.value);
    const output = await chain.output(owned.value.outPoint);
    if (!output.ok) throw chainError(output.failure);
    const proved = provedJson({ snapshot: owned.value, transitions: 1 });
    return { valid: true, unspent: output.value !== null, known: known.has(bytesOf(proved.asset_id)), ...proved };
  },
});
