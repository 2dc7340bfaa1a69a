import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { equalOutPoint, formatOutPoint } from '../../bitcoin/tx.ts';
import { secp } from '../../crypto/ec.ts';
import { isGenesisAsset } from '../asset.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { sameGroup } from '../group-key.ts';
import { isBurn } from '../keys.ts';
import type { MetaReveal } from '../proof/meta.ts';
import { verifyTxProof } from '../proof/tx-merkle.ts';
import { type ProofCode, type VerifyEnv, verifyIntegrity, verifyProof } from '../proof/verify.ts';
import {
  commitmentPoint,
  isCommittedTo,
  noSupply,
  preCommitmentOf,
  type SupplyCommitment,
  type SupplySums,
  type SupplyTrees,
  supplyRoot,
  supplySums,
  withLeaves,
} from './commitment.ts';
import { ignoreSighash, type SupplyLeaf, supplyHeight, supplyPoint } from './leaf.ts';

export type SupplyCode =
  | ProofCode
  | 'SUPPLY_NEGATIVE'
  | 'SUPPLY_ROOT'
  | 'SUPPLY_CHAIN'
  | 'SUPPLY_OUTPUT'
  | 'SUPPLY_PRE_COMMITMENT'
  | 'SUPPLY_LEAF'
  | 'BAD_SIGNATURE';
export type SupplyFailure = AssetFailure<SupplyCode>;

/** What is known of a group's supply after so many commitments, beginning with the first. */
export interface Supply {
  readonly groupKey: Bytes;
  /** Of the metadata of the group's first asset; 33 bytes. */
  readonly delegationKey: Bytes;
  readonly trees: SupplyTrees;
  readonly last: SupplyCommitment | null;
  /** Outputs of mintings that no commitment has spent yet. */
  readonly open: readonly { readonly outPoint: OutPoint; readonly height: number }[];
  /** Assets of the group, as hex. */
  readonly assetIds: ReadonlySet<string>;
  /** The issuer does not recognise these any more. */
  readonly ignored: readonly Extract<SupplyLeaf, { kind: 'ignore' }>[];
}

export const newSupply = (groupKey: Bytes, delegationKey: Bytes): Supply => ({
  groupKey,
  delegationKey,
  trees: noSupply(),
  last: null,
  open: [],
  assetIds: new Set(),
  ignored: [],
});

export type SupplyEnv = Omit<VerifyEnv, 'verifyInput' | 'isInChain'> & { readonly isInChain: NonNullable<VerifyEnv['isInChain']> };

/**
 * Verifies the next commitment of a group with the leaves that it adds: it is on the chain, spends the one before and every open output of mintings
 * up to its block, each leaf is what it says, and all leaves so far lead to its root. A burn is shown to be on the chain and to be one; the history of
 * the burnt units is not part of a commitment.
 */
export function verifySupply(
  supply: Supply,
  commitment: SupplyCommitment,
  leaves: readonly SupplyLeaf[],
  env: SupplyEnv,
): Result<Supply, SupplyFailure> {
  const anchored = verifyAnchor(supply, commitment, env);
  if (!anchored.ok) return anchored;
  let next = supply;
  // Mintings first, and of them the one that begins the group: the others rest on it.
  for (const leaf of [...leaves].sort((a, b) => rank(a) - rank(b))) {
    const taken = verifyLeaf(next, leaf, env);
    if (!taken.ok)
      return refuse(taken.failure.code, `${leaf.kind} leaf ${formatOutPoint(supplyPoint(leaf).outPoint)}: ${taken.failure.message}`);
    next = taken.value;
  }
  const opened = verifyPreCommitments(next, commitment);
  if (!opened.ok) return opened;
  const trees = withLeaves(supply.trees, leaves);
  if (!trees.ok) return trees;
  const root = supplyRoot(trees.value);
  if (!root.ok) return root;
  if (!equal(root.value.hash, commitment.root.hash) || root.value.sum !== commitment.root.sum)
    return refuse('SUPPLY_ROOT', 'the leaves lead to another root than the commitment');
  const sums = supplySums(trees.value);
  return sums.ok ? ok({ ...next, trees: trees.value, last: commitment, open: opened.value }) : sums;
}

const rank = (leaf: SupplyLeaf): number => (leaf.kind !== 'mint' ? 2 : leaf.proof.groupKeyReveal === null ? 1 : 0);

/** The key that an issuer who promises commitments to the supply names in the metadata of a group's first asset; null where he does not. */
export const delegationKeyOf = (meta: MetaReveal | null): Bytes | null => (meta?.universeCommitments === true ? meta.delegationKey : null);

/** How many units there are by the last commitment. */
export function sumsOf({ trees }: Supply): SupplySums {
  const sums = supplySums(trees);
  return sums.ok ? sums.value : { minted: 0n, burnt: 0n, ignored: 0n, outstanding: 0n };
}

function verifyAnchor({ last }: Supply, commitment: SupplyCommitment, env: SupplyEnv): Result<null, SupplyFailure> {
  const { tx, header, height, txMerkleProof, spent } = commitment;
  if (!env.isInChain(header, height)) return refuse('NOT_IN_CHAIN', `the chain has another block at ${height}`);
  if (!verifyTxProof(txMerkleProof, tx, header.merkleRoot)) return refuse('INVALID_TX_PROOF', 'the commitment is not in the block');
  const before = last === null ? null : commitmentPoint(last);
  const follows = spent === null || before === null ? spent === before : equalOutPoint(spent, before);
  if (!follows) return refuse('SUPPLY_CHAIN', 'the commitment does not follow the one before');
  if (spent !== null && !tx.inputs.some(({ prevout }) => equalOutPoint(prevout, spent)))
    return refuse('SUPPLY_CHAIN', 'the transaction does not spend the commitment before');
  return isCommittedTo(commitment) ? ok(null) : refuse('SUPPLY_OUTPUT', `output ${commitment.outputIndex} does not hold the root`);
}

function verifyLeaf(supply: Supply, leaf: SupplyLeaf, env: SupplyEnv): Result<Supply, SupplyFailure> {
  if (supplyHeight(leaf) === 0) return refuse('SUPPLY_LEAF', 'of block 0');
  if (leaf.kind === 'mint') return verifyMint(supply, leaf, env);
  if (leaf.kind === 'ignore') return verifyIgnore(supply, leaf);
  const { asset } = leaf.proof;
  if (leaf.proof.challengeWitness !== null) return refuse('SUPPLY_LEAF', 'an ownership proof');
  if (!isOf(supply, asset.groupKey)) return refuse('SUPPLY_LEAF', 'of another group');
  const held = verifyIntegrity(leaf.proof, { ...env, isKnownGroup: () => true });
  if (!held.ok) return held;
  return isBurn(asset) ? ok(supply) : refuse('SUPPLY_LEAF', 'the asset is not burnt');
}

const isOf = ({ groupKey }: Supply, of: Bytes | null): boolean => of !== null && sameGroup(of, groupKey);

function verifyMint(
  supply: Supply,
  { proof }: Extract<SupplyLeaf, { kind: 'mint' | 'burn' }>,
  env: SupplyEnv,
): Result<Supply, SupplyFailure> {
  const { asset, anchorTx, blockHeight: height } = proof;
  if (!isGenesisAsset(asset)) return refuse('SUPPLY_LEAF', 'the asset was not minted there');
  if (!isOf(supply, asset.groupKey)) return refuse('SUPPLY_LEAF', 'of another group');
  const verifyInput = () => refuse('INVALID_PROOF', 'a minting has no inputs');
  const isKnownGroup = (key: Bytes): boolean => (supply.assetIds.size > 0 && isOf(supply, key)) || env.isKnownGroup(key);
  const minted = verifyProof(proof, null, { ...env, isKnownGroup, verifyInput });
  if (!minted.ok) return minted;
  const promised = proof.groupKeyReveal === null ? supply.delegationKey : delegationKeyOf(proof.metaReveal);
  if (promised === null || !equal(promised, supply.delegationKey))
    return refuse('SUPPLY_LEAF', 'its metadata names another delegation key');
  const outPoint = preCommitmentOf(anchorTx, supply.delegationKey);
  if (outPoint === null) return refuse('SUPPLY_PRE_COMMITMENT', 'the minting has no output for the commitment to spend');
  const isThere = supply.open.some((each) => equalOutPoint(each.outPoint, outPoint));
  const open = isThere ? supply.open : [...supply.open, { outPoint, height }];
  return ok({
    ...supply,
    open,
    assetIds: new Set([...supply.assetIds, toHex(supplyPoint({ kind: 'mint', raw: new Uint8Array(0), proof }).id)]),
  });
}

function verifyIgnore(supply: Supply, leaf: Extract<SupplyLeaf, { kind: 'ignore' }>): Result<Supply, SupplyFailure> {
  const { tuple, signature } = leaf;
  if (!supply.assetIds.has(toHex(tuple.prevId.id))) return refuse('SUPPLY_LEAF', 'of no asset of the group');
  if (!secp.schnorrVerify(signature, ignoreSighash(tuple), xOnly(supply.delegationKey)))
    return refuse('BAD_SIGNATURE', 'the delegation key has not signed it');
  return ok({ ...supply, ignored: [...supply.ignored, leaf] });
}

/** Every open output of a minting up to the block of the commitment is spent by it; returns those that stay open. */
function verifyPreCommitments({ open, last }: Supply, { tx, height }: SupplyCommitment): Result<Supply['open'], SupplyFailure> {
  if (last === null && open.length === 0) return refuse('SUPPLY_PRE_COMMITMENT', 'the first commitment begins with no minting');
  const left = open.filter(({ outPoint }) => !tx.inputs.some(({ prevout }) => equalOutPoint(prevout, outPoint)));
  const missed = left.find((each) => each.height <= height);
  return missed === undefined
    ? ok(left)
    : refuse('SUPPLY_PRE_COMMITMENT', `the output ${formatOutPoint(missed.outPoint)} of a minting is not spent`);
}
