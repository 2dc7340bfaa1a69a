import { confirmProof } from '../../asset/proof/create.ts';
import { writeFile } from '../../asset/proof/file.ts';
import { encodeProof } from '../../asset/proof/proof.ts';
import { must } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { formatTxId } from '../../bitcoin/tx.ts';
import type { NodeFailure } from '../types.ts';
import { type History, linkedTransitions } from './history.ts';
import type { Anchor, AssetState, Holding } from './types.ts';

export const anchorOf = (state: AssetState, { facts }: Holding): Anchor =>
  must(state.anchors.get(facts.outPoint.txid), 'an anchor for each holding');

/**
 * The transitions of a holding as its file has them now, oldest first. Made from what the chain says when it is asked for, so that a
 * reorganisation needs no repair. Fails with POLICY while one of them is in no block.
 */
export function transitionsOf(state: AssetState, holding: Holding, history: History): Result<readonly Bytes[], NodeFailure> {
  const newestFirst: Bytes[] = [];
  for (let at = holding; ; ) {
    const newest = transitionOf(state, at, history);
    if (!newest.ok) return newest;
    newestFirst.push(newest.value);
    const [first] = at.inputs;
    if (first === undefined) return ok([...linkedTransitions(history, at.base.head), ...at.base.before, ...newestFirst.reverse()]);
    at = must(state.holdings.get(first), 'what a holding spent is kept');
  }
}

/** The last transition alone, with the files of its further inputs. */
function transitionOf(state: AssetState, holding: Holding, history: History): Result<Bytes, NodeFailure> {
  const { txid, block } = anchorOf(state, holding);
  if (block === null)
    return fail({
      code: 'POLICY',
      message: `transaction ${formatTxId(txid)} is in no block yet: there is no proof of it`,
      hint: 'wait for a confirmation',
    });
  const { base } = holding;
  const additionalInputs = [...base.additionalInputs, ...base.additionalHeads.map((head) => writeFile(linkedTransitions(history, head)))];
  for (const key of holding.inputs.slice(1)) {
    const file = fileOf(state, must(state.holdings.get(key), 'what a holding spent is kept'), history);
    if (!file.ok) return file;
    additionalInputs.push(file.value);
  }
  return ok(encodeProof(confirmProof({ ...holding.proof, additionalInputs }, block)));
}

export function fileOf(state: AssetState, holding: Holding, history: History): Result<Bytes, NodeFailure> {
  const transitions = transitionsOf(state, holding, history);
  return transitions.ok ? ok(writeFile(transitions.value)) : transitions;
}
