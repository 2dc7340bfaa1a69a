import { type Bytes, equal } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import {
  type Asset,
  hasGenesisWitness,
  hasGroupGenesisWitness,
  splitOf,
  type Witness,
  withoutSplitCommitment,
  ZERO_PREV_ID,
} from '../asset.ts';
import { assetLeaf } from '../asset-codec.ts';
import { splitLocatorHash } from '../commitment/split.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { ASSET_TYPE, assetId } from '../genesis.ts';
import { isTombstone } from '../keys.ts';
import { verifyProof } from '../mssmt/proof.ts';
import { type ChainTimes, checkLockTimes } from './lock-time.ts';
import { groupPrevOutput, type InputSet, inputKey, inputSet, prevOutput, virtualTx, withInput } from './virtual-tx.ts';
import { checkWitness, type ScriptInterpreter } from './witness.ts';

/** A rule of the state machine that a transition breaks. */
export type VmCode =
  | 'NO_SPLIT_COMMITMENT'
  | 'ID_MISMATCH'
  | 'TYPE_MISMATCH'
  | 'SCRIPT_KEY_MISMATCH'
  | 'AMOUNT_MISMATCH'
  | 'INVALID_GENESIS'
  | 'INVALID_WITNESS'
  | 'INVALID_SPLIT_TYPE'
  | 'INVALID_SPLIT_WITNESS'
  | 'INVALID_SPLIT_PROOF'
  | 'INVALID_ROOT_ASSET'
  | 'INVALID_SCRIPT_VERSION'
  | 'INPUT_MISMATCH'
  | 'NO_INPUTS'
  | 'UNFINALIZED'
  | 'CHAIN_UNKNOWN'
  | 'UNKNOWN_VERSION'
  | 'SUM_OVERFLOW';
export type VmFailure = AssetFailure<VmCode>;

/** An output of a split, at its place in the Bitcoin transaction. */
export interface SplitAsset {
  readonly asset: Asset;
  readonly outputIndex: number;
}

export interface Transition {
  /** The new asset, or the root of a split. */
  readonly asset: Asset;
  readonly splits: readonly SplitAsset[];
  readonly inputs: InputSet;
}

export interface VmEnv {
  readonly interpreter: ScriptInterpreter;
  /** Height of the block that holds the transition. */
  readonly height: number;
  /** null leaves lock times unchecked (for transitions that are not on the chain yet). */
  readonly chain: ChainTimes | null;
}

const SCRIPT_VERSION_0 = 0;

/** Validates a transition wholly: genesis rules, split proofs, conservation of units, locks, and every input's witness. */
export function validateTransition(transition: Transition, env: VmEnv): Result<null, VmFailure> {
  const { asset, splits, inputs } = transition;
  const hasInputs = splits.length > 0 || inputs.size > 0;
  if (hasGenesisWitness(asset)) {
    // Whoever mints into a group needs the group's witness.
    return hasInputs || asset.groupKey !== null ? refuse('INVALID_GENESIS', 'invalid genesis state transition') : ok(null);
  }
  if (hasGroupGenesisWitness(asset)) {
    if (hasInputs) return refuse('INVALID_GENESIS', 'invalid genesis state transition');
    return validateInputs({ ...transition, inputs: inputSet([[ZERO_PREV_ID, asset]]) }, env);
  }
  for (const split of splits) {
    const valid = validateSplit(transition, split);
    if (!valid.ok) return valid;
  }
  return validateInputs(transition, env);
}

/** The witnesses of a transition alone, for those who have just signed. */
export const validateWitnesses = (transition: Transition, interpreter: ScriptInterpreter): Result<null, VmFailure> =>
  validateTransition(transition, { interpreter, height: 0, chain: null });

function validateSplit({ asset: root, inputs }: Transition, { asset, outputIndex }: SplitAsset): Result<null, VmFailure> {
  if (root.genesis.type !== asset.genesis.type) return refuse('INVALID_SPLIT_TYPE', 'invalid split asset type');
  if (root.splitCommitmentRoot === null) return refuse('NO_SPLIT_COMMITMENT', 'missing asset split commitment root');
  const split = splitOf(asset);
  if (split === null) return refuse('INVALID_SPLIT_WITNESS', 'invalid split commitment asset witness');
  const [witness] = root.prevWitnesses;
  const spent = witness?.prevId ? inputs.get(inputKey(witness.prevId)) : undefined;
  if (witness === undefined || spent === undefined) return refuse('NO_INPUTS', 'missing asset input(s)');
  const fits = matchesInput(asset, spent, witness);
  if (!fits.ok) return fits;
  for (const each of [root, asset])
    if (each.amount === 0n && !isTombstone(each)) return refuse('INVALID_ROOT_ASSET', 'invalid zero-value root asset');
  // The owner may not move an output by its own locks: the tree commits to those of the root.
  const committed = { ...withoutSplitCommitment(asset), lockTime: root.lockTime, relativeLockTime: root.relativeLockTime };
  const leaf = assetLeaf(committed);
  if (!leaf.ok) return leaf;
  const key = splitLocatorHash({ outputIndex, assetId: assetId(asset.genesis), scriptKey: asset.scriptKey });
  const proved = verifyProof(split.proof, { key, leaf: leaf.value, root: root.splitCommitmentRoot });
  return proved ? ok(null) : refuse('INVALID_SPLIT_PROOF', 'invalid split commitment proof');
}

function validateInputs(transition: Transition, env: VmEnv): Result<null, VmFailure> {
  const { asset, inputs } = transition;
  if (asset.prevWitnesses.length === 0) return refuse('NO_INPUTS', 'missing asset input(s): no witness');
  if (asset.genesis.type === ASSET_TYPE.COLLECTIBLE && asset.prevWitnesses.length > 1)
    return refuse('INVALID_WITNESS', 'invalid transfer asset witness: a collectible has more than one input');
  const virtual = virtualTx(asset, inputs);
  if (!virtual.ok) return virtual;
  const { tx } = virtual.value;
  const out = tx.outputs[0]?.amount ?? 0n;
  if (virtual.value.inputs.sum !== out)
    return refuse('AMOUNT_MISMATCH', `asset amount mismatch: ${virtual.value.inputs.sum} units go in, ${out} come out`);
  for (const [index, witness] of asset.prevWitnesses.entries()) {
    const { prevId } = witness;
    const spent = prevId === null ? undefined : inputs.get(inputKey(prevId));
    if (prevId === null || spent === undefined) return refuse('NO_INPUTS', 'missing asset input(s)');
    const unlocked = env.chain === null ? ok(null) : checkLockTimes(asset, prevId, env.height, env.chain);
    if (!unlocked.ok) return unlocked;
    if (spent.scriptVersion !== SCRIPT_VERSION_0) return refuse('INVALID_SCRIPT_VERSION', 'invalid script version');
    const valid = validateInput({ asset, spent, witness, tx: withInput(tx, { asset, index, witness: witness.txWitness }) }, env);
    if (!valid.ok) return valid;
  }
  return ok(null);
}

interface Input {
  readonly asset: Asset;
  readonly spent: Asset;
  readonly witness: Witness;
  readonly tx: Parameters<ScriptInterpreter>[0];
}

function validateInput({ asset, spent, witness, tx }: Input, env: VmEnv): Result<null, VmFailure> {
  if (witness.txWitness.length === 0) return refuse('INVALID_WITNESS', 'invalid transfer asset witness: input has no witness');
  if (hasGroupGenesisWitness(asset)) return checkWitness(tx, groupPrevOutput(spent, asset.groupKey as Bytes), env.interpreter);
  const fits = matchesInput(asset, spent, witness);
  return fits.ok ? checkWitness(tx, prevOutput(spent), env.interpreter) : fits;
}

/** A new asset is of the kind that the input is: the same id, or the same group and name. */
function matchesInput(asset: Asset, spent: Asset, { prevId }: Witness): Result<null, VmFailure> {
  if (prevId === null || !equal(prevId.scriptKey, spent.scriptKey)) return refuse('SCRIPT_KEY_MISMATCH', 'asset script key mismatch');
  const sameId = equal(prevId.id, assetId(spent.genesis));
  const sameGroup =
    asset.groupKey !== null &&
    spent.groupKey !== null &&
    equal(asset.groupKey, spent.groupKey) &&
    equal(asset.genesis.tag, spent.genesis.tag);
  if (!sameId && !sameGroup) return refuse('ID_MISMATCH', 'asset id mismatch');
  return asset.genesis.type === spent.genesis.type ? ok(null) : refuse('TYPE_MISMATCH', 'asset type mismatch');
}
