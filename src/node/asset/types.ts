import type { TapscriptPreimage } from '../../asset/commitment/sibling.ts';
import type { ExternalKey } from '../../asset/external-key.ts';
import type { Genesis } from '../../asset/genesis.ts';
import type { GroupKeyReveal } from '../../asset/group-key.ts';
import type { MetaReveal } from '../../asset/proof/meta.ts';
import type { Proof } from '../../asset/proof/proof.ts';
import type { TxMerkleProof } from '../../asset/proof/tx-merkle.ts';
import type { Bytes } from '../../base/bytes.ts';
import { type BytesMap, bytesMap } from '../../base/bytes-map.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import type { Height, Sat, UnixTime } from '../../base/units.ts';
import type { BlockHeader } from '../../bitcoin/block.ts';
import type { KeyPath } from '../../bitcoin/hd.ts';
import type { Tx } from '../../bitcoin/tx.ts';
import { type KeyHistory, NO_HISTORY } from './key-range.ts';

/** Whether an asset that is to be minted belongs to a group, and to which. */
export type SeedlingGroup =
  | { readonly kind: 'none' }
  /** The first asset of a new group whose key signs alone. */
  | { readonly kind: 'new' }
  /** The same, and besides our key the scripts under this root may authorise further tranches. */
  | { readonly kind: 'scripted'; readonly tapscriptRoot: Bytes }
  /**
   * Under the key of somebody who signs elsewhere: the first asset of a new group (its scripts, where there are any, under `customRoot`), or a
   * further tranche of the group `groupKey`.
   */
  | { readonly kind: 'external'; readonly key: ExternalKey; readonly customRoot: Bytes | null; readonly groupKey: Bytes | null }
  /** A further tranche of a group of ours; 33 bytes. */
  | { readonly kind: 'existing'; readonly groupKey: Bytes }
  /** Beside the first asset of a new group of the same batch, which has this name. */
  | { readonly kind: 'member'; readonly anchor: Bytes };

/** An asset that waits to be minted with the pending batch. */
export interface Seedling {
  readonly tag: Bytes;
  readonly type: number;
  readonly amount: bigint;
  readonly assetVersion: number;
  readonly meta: MetaReveal | null;
  readonly group: SeedlingGroup;
}

/** The assets that the next minting makes, in their order. One batch is open at a time; what is minted is an anchor. */
export interface MintBatch {
  readonly createdAt: UnixTime;
  readonly seedlings: readonly Seedling[];
  /** null while it is pending: it can still grow. */
  readonly funding: BatchFunding | null;
}

/** What a funded batch is bound to: its coins, of which the first makes the ids of its assets, and its keys. */
export interface BatchFunding {
  readonly coins: readonly OutPoint[];
  readonly change: { readonly amount: Sat; readonly path: KeyPath } | null;
  readonly feeSat: Sat;
  readonly weight: number;
  /** Of the output, 33 bytes; names the batch. */
  readonly internalKey: Bytes;
  readonly internalKeyIndex: number;
  /** What stands beside the assets in the output's script tree. */
  readonly sibling: TapscriptPreimage | null;
  /** In the order of the seedlings; a group's where one of ours begins. */
  readonly keys: readonly { readonly scriptKeyIndex: number; readonly groupKeyIndex: number | null }[];
  /** The group's witness for each seedling, empty where it is in no group; null until the batch is sealed. */
  readonly witnesses: readonly (readonly Bytes[])[] | null;
}

/** A batch that was dropped; the newest are kept for the record. */
export interface CancelledBatch {
  readonly batch: MintBatch;
  readonly cancelledAt: UnixTime;
}

/** The block that holds an anchor, as proofs show it. */
export interface AnchorBlock {
  readonly header: BlockHeader;
  readonly height: Height;
  readonly txMerkleProof: TxMerkleProof;
}

/** `swap`: assets bought or sold for bitcoin. `foreign`: a transaction of somebody else that spends what we hold or what one of ours spends. */
export type AnchorKind = 'mint' | 'send' | 'burn' | 'receive' | 'swap' | 'foreign';

/** Something that is asked of others until it comes about. A restart goes on where it stood. */
export interface Tries {
  /** How often it failed. */
  readonly attempts: number;
  /** Not tried again before. */
  readonly retryAt: UnixTime;
  /** Why the last try failed; null before the first one. */
  readonly lastError: { readonly code: string; readonly message: string } | null;
}

export const UNTRIED: Tries = { attempts: 0, retryAt: 0 as UnixTime, lastError: null };

/** What left to somebody else, and whether its proof has arrived there. */
export interface Delivery extends Tries {
  /** Of the holding that is the recipient's. */
  readonly key: Bytes;
  readonly address: string;
  readonly courier: string;
  /** A reorganisation of its anchor makes it null again: the proof is another one then. */
  readonly deliveredAt: UnixTime | null;
}

/** A transaction that assets stand in: a batch that was minted, a transfer, a burn, or what others sent us. */
export interface Anchor {
  readonly txid: TxId;
  readonly tx: Tx;
  readonly kind: AnchorKind;
  /** null as long as it is in no block. */
  readonly block: AnchorBlock | null;
  /** null where others paid it. */
  readonly feeSat: Sat | null;
  readonly createdAt: UnixTime;
  readonly deliveries: readonly Delivery[];
  /** What its maker wrote down about it; for nobody else. */
  readonly note: string | null;
  /** The transaction of ours with the same assets and a lower fee that this one takes the place of. Whichever a block has is the right one. */
  readonly replaces: TxId | null;
}

/** What became of an asset: it can be spent, or it was burnt, or it only closes a transfer that left nothing. */
export type AssetFate = 'live' | 'burnt' | 'tombstone';

/** What is asked of all holdings at once, as plain values: no proof is decoded for it. */
export interface HoldingFacts {
  readonly assetId: Bytes;
  /** 33 bytes; null without a group. */
  readonly groupKey: Bytes | null;
  readonly amount: bigint;
  readonly outPoint: OutPoint;
  readonly fate: AssetFate;
}

/** What came before a transition where no holding of ours has it: ends of stored histories (`history.ts`). */
export interface HoldingBase {
  readonly head: Bytes | null;
  /** Of the files of further inputs. */
  readonly additionalHeads: readonly Bytes[];
  /** Records of version 1 and 2 hold the transitions themselves, oldest first, and the files of further inputs. */
  readonly before: readonly Bytes[];
  readonly additionalInputs: readonly Bytes[];
}

/** An output that is held back: a packet, or an offer, that has left us spends it. */
export interface Lease {
  readonly outPoint: OutPoint;
  readonly purpose: LeasePurpose;
  /** What has left: the id of the packet or the offer, 32 bytes. */
  readonly id: Bytes;
  readonly createdAt: UnixTime;
  /** From then on it may be spent otherwise. */
  readonly expiresAt: UnixTime;
}

/** `lapsed`: an offer that has run out. It holds nothing back any more, and whoever has it can accept it until its asset is spent. */
export type LeasePurpose = 'packet' | 'swap' | 'lapsed';

/** An asset in an anchor, ours or not: the last transition of its file, and what came before. */
export interface Holding {
  /** `prevIdHash` of the asset in its place. */
  readonly key: Bytes;
  readonly facts: HoldingFacts;
  /** Without further inputs; its block is that of the anchor, which a reorganisation may change. */
  readonly proof: Proof;
  /** Keys of the holdings that the transition spent. Empty where it was minted, or where `base` has what came before. */
  readonly inputs: readonly Bytes[];
  readonly base: HoldingBase;
  /** The key that can spend it; null where it is not ours. */
  readonly scriptKeyIndex: number | null;
  /** The root of the script tree that its script key commits to (32 bytes); null where the key is that of BIP 86, or is not ours. */
  readonly scriptKeyTweak: Bytes | null;
  /** The key of its output; null where it is not ours. */
  readonly internalKeyIndex: number | null;
  /** The anchor that spends it: it is not offered again. */
  readonly spentBy: TxId | null;
}

/** All that is known for ever of an asset whose minting was verified. */
export interface KnownAsset {
  readonly genesis: Genesis;
  readonly meta: MetaReveal | null;
  readonly groupKey: Bytes | null;
}

/** A group whose first asset is known. */
export interface AssetGroup {
  readonly groupKey: Bytes;
  /** The id of its first asset, which its key commits to. */
  readonly anchorId: Bytes;
  /** Of the key that signs for further tranches; null where it is another's, or signs elsewhere. */
  readonly rawKeyIndex: number | null;
  /** How the key came about; null where that was not noted. */
  readonly reveal: GroupKeyReveal | null;
  /** Where we mint with a key that signs elsewhere. */
  readonly external: ExternalKey | null;
}

/** An output that an address has received. Whether it is proved, the holdings say (`arrivalStatus`). */
export interface Arrival extends Tries {
  readonly outPoint: OutPoint;
  /** null as long as its transaction is in no block. */
  readonly height: Height | null;
  /** What should stand there: as the address says, or (version 2) the sender. */
  readonly parts: readonly ArrivalPart[];
  /** When the proofs of all of it had been taken in; null again where its block left the chain. */
  readonly provedAt: UnixTime | null;
}

export interface ArrivalPart {
  readonly assetId: Bytes;
  readonly amount: bigint;
  /** 33 bytes. */
  readonly scriptKey: Bytes;
}

/** An address that was given out, and what it has received. */
export interface AssetAddress {
  readonly text: string;
  readonly version: AddressVersion;
  /** null where it is for any asset of a group. */
  readonly assetId: Bytes | null;
  /** Of the key that spends what comes; of version 2 it is tweaked for each asset. */
  readonly scriptKeyIndex: number;
  readonly internalKeyIndex: number;
  /** The Bitcoin output that a transfer to it makes; of version 2, which has none that is known before, the key that it names (33 bytes). */
  readonly script: Bytes;
  readonly createdAt: UnixTime;
  readonly arrivals: readonly Arrival[];
}
export type AddressVersion = 0 | 1 | 2;

/** The node's assets. Everything in it is stored, nothing in it is secret. */
export interface AssetState {
  /** The next key to hand out; one that was handed out is never handed out again. */
  readonly nextKeyIndex: number;
  /** Which others were handed out before, in earlier lives of this wallet. */
  readonly keyHistory: KeyHistory;
  /** The open batch. */
  readonly batch: MintBatch | null;
  /** Newest first. */
  readonly cancelled: readonly CancelledBatch[];
  readonly anchors: BytesMap<TxId, Anchor>;
  readonly holdings: BytesMap<Bytes, Holding>;
  readonly known: BytesMap<Bytes, KnownAsset>;
  readonly groups: BytesMap<Bytes, AssetGroup>;
  /** By `script`. */
  readonly addresses: BytesMap<Bytes, AssetAddress>;
  readonly leases: readonly Lease[];
}

export const NO_ASSETS: AssetState = {
  nextKeyIndex: 0,
  keyHistory: NO_HISTORY,
  batch: null,
  cancelled: [],
  anchors: bytesMap(),
  holdings: bytesMap(),
  known: bytesMap(),
  groups: bytesMap(),
  addresses: bytesMap(),
  leases: [],
};

/** What an output with assets is worth in bitcoin: above every dust limit, and what others' wallets use. */
export const ASSET_OUTPUT_SAT = 1_000n;
