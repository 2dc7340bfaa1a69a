import { confirmProof } from '../../asset/proof/create.ts';
import { writeFile } from '../../asset/proof/file.ts';
import { encodeProof, outPointOf } from '../../asset/proof/proof.ts';
import { must } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { formatTxId } from '../../bitcoin/tx.ts';
import type { NodeFailure } from '../types.ts';
import type { Anchor, AssetState, Holding } from './types.ts';

export const anchorOf = (state: AssetState, holding: Holding): Anchor =>
  must(state.anchors.get(outPointOf(holding.proof).txid), 'an anchor for each holding');

/**
 * The transitions of a holding as its file has them now, oldest first. Made from what the chain says when it is asked for, so that a
 * reorganisation needs no repair. Fails with POLICY while one of them is in no block.
 */
export function transitionsOf(state: AssetState, holding: Holding): Result<readonly Bytes[], NodeFailure> {
  const { txid, block } = anchorOf(state, holding);
  if (block === null)
    return fail({
      code: 'POLICY',
      message: `transaction ${formatTxId(txid)} is in no block yet: there is no proof of it`,
      hint: 'wait for a confirmation',
    });
  const before: Bytes[] = [...holding.base.before];
  const additionalInputs: Bytes[] = [...holding.base.additionalInputs];
  for (const [index, key] of holding.inputs.entries()) {
    const input = transitionsOf(state, must(state.holdings.get(key), 'what a holding spent is kept'));
    if (!input.ok) return input;
    if (index === 0) before.push(...input.value);
    else additionalInputs.push(writeFile(input.value));
  }
  return ok([...before, encodeProof(confirmProof({ ...holding.proof, additionalInputs }, block))]);
}

export function fileOf(state: AssetState, holding: Holding): Result<Bytes, NodeFailure> {
  const transitions = transitionsOf(state, holding);
  return transitions.ok ? ok(writeFile(transitions.value)) : transitions;
}
