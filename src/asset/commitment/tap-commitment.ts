import { type Bytes, concat, equal, toHex, utf8 } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { tapBranchHash, tapLeafHash, taprootOutputKey, xOnly } from '../../bitcoin/taproot.ts';
import { Writer } from '../../codec/writer.ts';
import { sha256 } from '../../crypto/hash.ts';
import { ALT_LEAVES_KEY, checkAltLeaves } from '../alt-leaf.ts';
import { type Asset, assetCommitmentKey, tapCommitmentKey, withoutSplitCommitment } from '../asset.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import type { NodeRef } from '../mssmt/node.ts';
import { emptyTree, insertMany, prove, remove, type Tree, treeRoot } from '../mssmt/tree.ts';
import {
  type AssetCommitment,
  assetAt,
  assetCommitment,
  assetRoot,
  type CommitmentFailure,
  proveAsset,
  tapCommitmentLeaf,
  upsertAssets,
} from './asset-commitment.ts';
import type { CommitmentProof } from './proof.ts';

/** V0 and V1 follow the highest asset version inside; V2 puts a tag in front, so that no other commitment looks like it. */
export const TAP_VERSION = { V0: 0, V1: 1, V2: 2 } as const;
export const isKnownTapVersion = (version: number): boolean => version >= 0 && version <= TAP_VERSION.V2;

/** All that is committed to in one output. */
export interface TapCommitment {
  readonly version: number;
  readonly tree: Tree;
  /** By their keys in the tree, as hex. */
  readonly commitments: ReadonlyMap<string, AssetCommitment>;
}

/** What a verifier knows of a commitment. */
export interface TapRoot {
  readonly version: number;
  readonly root: NodeRef;
}

const MARKER = sha256(utf8('taproot-assets'));
const TAG_V2 = sha256(utf8('taproot-assets:194243'));
const SCRIPT_LENGTH = 1 + 32 + 32 + 8;

/** The outer tree over inner ones. `version` null: that of the assets inside (V0 or V1). */
export function tapCommitment(version: number | null, parts: readonly AssetCommitment[]): Result<TapCommitment, CommitmentFailure> {
  if (version !== null && !isKnownTapVersion(version)) return refuse('UNKNOWN_VERSION', `commitment version ${version}`);
  const commitments = new Map<string, AssetCommitment>();
  for (const part of parts) {
    const key = toHex(part.tapKey);
    const there = commitments.get(key);
    const merged = there === undefined ? ok(part) : upsertAssets(there, [...part.assets.values()]);
    if (!merged.ok) return merged;
    commitments.set(key, merged.value);
  }
  return rebuilt(version, emptyTree(), commitments, [...commitments.values()]);
}

/** A commitment to assets of any kind. */
export function commitAssets(version: number | null, assets: readonly Asset[]): Result<TapCommitment, CommitmentFailure> {
  const byKey = new Map<string, Asset[]>();
  for (const asset of assets) {
    const key = toHex(tapCommitmentKey(asset));
    byKey.set(key, [...(byKey.get(key) ?? []), asset]);
  }
  const parts: AssetCommitment[] = [];
  for (const group of byKey.values()) {
    const part = assetCommitment(group);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  return tapCommitment(version, parts);
}

/** With one inner tree put in its place, or taken out where it is empty. */
export function upsertCommitment(commitment: TapCommitment, part: AssetCommitment): Result<TapCommitment, CommitmentFailure> {
  const commitments = new Map(commitment.commitments);
  const version = commitment.version === TAP_VERSION.V2 ? TAP_VERSION.V2 : null;
  if (part.assets.size > 0) {
    commitments.set(toHex(part.tapKey), part);
    return rebuilt(version, commitment.tree, commitments, [part]);
  }
  commitments.delete(toHex(part.tapKey));
  return rebuilt(version, remove(commitment.tree, part.tapKey), commitments, []);
}

/** With alternative leaves; none may be there already. */
export function withAltLeaves(
  commitment: TapCommitment,
  leaves: readonly Asset[],
): Result<TapCommitment, CommitmentFailure | AssetFailure<'MALFORMED'>> {
  if (leaves.length === 0) return ok(commitment);
  const valid = checkAltLeaves(leaves);
  if (!valid.ok) return valid;
  const there = commitment.commitments.get(toHex(ALT_LEAVES_KEY));
  if (there !== undefined && leaves.some((leaf) => assetAt(there, assetCommitmentKey(leaf)) !== null))
    return refuse('DUPLICATE_KEY', 'an alternative leaf is there already');
  const part = there === undefined ? assetCommitment(leaves) : upsertAssets(there, leaves);
  return part.ok ? upsertCommitment(commitment, part.value) : part;
}

export const altLeavesOf = (commitment: TapCommitment): readonly Asset[] => [
  ...(commitment.commitments.get(toHex(ALT_LEAVES_KEY))?.assets.values() ?? []),
];
export const assetsOf = (commitment: TapCommitment): readonly Asset[] =>
  [...commitment.commitments.values()].flatMap((part) => [...part.assets.values()]);

/** The form that the chain commits to: split outputs do not carry their own proof. */
export const commitForChain = (version: number | null, assets: readonly Asset[]): Result<TapCommitment, CommitmentFailure> =>
  commitAssets(version, assets.map(withoutSplitCommitment));

export const tapRoot = (commitment: TapCommitment): TapRoot => ({ version: commitment.version, root: treeRoot(commitment.tree) });

/** Shows what stands, or does not, at an asset's place. */
export function proveCommitted(commitment: TapCommitment, tapKey: Bytes, assetKey: Bytes): CommitmentProof {
  const inner = commitment.commitments.get(toHex(tapKey));
  const taprootAssetProof = { version: commitment.version, proof: prove(commitment.tree, tapKey), unknown: [] };
  if (inner === undefined) return { assetProof: null, taprootAssetProof, unknown: [] };
  const assetProof = { version: inner.version, tapKey: inner.tapKey, proof: proveAsset(inner, assetKey), unknown: [] };
  return { assetProof, taprootAssetProof, unknown: [] };
}

/** The script of the leaf in the output's script tree: no script that runs, only a commitment. */
export function tapCommitmentScript({ version, root }: TapRoot): Bytes {
  const head = version === TAP_VERSION.V2 ? concat(TAG_V2, Uint8Array.of(version)) : concat(Uint8Array.of(version), MARKER);
  return new Writer(SCRIPT_LENGTH).bytes(head).bytes(root.hash).u64(root.sum).done();
}

/** Whether a script is a commitment of any version. */
export function isTapCommitmentScript(script: Bytes): boolean {
  if (script.length !== SCRIPT_LENGTH) return false;
  const isOld = script[0] === TAP_VERSION.V0 || script[0] === TAP_VERSION.V1;
  return isOld ? equal(script.subarray(1, 33), MARKER) : equal(script.subarray(0, 32), TAG_V2);
}

/** The root of the output's script tree; `sibling` is the hash of what stands beside the commitment. */
export function tapscriptRoot(commitment: TapRoot, sibling: Bytes | null): Bytes {
  const leaf = tapLeafHash(tapCommitmentScript(commitment));
  return sibling === null ? leaf : tapBranchHash(leaf, sibling);
}

/** The x-only key of the output that commits; null where the internal key is no point. */
export const commitmentOutputKey = (
  commitment: TapRoot,
  part: { readonly internalKey: Bytes; readonly sibling: Bytes | null },
): Bytes | null => taprootOutputKey(xOnly(part.internalKey), tapscriptRoot(commitment, part.sibling))?.key ?? null;

/** The same content as V0, as which old commitments of version 1 also appear on the chain. */
export const downgraded = (commitment: TapRoot): TapRoot => ({ version: TAP_VERSION.V0, root: commitment.root });

/** V0 and V1 may stand together in one transaction, V2 only with V2. */
export const isSimilarVersion = (a: number, b: number): boolean => (a === TAP_VERSION.V2) === (b === TAP_VERSION.V2);

function rebuilt(
  version: number | null,
  tree: Tree,
  commitments: ReadonlyMap<string, AssetCommitment>,
  changed: readonly AssetCommitment[],
): Result<TapCommitment, CommitmentFailure> {
  const next = insertMany(
    tree,
    changed.map((part) => [part.tapKey, tapCommitmentLeaf(assetRoot(part))] as const),
  );
  if (!next.ok) return next;
  const highest = Math.max(0, ...[...commitments.values()].map((part) => part.version));
  return ok({ version: version ?? highest, tree: next.value, commitments });
}
