import { type Bytes, concat, equal } from '../base/bytes.ts';
import type { OutPoint, TxId } from '../base/ids.ts';
import { outPointCodec } from '../bitcoin/tx.ts';
import type { TlvRecord } from '../codec/tlv.ts';
import { Writer } from '../codec/writer.ts';
import { sha256 } from '../crypto/hash.ts';
import { assetId, EMPTY_GENESIS, type Genesis, ZERO32 } from './genesis.ts';
import type { NodeRef } from './mssmt/node.ts';
import type { Proof } from './mssmt/proof.ts';

/** An asset as a leaf of a commitment: so many units of one genesis under one script key, and how they came there. */
export interface Asset {
  readonly version: number;
  readonly genesis: Genesis;
  readonly amount: bigint;
  /** Block height or unix time, 0 for none. */
  readonly lockTime: bigint;
  /** As BIP 68 has it, 0 for none. */
  readonly relativeLockTime: bigint;
  readonly prevWitnesses: readonly Witness[];
  /** Root of the tree of the outputs of a split. */
  readonly splitCommitmentRoot: NodeRef | null;
  readonly scriptVersion: number;
  /** 33 bytes, compressed. */
  readonly scriptKey: Bytes;
  /** 33 bytes, compressed. */
  readonly groupKey: Bytes | null;
  /** Odd records that nobody knows, kept as they came: the commitment covers them. */
  readonly unknown: readonly TlvRecord[];
}

/** One input of the transition that made an asset. */
export interface Witness {
  readonly prevId: PrevId | null;
  readonly txWitness: readonly Bytes[];
  readonly splitCommitment: SplitCommitment | null;
  readonly unknown: readonly TlvRecord[];
}

/** Names an asset that is spent. */
export interface PrevId {
  readonly outPoint: OutPoint;
  /** The asset id, 32 bytes. */
  readonly id: Bytes;
  /** 33 bytes; zeros for a genesis. */
  readonly scriptKey: Bytes;
}

/** Shows that a split output belongs to the transition of its root asset. */
export interface SplitCommitment {
  readonly proof: Proof;
  readonly rootAsset: Asset;
}

/** V1 leaves out the transaction witnesses when it is committed to. */
export const ASSET_VERSION = { V0: 0, V1: 1 } as const;
export const isKnownVersion = (version: number): boolean => version === ASSET_VERSION.V0 || version === ASSET_VERSION.V1;

/** What a genesis asset and a split output "spend". */
export const ZERO_PREV_ID: PrevId = { outPoint: { txid: ZERO32 as TxId, vout: 0 }, id: ZERO32, scriptKey: new Uint8Array(33) };

export const equalPrevId = (a: PrevId, b: PrevId): boolean =>
  a.outPoint.vout === b.outPoint.vout && equal(a.outPoint.txid, b.outPoint.txid) && equal(a.id, b.id) && equal(a.scriptKey, b.scriptKey);

const isZeroPrevId = (prevId: PrevId): boolean => equalPrevId(prevId, ZERO_PREV_ID);

/** The bytes by which a previous asset is hashed: outpoint as Bitcoin encodes it, id, x-only script key. */
export function prevIdBytes(prevId: PrevId): Bytes {
  const to = new Writer(100);
  outPointCodec.write(to, prevId.outPoint);
  return to.bytes(prevId.id).bytes(prevId.scriptKey.subarray(1)).done();
}

export const prevIdHash = (prevId: PrevId): Bytes => sha256(prevIdBytes(prevId));

/** Key of the outer tree: the group's, or else the asset's. */
export const tapCommitmentKey = (asset: Asset): Bytes =>
  asset.groupKey === null ? assetId(asset.genesis) : sha256(asset.groupKey.subarray(1));

/** Key of the tree of one asset or group: by owner, and in a group by asset. */
export function assetCommitmentKey(asset: Asset): Bytes {
  const key = asset.scriptKey.subarray(1);
  return sha256(asset.groupKey === null ? key : concat(assetId(asset.genesis), key));
}

const onlyWitness = (asset: Asset): Witness | null => (asset.prevWitnesses.length === 1 ? (asset.prevWitnesses[0] as Witness) : null);

function spendsNothing(asset: Asset): Witness | null {
  const witness = onlyWitness(asset);
  return witness?.prevId !== null && witness?.prevId !== undefined && witness.splitCommitment === null && isZeroPrevId(witness.prevId)
    ? witness
    : null;
}

/** Minted, without the witness of a group. */
export const hasGenesisWitness = (asset: Asset): boolean => spendsNothing(asset)?.txWitness.length === 0;

/** Minted into a group, with the group's witness. */
export const hasGroupGenesisWitness = (asset: Asset): boolean =>
  asset.groupKey !== null && (spendsNothing(asset)?.txWitness.length ?? 0) > 0;

export const needsGroupWitness = (asset: Asset): boolean => hasGenesisWitness(asset) && asset.groupKey !== null;
export const isGenesisAsset = (asset: Asset): boolean => hasGenesisWitness(asset) || hasGroupGenesisWitness(asset);

export const isSplitWitness = (
  witness: Witness,
): witness is Witness & { readonly prevId: PrevId; readonly splitCommitment: SplitCommitment } =>
  witness.prevId !== null && witness.txWitness.length === 0 && witness.splitCommitment !== null;

/** The split commitment of an output that is not the root of its split. */
export function splitOf(asset: Asset): SplitCommitment | null {
  const witness = onlyWitness(asset);
  return witness !== null && isSplitWitness(witness) ? witness.splitCommitment : null;
}

/** Neither minted nor a split output: the asset whose witnesses authorise a transfer. */
export const isTransferRoot = (asset: Asset): boolean => !isGenesisAsset(asset) && splitOf(asset) === null;

/** The inputs of the transition: of a split output those of the root asset. */
export const witnessesOf = (asset: Asset): readonly Witness[] => splitOf(asset)?.rootAsset.prevWitnesses ?? asset.prevWitnesses;

/** The same asset as it is committed to: without the proof that only its owner carries. */
export function withoutSplitCommitment(asset: Asset): Asset {
  const [witness] = asset.prevWitnesses;
  if (witness === undefined || splitOf(asset) === null) return asset;
  return { ...asset, prevWitnesses: [{ ...witness, splitCommitment: null }] };
}

/** The asset without transaction witnesses, as a signature covers it. */
export const withoutTxWitnesses = (asset: Asset): Asset => ({
  ...asset,
  prevWitnesses: asset.prevWitnesses.map((witness) => (witness.txWitness.length === 0 ? witness : { ...witness, txWitness: [] })),
});

export const genesisWitness = (txWitness: readonly Bytes[] = []): Witness => ({
  prevId: ZERO_PREV_ID,
  txWitness,
  splitCommitment: null,
  unknown: [],
});

export const inputWitness = (prevId: PrevId, txWitness: readonly Bytes[] = []): Witness => ({
  prevId,
  txWitness,
  splitCommitment: null,
  unknown: [],
});

/** The name under which an asset is spent from `outPoint`. */
export const prevIdOf = (asset: Asset, outPoint: OutPoint): PrevId => ({
  outPoint,
  id: assetId(asset.genesis),
  scriptKey: asset.scriptKey,
});

/** What a new asset takes over from the input that it spends: not the locks, nor the split that the input came from. */
export const spendTemplate = (asset: Asset): Asset => ({ ...asset, splitCommitmentRoot: null, lockTime: 0n, relativeLockTime: 0n });

export const isEmptyGenesis = (genesis: Genesis): boolean => equal(assetId(genesis), assetId(EMPTY_GENESIS));
