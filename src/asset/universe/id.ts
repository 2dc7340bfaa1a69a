import { type Bytes, equal, toHex } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import { outPointCodec } from '../../bitcoin/tx.ts';
import { Writer } from '../../codec/writer.ts';
import { sha256 } from '../../crypto/hash.ts';
import { isGenesisAsset } from '../asset.ts';
import { assetId } from '../genesis.ts';
import { evenKey } from '../keys.ts';
import { outPointOf, type Proof } from '../proof/proof.ts';

/** Mintings and transfers stand in trees of their own. */
export type ProofType = 'issuance' | 'transfer';

/** One tree of a universe: the mintings, or the transfers, of one asset or of one group of assets. */
export interface UniverseId {
  readonly proofType: ProofType;
  /** Of the group where the asset has one (33 bytes; universes compare its x coordinate), else of the asset (32 bytes). */
  readonly of: { readonly kind: 'asset'; readonly assetId: Bytes } | { readonly kind: 'group'; readonly groupKey: Bytes };
}

/** A leaf's place in its tree: where the asset stands, and whose it is (33 bytes). */
export interface LeafKey {
  readonly outPoint: OutPoint;
  readonly scriptKey: Bytes;
}

/** The key of a universe in the multiverse: the asset's id, or SHA-256 of the group key's x coordinate (tapd: universe/interface.go). */
export const universeKey = ({ of }: Pick<UniverseId, 'of'>): Bytes =>
  of.kind === 'asset' ? of.assetId : sha256(of.groupKey.subarray(of.groupKey.length - 32));

/** One text for one universe. */
export const universeName = (id: UniverseId): string => `${id.proofType}-${toHex(universeKey(id))}`;

export const sameUniverse = (a: UniverseId, b: UniverseId): boolean =>
  a.proofType === b.proofType && a.of.kind === b.of.kind && equal(universeKey(a), universeKey(b));

/** The key of a leaf in its tree: SHA-256 of the outpoint as Bitcoin encodes it and the script key's x coordinate. */
export function leafTreeKey({ outPoint, scriptKey }: LeafKey): Bytes {
  const to = new Writer(68);
  outPointCodec.write(to, outPoint);
  return sha256(to.bytes(scriptKey.subarray(scriptKey.length - 32)).done());
}

/** Where a transition belongs. */
export function universeIdOf({ asset }: Proof): UniverseId {
  const proofType = isGenesisAsset(asset) ? 'issuance' : 'transfer';
  const { groupKey } = asset;
  if (groupKey === null) return { proofType, of: { kind: 'asset', assetId: assetId(asset.genesis) } };
  return { proofType, of: { kind: 'group', groupKey: evenKey(groupKey.subarray(1)) } };
}

export const leafKeyOf = (proof: Proof): LeafKey => ({ outPoint: outPointOf(proof), scriptKey: proof.asset.scriptKey });
