import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { Writer } from '../../codec/writer.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type Asset, assetCommitmentKey, tapCommitmentKey } from '../asset.ts';
import { assetLeaf } from '../asset-codec.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import type { Leaf } from '../mssmt/node.ts';
import type { Proof } from '../mssmt/proof.ts';
import { type Entry, emptyTree, insertMany, prove, remove, rootChildren, type Tree, treeRoot } from '../mssmt/tree.ts';

/** The inner tree of a commitment: every owner's units of one asset, or of one group. */
export interface AssetCommitment {
  /** The highest version of an asset in it. */
  readonly version: number;
  /** The asset id, or the hash of the group's key: its place in the outer tree. */
  readonly tapKey: Bytes;
  readonly assetType: number;
  readonly tree: Tree;
  /** By the asset's key in the tree, as hex. */
  readonly assets: ReadonlyMap<string, Asset>;
}

export type CommitmentCode =
  | 'NO_ASSETS'
  | 'GENESIS_MISMATCH'
  | 'TYPE_MISMATCH'
  | 'GROUP_KEY_MISMATCH'
  | 'DUPLICATE_KEY'
  | 'UNKNOWN_VERSION'
  | 'SUM_OVERFLOW';
export type CommitmentFailure = AssetFailure<CommitmentCode>;

/** A tree of assets that belong together; every one has a place of its own. */
export function assetCommitment(assets: readonly Asset[]): Result<AssetCommitment, CommitmentFailure> {
  const [first] = assets;
  if (first === undefined) return refuse('NO_ASSETS', 'a commitment to no assets');
  const keys = new Set<string>();
  for (const asset of assets) {
    const key = toHex(assetCommitmentKey(asset));
    if (keys.has(key)) return refuse('DUPLICATE_KEY', 'two assets have one script key');
    keys.add(key);
  }
  const empty: AssetCommitment = {
    version: 0,
    tapKey: tapCommitmentKey(first),
    assetType: first.genesis.type,
    tree: emptyTree(),
    assets: new Map(),
  };
  return upsertAssets(empty, assets);
}

/** With `assets` in their places, replacing what was there. */
export function upsertAssets(commitment: AssetCommitment, assets: readonly Asset[]): Result<AssetCommitment, CommitmentFailure> {
  const entries: Entry[] = [];
  const next = new Map(commitment.assets);
  let { version } = commitment;
  for (const asset of assets) {
    const misfit = misfitOf(commitment, asset);
    if (misfit !== null) return misfit;
    const leaf = assetLeaf(asset);
    if (!leaf.ok) return leaf;
    const key = assetCommitmentKey(asset);
    entries.push([key, leaf.value]);
    next.set(toHex(key), asset);
    version = Math.max(version, asset.version);
  }
  const tree = insertMany(commitment.tree, entries);
  return tree.ok ? ok({ ...commitment, version, tree: tree.value, assets: next }) : tree;
}

/** Without the asset in the place of `asset`. */
export function removeAsset(commitment: AssetCommitment, asset: Asset): Result<AssetCommitment, CommitmentFailure> {
  const misfit = misfitOf(commitment, asset);
  if (misfit !== null) return misfit;
  const key = assetCommitmentKey(asset);
  const assets = new Map(commitment.assets);
  assets.delete(toHex(key));
  const version = Math.max(0, ...[...assets.values()].map((each) => each.version));
  return ok({ ...commitment, version, tree: remove(commitment.tree, key), assets });
}

export const assetAt = (commitment: AssetCommitment, key: Bytes): Asset | null => commitment.assets.get(toHex(key)) ?? null;
export const proveAsset = (commitment: AssetCommitment, key: Bytes): Proof => prove(commitment.tree, key);

/** What the outer tree needs to know of an inner one. */
export interface AssetRoot {
  readonly version: number;
  readonly tapKey: Bytes;
  readonly left: Bytes;
  readonly right: Bytes;
  readonly sum: bigint;
}

/** The leaf of the outer tree: version, hash of the key with the root's children and sum, and the sum. */
export function tapCommitmentLeaf({ version, tapKey, left, right, sum }: AssetRoot): Leaf {
  const root = sha256(new Writer(104).bytes(tapKey).bytes(left).bytes(right).u64(sum).done());
  return { value: new Writer(41).u8(version).bytes(root).u64(sum).done(), sum };
}

export function assetRoot(commitment: AssetCommitment): AssetRoot {
  const { left, right } = rootChildren(commitment.tree);
  const { version, tapKey } = commitment;
  return { version, tapKey, left: left.hash, right: right.hash, sum: treeRoot(commitment.tree).sum };
}

function misfitOf(commitment: AssetCommitment, asset: Asset): ReturnType<typeof refuse<CommitmentCode>> | null {
  if (asset.genesis.type !== commitment.assetType) return refuse('TYPE_MISMATCH', 'assets of two types in one commitment');
  if (equal(tapCommitmentKey(asset), commitment.tapKey)) return null;
  const first = [...commitment.assets.values()][0];
  const isGrouped = asset.groupKey !== null || (first !== undefined && first.groupKey !== null);
  return isGrouped
    ? refuse('GROUP_KEY_MISMATCH', 'assets of two groups in one commitment')
    : refuse('GENESIS_MISMATCH', 'two assets in one commitment');
}
