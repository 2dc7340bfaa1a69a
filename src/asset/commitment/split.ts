import { must } from '../../base/assert.ts';
import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import { Writer } from '../../codec/writer.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type Asset, genesisWitness, inputWitness, prevIdOf, spendTemplate } from '../asset.ts';
import { assetLeaf } from '../asset-codec.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { ASSET_TYPE, assetId } from '../genesis.ts';
import { evenKey, NUMS_KEY } from '../keys.ts';
import { emptyTree, insertMany, prove, treeRoot } from '../mssmt/tree.ts';

/** One output of a split. */
export interface SplitLocator {
  /** Of the Bitcoin transaction. */
  readonly outputIndex: number;
  readonly assetId: Bytes;
  readonly scriptKey: Bytes;
  readonly amount: bigint;
  readonly assetVersion: number;
}

/** Key of the split tree: the output index, the asset and its x-only script key. */
export const splitLocatorHash = (part: { readonly outputIndex: number; readonly assetId: Bytes; readonly scriptKey: Bytes }): Bytes =>
  sha256(new Writer(68).u32(part.outputIndex).bytes(part.assetId).bytes(part.scriptKey.subarray(1)).done());

export interface SplitInput {
  readonly asset: Asset;
  readonly outPoint: OutPoint;
}

export interface Split {
  /** With the inputs' names as witnesses, still to be signed. */
  readonly rootAsset: Asset;
  /** The root as a leaf of its own split, with its proof: packets show it, nothing commits to it. */
  readonly rootLeaf: Asset;
  /** In the order of the locators, each with its proof; the root's own is left out. */
  readonly outputs: readonly { readonly locator: SplitLocator; readonly asset: Asset }[];
}

type Failure = AssetFailure<'INVALID_SPLIT' | 'UNKNOWN_VERSION' | 'SUM_OVERFLOW'>;

/** Divides inputs between a root (the change; a tombstone where nothing is left) and at least one other output. */
export function splitAssets(part: {
  readonly inputs: readonly [SplitInput, ...SplitInput[]];
  readonly root: SplitLocator;
  readonly outputs: readonly SplitLocator[];
}): Result<Split, Failure> {
  const { inputs, root, outputs } = part;
  const valid = checkLocators(part);
  if (!valid.ok) return valid;
  const template = spendTemplate(inputs[0].asset);
  const assets = new Map<string, Asset>();
  const entries = [];
  for (const locator of [...outputs, root]) {
    const asset: Asset = {
      ...template,
      version: locator.assetVersion,
      amount: locator.amount,
      scriptKey: evenKey(locator.scriptKey.subarray(1)),
      prevWitnesses: [genesisWitness()],
    };
    const leaf = assetLeaf(asset);
    if (!leaf.ok) return leaf;
    const key = splitLocatorHash(locator);
    if (assets.has(toHex(key))) return refuse('INVALID_SPLIT', 'two outputs of the split have one place');
    assets.set(toHex(key), asset);
    entries.push([key, leaf.value] as const);
  }
  const tree = insertMany(emptyTree(), entries);
  if (!tree.ok) return tree;
  const placed = (locator: SplitLocator): Asset => must(assets.get(toHex(splitLocatorHash(locator))), 'the asset of the locator');
  const rootAsset: Asset = {
    ...placed(root),
    splitCommitmentRoot: treeRoot(tree.value),
    prevWitnesses: inputs.map(({ asset, outPoint }) => inputWitness(prevIdOf(asset, outPoint))),
  };
  const leafOf = (locator: SplitLocator): Asset => {
    const splitCommitment = { proof: prove(tree.value, splitLocatorHash(locator)), rootAsset };
    return { ...placed(locator), prevWitnesses: [{ ...genesisWitness(), splitCommitment }] };
  };
  return ok({ rootAsset, rootLeaf: leafOf(root), outputs: outputs.map((locator) => ({ locator, asset: leafOf(locator) })) });
}

function checkLocators(part: Parameters<typeof splitAssets>[0]): Result<null, Failure> {
  const { inputs, root, outputs } = part;
  const { type } = inputs[0].asset.genesis;
  const bad = (message: string) => refuse('INVALID_SPLIT', message);
  if (outputs.length === 0) return bad('a split needs an output beside its root');
  if (type === ASSET_TYPE.COLLECTIBLE && (root.amount !== 0n || outputs.length !== 1)) return bad('a collectible is not divided');
  const isNums = equal(root.scriptKey, NUMS_KEY);
  if (root.amount === 0n && !isNums) return bad('a root without amount needs the key that nobody can spend');
  if (root.amount !== 0n && isNums) return bad('a root with an amount under the key that nobody can spend');
  if (outputs.some(({ amount }) => amount === 0n)) return bad('an output of the split has no amount');
  if ([root, ...outputs].some((each) => !equal(each.assetId, assetId(inputs[0].asset.genesis)))) return bad('an output of another asset');
  const available = inputs.reduce((sum, { asset }) => sum + asset.amount, 0n);
  const used = outputs.reduce((sum, { amount }) => sum + amount, root.amount);
  return available === used ? ok(null) : bad(`the outputs have ${used} units, the inputs ${available}`);
}
