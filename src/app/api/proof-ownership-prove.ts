import { toHex } from '../../base/bytes.ts';
import { holdingNames, pickHolding } from '../asset/pick-holding.ts';
import { commanded, defineOperation } from '../define.ts';
import { bytesOf, holdingJson, holdingSchema } from '../forms/asset.ts';
import { count, hex, object } from '../schema.ts';

export const proofOwnershipProve = defineOperation({
  name: 'proof.ownership.prove',
  needs: 'chain',
  params: object(holdingNames[0], { ...holdingNames[1], challenge: hex(32, { description: 'of whoever asks' }) }),
  result: object({ holding: holdingSchema, proof: hex(), bytes: count() }),
  async run(context, { challenge, ...given }) {
    const { assets } = context.runtime.state;
    const holding = pickHolding(assets, given);
    const what = { kind: 'prove_ownership', key: holding.key, challenge: challenge === undefined ? null : bytesOf(challenge) } as const;
    const { proof } = await commanded(context, { kind: 'asset', what }, 'asset_ownership');
    return { holding: holdingJson(assets, holding), proof: toHex(proof), bytes: proof.length };
  },
});
