import { type Bytes, toHex } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { ASSET_VERSION, type Asset, assetCommitmentKey, isEmptyGenesis, isTransferRoot, type PrevId } from './asset.ts';
import { altLeafCodec } from './asset-codec.ts';
import { inline, MAX_RECORD_SIZE, record, shortList } from './codecs.ts';
import { type AssetFailure, refuse } from './failure.ts';
import { assetId, EMPTY_GENESIS } from './genesis.ts';
import { burnKey } from './keys.ts';

/**
 * Alternative leaves: entries of a commitment that are no assets. They stand under the id of the empty genesis. Those of spent assets let an
 * output prove that it, and no other, is what an input became.
 */
export const ALT_LEAVES_KEY: Bytes = assetId(EMPTY_GENESIS);

export const altLeaf = (scriptKey: Bytes): Asset => ({
  version: ASSET_VERSION.V0,
  genesis: EMPTY_GENESIS,
  amount: 0n,
  lockTime: 0n,
  relativeLockTime: 0n,
  prevWitnesses: [],
  splitCommitmentRoot: null,
  scriptVersion: 0,
  scriptKey,
  groupKey: null,
  unknown: [],
});

/** The leaf that says: this asset was spent here. */
export const spentAssetLeaf = (prevId: PrevId): Asset => altLeaf(burnKey(prevId));

/** The spent leaves that the output of a transfer commits to: none for minted assets and split outputs, whose root has them. */
export const spentLeavesOf = (asset: Asset): readonly Asset[] =>
  isTransferRoot(asset) ? asset.prevWitnesses.flatMap(({ prevId }) => (prevId === null ? [] : [spentAssetLeaf(prevId)])) : [];

export const altLeavesCodec = record(MAX_RECORD_SIZE, shortList(MAX_RECORD_SIZE, inline(MAX_RECORD_SIZE, altLeafCodec)));

/** Valid alternative leaves with keys of their own. */
export function checkAltLeaves(leaves: readonly Asset[]): Result<readonly Asset[], AssetFailure<'MALFORMED' | 'DUPLICATE_KEY'>> {
  const keys = new Set<string>();
  for (const leaf of leaves) {
    const isPlain =
      leaf.version === ASSET_VERSION.V0 &&
      leaf.amount === 0n &&
      leaf.lockTime === 0n &&
      leaf.relativeLockTime === 0n &&
      leaf.groupKey === null;
    if (!isPlain || leaf.splitCommitmentRoot !== null || !isEmptyGenesis(leaf.genesis))
      return refuse('MALFORMED', 'an alternative leaf with the fields of an asset');
    const key = toHex(assetCommitmentKey(leaf));
    if (keys.has(key)) return refuse('DUPLICATE_KEY', 'two alternative leaves have one key');
    keys.add(key);
  }
  return ok(leaves);
}
