import type { Bytes } from '../../base/bytes.ts';
import type { Result } from '../../base/result.ts';
import { type Asset, inputWitness, type PrevId, prevIdOf, spendTemplate, ZERO_PREV_ID } from '../asset.ts';
import { challengeKey } from '../keys.ts';
import { inputSet } from '../vm/virtual-tx.ts';
import { type VmEnv, type VmFailure, validateTransition } from '../vm/vm.ts';
import type { Proof } from './proof.ts';

/**
 * The transition that an owner signs to show that he can spend an asset: all of it to a key that nobody has, from an outpoint that does not
 * exist, so that the signature is of no use for a real one. A challenge of 32 bytes moves the key, so that the signature is fresh.
 */
export function ownershipTransition(
  asset: Asset,
  challenge: Bytes | null,
  witness: readonly Bytes[] = [],
): { readonly prevId: PrevId; readonly asset: Asset } {
  const prevId = prevIdOf(asset, ZERO_PREV_ID.outPoint);
  return { prevId, asset: { ...spendTemplate(asset), scriptKey: challengeKey(challenge), prevWitnesses: [inputWitness(prevId, witness)] } };
}

export function verifyOwnership(
  proof: Proof,
  env: { readonly interpreter: VmEnv['interpreter']; readonly challenge: Bytes | null },
): Result<null, VmFailure> {
  const { prevId, asset } = ownershipTransition(proof.asset, env.challenge, proof.challengeWitness ?? []);
  const inputs = inputSet([[prevId, proof.asset]]);
  return validateTransition({ asset, splits: [], inputs }, { interpreter: env.interpreter, height: proof.blockHeight, chain: null });
}
