import { must } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { BlockHash, OutPoint } from '../../base/ids.ts';
import type { BlockHeader } from '../../bitcoin/block.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import { ALT_LEAVES_KEY, spentLeavesOf } from '../alt-leaf.ts';
import { type Asset, assetCommitmentKey, splitOf, tapCommitmentKey } from '../asset.ts';
import type { TapscriptPreimage } from '../commitment/sibling.ts';
import { altLeavesOf, proveCommitted, type TapCommitment } from '../commitment/tap-commitment.ts';
import { type Genesis, ZERO32 } from '../genesis.ts';
import type { GroupKeyReveal } from '../group-key.ts';
import type { MetaReveal } from './meta.ts';
import { taprootKeyOf } from './output.ts';
import { type Proof, TRANSITION_VERSION } from './proof.ts';
import type { OutputCommitmentProof, StxoProof, TaprootProof, TapscriptProof } from './taproot-proof.ts';
import type { TxMerkleProof } from './tx-merkle.ts';

/** What is known of one taproot output of an anchor. */
export interface AnchorOutput {
  readonly outputIndex: number;
  /** 33 bytes. */
  readonly internalKey: Bytes;
  /** The assets in it, or how its script tree shows that it has none. */
  readonly content:
    | { readonly kind: 'assets'; readonly commitment: TapCommitment; readonly sibling: TapscriptPreimage | null }
    | { readonly kind: 'none'; readonly tapscriptProof: TapscriptProof };
}

/** Shows that an output's key is a BIP 86 key. */
export const BIP86_PROOF: TapscriptProof = { tapPreimage1: null, tapPreimage2: null, bip86: true, unknown: [] };

export interface BlockPlace {
  readonly header: BlockHeader;
  readonly height: number;
  readonly txMerkleProof: TxMerkleProof;
}

export interface ProofParts {
  readonly version?: number;
  readonly prevOut: OutPoint;
  readonly anchorTx: Tx;
  /** Of every taproot output of the anchor. */
  readonly outputs: readonly AnchorOutput[];
  readonly asset: Asset;
  readonly outputIndex: number;
  /** Where the root asset of a split is. */
  readonly rootOutputIndex?: number;
  /** Missing as long as the anchor is not confirmed. */
  readonly block?: BlockPlace;
  /** Of an asset that is minted. */
  readonly genesis?: Genesis;
  readonly metaReveal?: MetaReveal;
  readonly groupKeyReveal?: GroupKeyReveal;
  /** Proof files of further inputs. */
  readonly additionalInputs?: readonly Bytes[];
}

const NO_BLOCK: BlockPlace = {
  header: { version: 0, previous: ZERO32 as BlockHash, merkleRoot: ZERO32, time: 0, bits: 0, nonce: 0 },
  height: 0,
  txMerkleProof: { nodes: [], bits: [] },
};

/** The proof of one transition, from all that its anchor commits to. */
export function createProof(parts: ProofParts): Proof {
  const { asset, anchorTx, outputs, outputIndex, block = NO_BLOCK } = parts;
  const own = must(
    outputs.find((output) => output.outputIndex === outputIndex),
    'the output of the asset',
  );
  for (const index of anchorTx.outputs.keys())
    if (taprootKeyOf(anchorTx, index) !== null && !outputs.some((output) => output.outputIndex === index))
      throw new RangeError(`nothing is known of taproot output ${index}`);
  const split = splitOf(asset);
  const rootOutput = split === null ? undefined : outputs.find((output) => output.outputIndex === parts.rootOutputIndex);
  if (split !== null && rootOutput === undefined) throw new RangeError('a split output needs the output of its root');
  return {
    version: parts.version ?? TRANSITION_VERSION.V0,
    prevOut: parts.prevOut,
    blockHeader: block.header,
    blockHeight: block.height,
    anchorTx,
    txMerkleProof: block.txMerkleProof,
    asset,
    inclusionProof: proofOf(own, asset, spentLeavesOf(asset)),
    exclusionProofs: outputs.filter((output) => output !== own).map((output) => proofOf(output, asset, spentLeavesOf(asset))),
    splitRootProof: split === null || rootOutput === undefined ? null : proofOf(rootOutput, split.rootAsset, []),
    metaReveal: parts.metaReveal ?? null,
    additionalInputs: parts.additionalInputs ?? [],
    challengeWitness: null,
    genesisReveal: parts.genesis ?? null,
    groupKeyReveal: parts.groupKeyReveal ?? null,
    altLeaves: own.content.kind === 'assets' ? altLeavesOf(own.content.commitment) : [],
    unknown: [],
  };
}

/** The same proof once its anchor is in a block. */
export const confirmProof = (proof: Proof, { header, height, txMerkleProof }: BlockPlace): Proof => ({
  ...proof,
  blockHeader: header,
  blockHeight: height,
  txMerkleProof,
});

/** What an output says of `asset` and of the assets that it spent: the same path shows that something is there, or that nothing is. */
function proofOf({ outputIndex, internalKey, content }: AnchorOutput, asset: Asset, spent: readonly Asset[]): TaprootProof {
  if (content.kind === 'none')
    return { outputIndex, internalKey, commitmentProof: null, tapscriptProof: content.tapscriptProof, unknown: [] };
  const { commitment, sibling } = content;
  const stxoProofs: readonly StxoProof[] = spent.map((leaf) => ({
    scriptKey: leaf.scriptKey,
    proof: proveCommitted(commitment, ALT_LEAVES_KEY, assetCommitmentKey(leaf)),
  }));
  const commitmentProof: OutputCommitmentProof = {
    ...proveCommitted(commitment, tapCommitmentKey(asset), assetCommitmentKey(asset)),
    tapSiblingPreimage: sibling,
    stxoProofs,
  };
  return { outputIndex, internalKey, commitmentProof, tapscriptProof: null, unknown: [] };
}
