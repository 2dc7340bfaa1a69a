import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { BlockHash, OutPoint } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import { type BlockHeader, blockHash } from '../../bitcoin/block.ts';
import { equalOutPoint } from '../../bitcoin/tx.ts';
import { spentLeavesOf } from '../alt-leaf.ts';
import { type Asset, isGenesisAsset, isTransferRoot, type PrevId, prevIdOf, splitOf } from '../asset.ts';
import type { TapscriptPreimage } from '../commitment/sibling.ts';
import { isSimilarVersion, type TapRoot } from '../commitment/tap-commitment.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { ASSET_TYPE, assetId, checkName } from '../genesis.ts';
import { inputSet } from '../vm/virtual-tx.ts';
import { type VmCode, type VmEnv, validateTransition } from '../vm/vm.ts';
import type { FileCode } from './file.ts';
import type { MetaReveal } from './meta.ts';
import { rootWith, rootWithout, taprootKeyOf, verifyExclusion, verifyInclusion } from './output.ts';
import { verifyOwnership } from './ownership.ts';
import { outPointOf, type Proof, TRANSITION_VERSION } from './proof.ts';
import { verifyReveals } from './reveal.ts';
import type { TaprootProof } from './taproot-proof.ts';
import { verifyTxProof } from './tx-merkle.ts';

export type ProofCode =
  | FileCode
  | VmCode
  | 'INVALID_PROOF'
  | 'INVALID_SIBLING'
  | 'NOT_SPENT'
  | 'NOT_IN_CHAIN'
  | 'INVALID_TX_PROOF'
  | 'MISSING_SPLIT_ROOT'
  | 'MISSING_EXCLUSION'
  | 'MISSING_STXO'
  | 'MIXED_VERSIONS'
  | 'INVALID_GENESIS_REVEAL'
  | 'INVALID_META_REVEAL'
  | 'INVALID_GROUP_KEY'
  | 'GROUP_KEY_UNKNOWN'
  | 'IGNORED'
  | 'EMPTY'
  | 'TOO_DEEP';
export type ProofFailure = AssetFailure<ProofCode>;

/** What verification asks of the world. All answers are at hand: who verifies looks up headers before. */
export interface VerifyEnv extends Pick<VmEnv, 'interpreter' | 'chain'> {
  /** Whether the best chain has this header at this height; null leaves header and merkle proof unchecked (an anchor not confirmed yet). */
  readonly isInChain: ((header: BlockHeader, height: number) => boolean) | null;
  /** Whether the first asset of a group was verified before. */
  readonly isKnownGroup: (groupKey: Bytes) => boolean;
  /** Assets that are known to be invalid. */
  readonly isIgnored?: (point: PrevId) => boolean;
  /** Verifies the proof file of a further input. */
  readonly verifyInput: (file: Bytes) => Result<Standing, ProofFailure>;
}

/** An asset that a verified transition left at an output. */
export interface Standing {
  readonly asset: Asset;
  readonly outPoint: OutPoint;
}

/** What a verified proof says. */
export interface AssetSnapshot extends Standing {
  readonly blockHash: BlockHash;
  readonly blockHeight: number;
  readonly internalKey: Bytes;
  readonly commitment: TapRoot;
  readonly tapscriptSibling: TapscriptPreimage | null;
  readonly isSplit: boolean;
  readonly metaReveal: MetaReveal | null;
}

/** Verifies one transition after `previous` (null for a minting). */
export function verifyProof(proof: Proof, previous: Standing | null, env: VerifyEnv): Result<AssetSnapshot, ProofFailure> {
  // The witness of a challenge shows who owns the asset, not where it comes from: such a proof stands at the beginning of no history.
  if (proof.challengeWitness !== null) return refuse('INVALID_PROOF', 'an ownership proof is no transition');
  const commitment = verifyIntegrity(proof, env);
  if (!commitment.ok) return commitment;
  if (previous !== null && !equalOutPoint(proof.prevOut, previous.outPoint))
    return refuse('NOT_SPENT', 'the proof spends another output than the one before made');
  const transition = verifyTransition(proof, previous, env);
  return transition.ok ? ok(snapshotOf(proof, commitment.value)) : transition;
}

/**
 * Verifies that somebody can spend the asset of a proof: he has signed for `challenge` (32 bytes, or null for none). Where the asset comes from, it does
 * not show.
 */
export function verifyOwnershipProof(
  proof: Proof,
  challenge: Bytes | null,
  env: Omit<VerifyEnv, 'verifyInput'>,
): Result<AssetSnapshot, ProofFailure> {
  if (proof.challengeWitness === null) return refuse('INVALID_PROOF', 'the proof has no witness of a challenge');
  const commitment = verifyIntegrity(proof, env);
  if (!commitment.ok) return commitment;
  const owned = verifyOwnership(proof, { interpreter: env.interpreter, challenge });
  return owned.ok ? ok(snapshotOf(proof, commitment.value)) : owned;
}

function snapshotOf(proof: Proof, commitment: TapRoot): AssetSnapshot {
  const { inclusionProof } = proof;
  return {
    asset: proof.asset,
    outPoint: outPointOf(proof),
    blockHash: blockHash(proof.blockHeader),
    blockHeight: proof.blockHeight,
    internalKey: inclusionProof.internalKey,
    commitment,
    tapscriptSibling: inclusionProof.commitmentProof?.tapSiblingPreimage ?? null,
    isSplit: splitOf(proof.asset) !== null,
    metaReveal: proof.metaReveal,
  };
}

/** Everything that holds of a proof without knowing what came before it. */
export function verifyIntegrity(proof: Proof, env: Omit<VerifyEnv, 'verifyInput'>): Result<TapRoot, ProofFailure> {
  const { version, asset, anchorTx, blockHeader } = proof;
  if (version > TRANSITION_VERSION.V1) return refuse('UNKNOWN_VERSION', `transition version ${version}`);
  const name = checkName(asset.genesis.tag);
  if (!name.ok) return name;
  if (env.isIgnored?.(prevIdOf(asset, outPointOf(proof)))) return refuse('IGNORED', 'the asset is known to be invalid');
  if (!anchorTx.inputs.some(({ prevout }) => equalOutPoint(prevout, proof.prevOut)))
    return refuse('NOT_SPENT', 'the anchor does not spend the previous output');
  if (env.isInChain !== null) {
    if (!env.isInChain(blockHeader, proof.blockHeight))
      return refuse('NOT_IN_CHAIN', `the chain has another block at ${proof.blockHeight}`);
    if (!verifyTxProof(proof.txMerkleProof, anchorTx, blockHeader.merkleRoot))
      return refuse('INVALID_TX_PROOF', 'the anchor is not in the block');
  }
  const commitment = verifyOutputs(proof);
  if (!commitment.ok) return commitment;
  const reveals = verifyReveals(proof, env.isKnownGroup);
  return reveals.ok ? commitment : reveals;
}

/** Inclusion in its own output, the root of a split in its output, and exclusion from all others. */
function verifyOutputs(proof: Proof): Result<TapRoot, ProofFailure> {
  const { anchorTx, asset, inclusionProof, splitRootProof } = proof;
  const inclusion = verifyInclusion(anchorTx, inclusionProof, asset);
  if (!inclusion.ok) return inclusion;
  const spent = verifyStxo(proof, [{ output: inclusionProof, root: inclusion.value }], 'inclusion');
  if (!spent.ok) return spent;
  const split = splitOf(asset);
  if (split !== null) {
    if (splitRootProof === null) return refuse('MISSING_SPLIT_ROOT', 'the proof of the root of the split is missing');
    const root = verifyInclusion(anchorTx, splitRootProof, split.rootAsset);
    if (!root.ok) return root;
  }
  const versions = verifyExclusions(proof);
  if (!versions.ok) return versions;
  const isMixed = versions.value.some((version) => !isSimilarVersion(version, inclusion.value.version));
  return isMixed ? refuse('MIXED_VERSIONS', 'the outputs commit in versions that do not go together') : inclusion;
}

/** The versions of the commitments in the anchor's other taproot outputs, none of which has the asset. */
function verifyExclusions(proof: Proof): Result<readonly number[], ProofFailure> {
  const { anchorTx, asset, exclusionProofs } = proof;
  const missing = new Set<number>();
  for (const i of anchorTx.outputs.keys()) if (i !== proof.inclusionProof.outputIndex && taprootKeyOf(anchorTx, i) !== null) missing.add(i);
  if (missing.size === 0) return ok([]);
  // One for each output is enough: an inflated list is refused before it costs anything.
  if (exclusionProofs.length > 2 * anchorTx.outputs.length)
    return refuse('INVALID_PROOF', `${exclusionProofs.length} exclusion proofs for ${anchorTx.outputs.length} outputs`);
  const withCommitment: Committed[] = [];
  for (const exclusion of exclusionProofs) {
    const commitment = verifyExclusion(anchorTx, exclusion, asset);
    if (!commitment.ok) return commitment;
    missing.delete(exclusion.outputIndex);
    if (commitment.value === null) continue;
    withCommitment.push({ output: exclusion, root: commitment.value });
  }
  if (missing.size > 0) return refuse('MISSING_EXCLUSION', `no exclusion proof for output ${[...missing].join(', ')}`);
  const spent = withCommitment.length === 0 ? ok(null) : verifyStxo(proof, withCommitment, 'exclusion');
  return spent.ok ? ok(withCommitment.map(({ root }) => root.version)) : spent;
}

/** An output whose commitment is known. */
interface Committed {
  readonly output: TaprootProof;
  readonly root: TapRoot;
}

/**
 * The leaves of the assets that a transfer spent stand in its own output and in no other, so that a second, conflicting transfer in the same
 * transaction cannot be shown. Version 1 needs these proofs; where an older one has them they are verified as well.
 */
function verifyStxo(proof: Proof, outputs: readonly Committed[], kind: 'inclusion' | 'exclusion'): Result<null, ProofFailure> {
  const { asset, version } = proof;
  if (!isTransferRoot(asset)) return ok(null);
  const isThere = outputs.some(({ output }) => (output.commitmentProof?.stxoProofs.length ?? 0) > 0);
  if (!isThere)
    return version === TRANSITION_VERSION.V0 ? ok(null) : refuse('MISSING_STXO', `the ${kind} proofs of spent assets are missing`);
  const leaves = new Map(spentLeavesOf(asset).map((leaf) => [toHex(leaf.scriptKey), leaf]));
  for (const { output, root } of outputs) {
    const missing = new Set(leaves.keys());
    for (const { scriptKey, proof: spent } of output.commitmentProof?.stxoProofs ?? []) {
      const leaf = leaves.get(toHex(scriptKey));
      if (leaf === undefined) return refuse('INVALID_PROOF', 'a proof of a spent asset that was not spent');
      const derived = kind === 'inclusion' ? rootWith(spent, leaf) : rootWithout(spent, leaf);
      if (!derived.ok) return derived;
      // The output commits to `root`, which was verified: a second proof in it must lead to the same one.
      if (!equal(derived.value.root.hash, root.root.hash) || derived.value.root.sum !== root.root.sum)
        return refuse('INVALID_PROOF', `the ${kind} proof of a spent asset is of another commitment`);
      missing.delete(toHex(scriptKey));
    }
    if (missing.size > 0) return refuse('MISSING_STXO', `an ${kind} proof of a spent asset is missing`);
  }
  return ok(null);
}

function verifyTransition(proof: Proof, previous: Standing | null, env: VerifyEnv): Result<null, ProofFailure> {
  const { asset } = proof;
  const split = splitOf(asset);
  const inputs: (readonly [PrevId, Asset])[] = previous === null ? [] : [[prevIdOf(previous.asset, proof.prevOut), previous.asset]];
  for (const file of proof.additionalInputs) {
    const input = env.verifyInput(file);
    if (!input.ok) return input;
    // What a further input holds must be spent by this very transaction, or it could be spent twice.
    if (!proof.anchorTx.inputs.some(({ prevout }) => equalOutPoint(prevout, input.value.outPoint)))
      return refuse('NOT_SPENT', 'the anchor does not spend a further input');
    inputs.push([prevIdOf(input.value.asset, input.value.outPoint), input.value.asset]);
  }
  const kept = verifyKept(asset, inputs);
  if (!kept.ok) return kept;
  const splits = split === null ? [] : [{ asset, outputIndex: proof.inclusionProof.outputIndex }];
  return validateTransition({ asset: split?.rootAsset ?? asset, splits, inputs: inputSet(inputs) }, { ...env, height: proof.blockHeight });
}

/**
 * A transfer keeps what its inputs are. The virtual machine holds the inputs against their names alone, so that without this anybody could sign his own
 * units into the asset, or the group, of somebody else.
 */
function verifyKept(asset: Asset, inputs: readonly (readonly [PrevId, Asset])[]): Result<null, ProofFailure> {
  if (isGenesisAsset(asset)) {
    const isWhole = asset.genesis.type !== ASSET_TYPE.COLLECTIBLE || asset.amount === 1n;
    return isWhole ? ok(null) : refuse('INVALID_GENESIS', `a collectible of ${asset.amount} units`);
  }
  const root = splitOf(asset)?.rootAsset ?? asset;
  // Signatures cover the tree of a split and its sum, and no proof shows the root in it: it has at most what the inputs and its split leave.
  const units = root === asset ? root.amount : root.amount + asset.amount;
  if (root.splitCommitmentRoot !== null && units > root.splitCommitmentRoot.sum)
    return refuse('AMOUNT_MISMATCH', `asset amount mismatch: ${units} units of a split of ${root.splitCommitmentRoot.sum}`);
  for (const each of root === asset ? [asset] : [asset, root])
    for (const [prevId, spent] of inputs) {
      if (!equal(assetId(each.genesis), prevId.id)) return refuse('ID_MISMATCH', 'asset id mismatch: the inputs are of another asset');
      const sameKey =
        each.groupKey === null || spent.groupKey === null ? each.groupKey === spent.groupKey : equal(each.groupKey, spent.groupKey);
      if (!sameKey) return refuse('ID_MISMATCH', 'asset id mismatch: the inputs are of another group');
    }
  return ok(null);
}
