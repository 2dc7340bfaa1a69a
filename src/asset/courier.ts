import type { Bytes } from '../base/bytes.ts';
import type { OutPoint } from '../base/ids.ts';
import { ok, type Result } from '../base/result.ts';
import { isGenesisAsset, witnessesOf } from './asset.ts';
import { type AssetFailure, refuse } from './failure.ts';
import { assetId } from './genesis.ts';
import { writeFile } from './proof/file.ts';
import { decodeProof, outPointOf, type Proof } from './proof/proof.ts';

/** Under what a universe keeps a transition: the group or else the asset, and where the asset stands and whose it is. */
export interface LeafLocator {
  readonly assetId: Bytes;
  /** 33 bytes; null for an asset without a group. */
  readonly groupKey: Bytes | null;
  readonly outPoint: OutPoint;
  /** 33 bytes. */
  readonly scriptKey: Bytes;
}

/** One transition as a universe takes it. */
export interface UniverseLeaf extends LeafLocator {
  /** Mintings and transfers stand in trees of their own. */
  readonly kind: 'issuance' | 'transfer';
  readonly amount: bigint;
  readonly proof: Bytes;
}

/**
 * Carries proofs from sender to receiver. The ring of effects says how long that takes: `Done` and `Found` are its promises.
 *
 * `deliver` inserts the leaves in their order: a universe checks each against the one before it. `find` gives the transition at a place, or null
 * where the courier does not have it (yet).
 */
export interface Courier<Done, Found> {
  deliver(leaves: readonly UniverseLeaf[]): Done;
  find(locator: LeafLocator, kind: UniverseLeaf['kind']): Found;
}

type Failure = AssetFailure<'MALFORMED' | 'TOO_LARGE'>;

/** The leaves of a file's transitions, the minting first. */
export function universeLeaves(transitions: readonly Bytes[]): Result<readonly UniverseLeaf[], Failure> {
  const leaves: UniverseLeaf[] = [];
  for (const raw of transitions) {
    const proof = decodeProof(raw);
    if (!proof.ok) return proof;
    leaves.push(leafOf(proof.value, raw));
  }
  return ok(leaves);
}

/** The leaf of a transition; `raw` is its encoding. */
export function leafOf(proof: Proof, raw: Bytes): UniverseLeaf {
  const { asset } = proof;
  return {
    kind: isGenesisAsset(asset) ? 'issuance' : 'transfer',
    assetId: assetId(asset.genesis),
    groupKey: asset.groupKey,
    outPoint: outPointOf(proof),
    scriptKey: asset.scriptKey,
    amount: asset.amount,
    proof: raw,
  };
}

/** Where the transition before this one is kept; null for a minting. */
export function previousLeaf({ asset }: Proof): LeafLocator | null {
  if (isGenesisAsset(asset)) return null;
  const prevId = witnessesOf(asset)[0]?.prevId ?? null;
  return prevId === null ? null : { assetId: prevId.id, groupKey: asset.groupKey, outPoint: prevId.outPoint, scriptKey: prevId.scriptKey };
}

/** More steps back than this are not fetched one by one. */
export const MAX_STEPS_BACK = 10_000;

/** What a walk back from the newest transition needs next, or the whole file. */
export type WalkStep = { readonly kind: 'step'; readonly locator: LeafLocator } | { readonly kind: 'file'; readonly file: Bytes };

/** `fetched`: the newest transition first. Whether any of it is true, the verification of the file says. */
export function walkBack(fetched: readonly Bytes[]): Result<WalkStep, Failure> {
  const oldest = fetched.at(-1);
  if (oldest === undefined) return refuse('MALFORMED', 'nothing was fetched yet');
  if (fetched.length > MAX_STEPS_BACK) return refuse('TOO_LARGE', `more than ${MAX_STEPS_BACK} transitions`);
  const proof = decodeProof(oldest);
  if (!proof.ok) return proof;
  const locator = previousLeaf(proof.value);
  return ok(locator === null ? { kind: 'file', file: writeFile(fetched.toReversed()) } : { kind: 'step', locator });
}
