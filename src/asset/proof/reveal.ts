import { equal } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { equalOutPoint } from '../../bitcoin/tx.ts';
import { isGenesisAsset } from '../asset.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { assetId, ZERO32 } from '../genesis.ts';
import { groupKeyOf } from '../group-key.ts';
import { metaHash } from './meta.ts';
import type { Proof } from './proof.ts';

/** What only the proof of a minting carries, and must carry: genesis, metadata, and how the group's key came about. */

type Failure = AssetFailure<'INVALID_GENESIS_REVEAL' | 'INVALID_META_REVEAL' | 'INVALID_GROUP_KEY' | 'GROUP_KEY_UNKNOWN'>;

/** `isKnownGroup` says whether the first asset of a group has been verified before. */
export function verifyReveals(proof: Proof, isKnownGroup: (groupKey: Uint8Array) => boolean): Result<null, Failure> {
  const genesis = verifyGenesis(proof);
  return genesis.ok ? verifyGroup(proof, isKnownGroup) : genesis;
}

function verifyGenesis(proof: Proof): Result<null, Failure> {
  const { genesisReveal: reveal, metaReveal: meta } = proof;
  if (!isGenesisAsset(proof.asset)) {
    if (reveal !== null) return refuse('INVALID_GENESIS_REVEAL', 'an asset that was not minted here has a genesis reveal');
    return meta === null ? ok(null) : refuse('INVALID_META_REVEAL', 'an asset that was not minted here has a meta reveal');
  }
  if (reveal === null) return refuse('INVALID_GENESIS_REVEAL', 'the genesis reveal is missing');
  if (!equalOutPoint(reveal.firstPrevOut, proof.prevOut)) return refuse('INVALID_GENESIS_REVEAL', 'the genesis has another first input');
  const hash = meta === null ? ZERO32 : metaHash(meta);
  if (meta === null && !equal(reveal.metaHash, hash)) return refuse('INVALID_META_REVEAL', 'the meta reveal is missing');
  if (!equal(reveal.metaHash, hash)) return refuse('INVALID_META_REVEAL', 'the genesis has the hash of other metadata');
  if (reveal.outputIndex !== proof.inclusionProof.outputIndex)
    return refuse('INVALID_GENESIS_REVEAL', 'the genesis has another output index');
  const isSame = equal(assetId(reveal), assetId(proof.asset.genesis));
  return isSame ? ok(null) : refuse('INVALID_GENESIS_REVEAL', 'the genesis is of another asset');
}

function verifyGroup(proof: Proof, isKnownGroup: (groupKey: Uint8Array) => boolean): Result<null, Failure> {
  const { groupKeyReveal: reveal, asset } = proof;
  const { groupKey } = asset;
  if (reveal !== null) {
    if (!isGenesisAsset(asset)) return refuse('INVALID_GROUP_KEY', 'an asset that was not minted here has a group key reveal');
    if (groupKey === null) return refuse('INVALID_GROUP_KEY', 'a group key reveal without a group key');
    const derived = groupKeyOf(reveal, assetId(asset.genesis));
    if (!derived.ok) return derived;
    return equal(derived.value, groupKey) ? ok(null) : refuse('INVALID_GROUP_KEY', 'the reveal leads to another group key');
  }
  if (groupKey === null || isKnownGroup(groupKey)) return ok(null);
  return refuse('GROUP_KEY_UNKNOWN', 'the first asset of the group has not been verified');
}
