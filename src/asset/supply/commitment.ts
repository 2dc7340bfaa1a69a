import { type Bytes, equal, utf8 } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import type { BlockHeader } from '../../bitcoin/block.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { bip86Script, tapLeafHash, taprootOutputKey, xOnly } from '../../bitcoin/taproot.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { NON_SPENDABLE, nonSpendableScript } from '../keys.ts';
import type { NodeRef } from '../mssmt/node.ts';
import { emptyTree, insertMany, type Tree, treeRoot } from '../mssmt/tree.ts';
import type { TxMerkleProof } from '../proof/tx-merkle.ts';
import { type SupplyKind, type SupplyLeaf, supplyEntry } from './leaf.ts';

/** The three trees of a group's supply, and what stands on the chain of them. */
export type SupplyTrees = { readonly [K in SupplyKind]: Tree };
export const SUPPLY_KINDS: readonly SupplyKind[] = ['mint', 'burn', 'ignore'];
export const noSupply = (): SupplyTrees => ({ mint: emptyTree(), burn: emptyTree(), ignore: emptyTree() });

const NAMES: { readonly [K in SupplyKind]: string } = { mint: 'mint_supply', burn: 'burn', ignore: 'ignore' };

/** The trees with further leaves. */
export function withLeaves(trees: SupplyTrees, leaves: readonly SupplyLeaf[]): Result<SupplyTrees, AssetFailure<'SUM_OVERFLOW'>> {
  let next = trees;
  for (const kind of SUPPLY_KINDS) {
    const tree = insertMany(next[kind], leaves.filter((leaf) => leaf.kind === kind).map(supplyEntry));
    if (!tree.ok) return tree;
    next = { ...next, [kind]: tree.value };
  }
  return ok(next);
}

/** The tree over the three: the root of each that has units, under the hash of its name. */
export function supplyRoot(trees: SupplyTrees): Result<NodeRef, AssetFailure<'SUM_OVERFLOW'>> {
  const roots = SUPPLY_KINDS.map((kind) => [sha256(utf8(NAMES[kind])), treeRoot(trees[kind])] as const);
  const tree = insertMany(
    emptyTree(),
    roots.filter(([, { sum }]) => sum > 0n).map(([key, { hash, sum }]) => [key, { value: hash, sum }] as const),
  );
  return tree.ok ? ok(treeRoot(tree.value)) : tree;
}

export interface SupplySums {
  readonly minted: bigint;
  readonly burnt: bigint;
  readonly ignored: bigint;
  /** What is left of what was minted. */
  readonly outstanding: bigint;
}

/** Refused where more was taken away than there ever was. */
export function supplySums(trees: SupplyTrees): Result<SupplySums, AssetFailure<'SUPPLY_NEGATIVE'>> {
  const [minted, burnt, ignored] = [treeRoot(trees.mint).sum, treeRoot(trees.burn).sum, treeRoot(trees.ignore).sum];
  const outstanding = minted - burnt - ignored;
  return outstanding < 0n
    ? refuse('SUPPLY_NEGATIVE', `${burnt} units burnt and ${ignored} ignored of ${minted}`)
    : ok({ minted, burnt, ignored, outstanding });
}

/** One commitment to a supply on the chain. */
export interface SupplyCommitment {
  readonly tx: Tx;
  readonly outputIndex: number;
  /** 33 bytes. */
  readonly internalKey: Bytes;
  readonly root: NodeRef;
  readonly header: BlockHeader;
  readonly height: number;
  readonly txMerkleProof: TxMerkleProof;
  /** The commitment before it; null for a group's first. */
  readonly spent: OutPoint | null;
}

export const commitmentPoint = ({ tx, outputIndex }: SupplyCommitment): OutPoint => ({ txid: txId(tx), vout: outputIndex });

/** What the outputs of commitments and of their beginnings hold, exactly. */
const COMMITTED_SAT = 1_000n;

/** Whether the output holds the root: beside its key a leaf that nobody can spend, made of the root's hash. */
export function isCommittedTo({ tx, outputIndex, internalKey, root }: SupplyCommitment): boolean {
  const output = tx.outputs[outputIndex];
  const key = taprootOutputKey(xOnly(internalKey), tapLeafHash(nonSpendableScript(NON_SPENDABLE.PEDERSEN, root.hash)));
  return output !== undefined && key !== null && output.amount === COMMITTED_SAT && equal(output.script, p2trScript(key.key));
}

/** The output of a minting that the next commitment to the group's supply must spend; null where there is none. */
export function preCommitmentOf(tx: Tx, delegationKey: Bytes): OutPoint | null {
  const script = bip86Script(delegationKey);
  const vout = tx.outputs.findIndex((output) => output.amount === COMMITTED_SAT && equal(output.script, script));
  return vout < 0 ? null : { txid: txId(tx), vout };
}
