import type { UniverseLeaf } from '../../asset/courier.ts';
import { assetId } from '../../asset/genesis.ts';
import { sameGroup } from '../../asset/group-key.ts';
import { bytesSource, openFile } from '../../asset/proof/file.ts';
import type { Proof } from '../../asset/proof/proof.ts';
import type { ProofFailure, Standing } from '../../asset/proof/verify.ts';
import { type FileEnv, verifySteps } from '../../asset/proof/verify-file.ts';
import { leafKeyOf, universeIdOf } from '../../asset/universe/id.ts';
import { type Bytes, equal } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { equalOutPoint } from '../../bitcoin/tx.ts';
import type { ChainFailure } from '../chain/source.ts';
import type { UniverseFailure } from './contract.ts';

/** What the verification of a leaf is made of, apart from what is stored. */

/** After so long the loop turns: whoever verifies many leaves does other work too. */
export const TURN_MS = 20;

/** What a leaf says of its proof that is not so; null where all is. */
export function mismatch(leaf: UniverseLeaf, proof: Proof): string | null {
  const { asset } = proof;
  if (leaf.kind !== universeIdOf(proof).proofType) return `the proof is of ${leaf.kind === 'issuance' ? 'a transfer' : 'a minting'}`;
  if (!sameGroup(leaf.groupKey, asset.groupKey)) return 'the proof is of another group';
  if (!equal(leaf.assetId, assetId(asset.genesis))) return 'the proof is of another asset';
  if (!equal(leaf.scriptKey.subarray(1), asset.scriptKey.subarray(1))) return 'the proof is of another script key';
  return equalOutPoint(leaf.outPoint, leafKeyOf(proof).outPoint) ? null : 'the proof is of another outpoint';
}

export function lastOf(file: Bytes): Bytes | null {
  const cursor = openFile(bytesSource(file));
  if (!cursor.ok) return null;
  for (let last: Bytes | null = null; ; ) {
    const raw = cursor.value.next();
    if (!raw.ok) return null;
    if (raw.value === null) return last;
    last = raw.value;
  }
}

export async function verifyInTurns(file: Bytes, env: FileEnv): Promise<Result<Standing, ProofFailure>> {
  const steps = verifySteps(bytesSource(file), env);
  for (let turned = performance.now(); ; ) {
    const { value, done } = steps.next();
    if (done === true) return value;
    if (performance.now() - turned < TURN_MS) continue;
    await new Promise(setImmediate);
    turned = performance.now();
  }
}

/** What the chain says of a proof. */
export function unproven(answer: Result<ProofFailure | null, ChainFailure>): Result<null, UniverseFailure> {
  if (!answer.ok) return refuse('UNREACHABLE', answer.failure.message);
  return answer.value === null ? ok(null) : invalid(answer.value);
}

export function invalid({ code, message }: ProofFailure): ReturnType<typeof refuse> {
  // The first asset of a group comes before all others, as an asset comes before its transfer.
  if (code === 'GROUP_KEY_UNKNOWN') return refuse('UNKNOWN_PREDECESSOR', 'the first asset of the group is not in this universe');
  return refuse('INVALID', `the proof does not hold: ${message} (${code})`);
}
export const refuse = (code: UniverseFailure['code'], message: string): { readonly ok: false; readonly failure: UniverseFailure } =>
  fail({ code, message });
