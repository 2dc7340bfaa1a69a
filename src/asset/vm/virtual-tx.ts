import { type Bytes, toHex } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import { type Sat, sat } from '../../base/units.ts';
import { p2trScript } from '../../bitcoin/script.ts';
import { SIGHASH, sighashTaproot } from '../../bitcoin/sighash.ts';
import type { Tx, TxOutput } from '../../bitcoin/tx.ts';
import { encodeWith } from '../../codec/codec.ts';
import { Writer } from '../../codec/writer.ts';
import { sha256 } from '../../crypto/hash.ts';
import {
  type Asset,
  hasGroupGenesisWitness,
  needsGroupWitness,
  type PrevId,
  prevIdHash,
  withoutTxWitnesses,
  ZERO_PREV_ID,
} from '../asset.ts';
import { assetLeaf, prevIdCodec } from '../asset-codec.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { assetId, ZERO32 } from '../genesis.ts';
import { leafNode, type NodeRef } from '../mssmt/node.ts';
import { type Entry, emptyTree, insertMany, treeRoot } from '../mssmt/tree.ts';

/**
 * A transition of assets as a Bitcoin transaction with one input and one output, so that Bitcoin's own rules decide who may make it. The input
 * commits to all inputs of the transition, the output to the new asset, or to all of them where it is split. No such transaction is ever sent.
 */
export interface VirtualTx {
  readonly tx: Tx;
  /** Of the tree of inputs: how many units go in. */
  readonly inputs: NodeRef;
}

/** The spent assets of a transition by name. */
export type InputSet = ReadonlyMap<string, Asset>;
/** How an `InputSet` is keyed. */
export const inputKey = (prevId: PrevId): string => toHex(encodeWith(prevIdCodec, prevId));
export const inputSet = (inputs: Iterable<readonly [PrevId, Asset]>): InputSet =>
  new Map([...inputs].map(([prevId, asset]) => [inputKey(prevId), asset]));

export type VirtualTxFailure = AssetFailure<'NO_INPUTS' | 'INPUT_MISMATCH' | 'UNKNOWN_VERSION' | 'SUM_OVERFLOW'>;

/** The virtual transaction of `asset`, the new asset or the root of a split; locks and witness are still missing (`withInput`). */
export function virtualTx(asset: Asset, prevAssets: InputSet): Result<VirtualTx, VirtualTxFailure> {
  const isGenesis = needsGroupWitness(asset) || hasGroupGenesisWitness(asset);
  const inputs = isGenesis ? genesisInput(asset) : spentInputs(asset, prevAssets);
  if (!inputs.ok) return inputs;
  const output = outputOf(asset);
  if (!output.ok) return output;
  const { hash, sum } = inputs.value;
  const txid = sha256(new Writer(40).bytes(hash).u64(sum).done()) as TxId;
  const input = { prevout: { txid, vout: 0 }, scriptSig: new Uint8Array(0), sequence: 0, witness: [] };
  return ok({ tx: { version: 2, inputs: [input], outputs: [output.value], locktime: 0 }, inputs: { hash, sum } });
}

/** As one input of the transition signs it: with that input's index and the locks of the new asset. */
export function withInput(tx: Tx, part: { readonly asset: Asset; readonly index: number; readonly witness: readonly Bytes[] }): Tx {
  const { asset, index, witness } = part;
  const inputs = tx.inputs.map((input) => ({
    ...input,
    prevout: { ...input.prevout, vout: index },
    sequence: Number(BigInt.asUintN(32, asset.relativeLockTime)),
    witness,
  }));
  return { ...tx, inputs, locktime: Number(BigInt.asUintN(32, asset.lockTime)) };
}

/** What an input spends: its units under its script key. */
export const prevOutput = (asset: Asset): TxOutput => ({ amount: asset.amount as Sat, script: p2trScript(asset.scriptKey.subarray(1)) });
/** What minting into a group "spends": the units under the group's key. */
export const groupPrevOutput = (asset: Asset, groupKey: Bytes): TxOutput => ({
  amount: asset.amount as Sat,
  script: p2trScript(groupKey.subarray(1)),
});

/** What the signature of one input signs; `leafHash` for a script path. */
export function virtualSighash(part: {
  readonly tx: Tx;
  readonly asset: Asset;
  readonly index: number;
  readonly prevOut: TxOutput;
  readonly hashType?: number;
  readonly leafHash?: Bytes;
}): Bytes {
  const tx = withInput(part.tx, { asset: part.asset, index: part.index, witness: [] });
  const leaf = part.leafHash === undefined ? {} : { leaf: { hash: part.leafHash } };
  return sighashTaproot({ tx, index: 0, prevouts: [part.prevOut], hashType: part.hashType ?? SIGHASH.DEFAULT, ...leaf });
}

function genesisInput(asset: Asset): Result<NodeRef, VirtualTxFailure> {
  const leaf = assetLeaf(withoutTxWitnesses(asset));
  return leaf.ok ? ok(leafNode(prevIdHash(ZERO_PREV_ID), leaf.value, 0)) : leaf;
}

function spentInputs(asset: Asset, prevAssets: InputSet): Result<NodeRef, VirtualTxFailure> {
  const consumed = new Set<string>();
  const entries: Entry[] = [];
  for (const { prevId } of asset.prevWitnesses) {
    const spent = prevId === null ? undefined : prevAssets.get(inputKey(prevId));
    if (prevId === null || spent === undefined) return refuse('NO_INPUTS', 'missing asset input(s)');
    const leaf = assetLeaf(spent);
    if (!leaf.ok) return leaf;
    entries.push([prevIdHash(prevId), leaf.value]);
    consumed.add(inputKey(prevId));
  }
  if (consumed.size !== prevAssets.size) return refuse('INPUT_MISMATCH', 'asset input(s) mismatch');
  const tree = insertMany(emptyTree(), entries);
  return tree.ok ? ok(treeRoot(tree.value)) : tree;
}

function outputOf(asset: Asset): Result<TxOutput, VirtualTxFailure> {
  const split = asset.splitCommitmentRoot;
  if (split !== null) return ok({ amount: sat(split.sum), script: p2trScript(split.hash) });
  const group = asset.groupKey === null ? ZERO32 : asset.groupKey.subarray(1);
  const key = sha256(new Writer(96).bytes(group).bytes(assetId(asset.genesis)).bytes(asset.scriptKey.subarray(1)).done());
  const leaf = assetLeaf(withoutTxWitnesses(asset));
  if (!leaf.ok) return leaf;
  const root = leafNode(key, leaf.value, 0);
  return ok({ amount: asset.amount as Sat, script: p2trScript(root.hash) });
}
