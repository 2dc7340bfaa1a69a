import { tapscriptPreimageCodec } from '../../asset/commitment/sibling.ts';
import type { ExternalKey } from '../../asset/external-key.ts';
import { groupKeyRevealCodec } from '../../asset/group-key.ts';
import { metaRevealCodec } from '../../asset/proof/meta.ts';
import type { Bytes } from '../../base/bytes.ts';
import { type Sat, type UnixTime, unixTime } from '../../base/units.ts';
import { outPointCodec } from '../../bitcoin/tx.ts';
import { bigsizeNumber, bytes, type Codec, list, map, nullable, struct, u8, u32, u64, union } from '../../codec/codec.ts';
import { blob, oneOf, text, versioned } from '../../codec/stored.ts';
import type { KeyPath } from '../wallet/types.ts';
import { sized } from './codec.ts';
import type { AssetGroup, AssetState, BatchFunding, CancelledBatch, MintBatch, Seedling, SeedlingGroup } from './types.ts';

// What is stored of mintings and of the groups that they begin. Every version that was ever written is read.

export type StoredBatches = Pick<AssetState, 'batch' | 'cancelled'>;

const hash: Codec<Bytes> = bytes(32);
const publicKey: Codec<Bytes> = bytes(33);
const time = u32 as Codec<number> as Codec<UnixTime>;
const amount = u64 as Codec<Sat>;
const meta = nullable(sized(metaRevealCodec));
const external: Codec<ExternalKey> = struct({ xpub: text, masterFingerprint: u32, path: list(bigsizeNumber, u32) });

const seedlingOf = (group: Codec<SeedlingGroup>): Codec<Seedling> =>
  struct({ tag: blob, type: u8, amount: u64, assetVersion: u8, meta, group });
const group1 = { none: [0, struct({})], new: [1, struct({})], existing: [2, struct({ groupKey: publicKey })] } as const;
const group2 = {
  ...group1,
  scripted: [3, struct({ tapscriptRoot: hash })],
  external: [4, struct({ key: external, customRoot: nullable(hash), groupKey: nullable(publicKey) })],
  member: [5, struct({ anchor: blob })],
} as const;
const seedling1 = seedlingOf(union('kind', group1) as Codec<SeedlingGroup>);
const seedling2 = seedlingOf(union('kind', group2) as Codec<SeedlingGroup>);

const path: Codec<KeyPath> = struct({ account: oneOf('p2tr', 'p2wpkh'), chain: oneOf('receive', 'change'), index: u32 });
const funding: Codec<BatchFunding> = struct({
  coins: list(bigsizeNumber, outPointCodec),
  change: nullable(struct({ amount, path })),
  feeSat: amount,
  weight: u32,
  internalKey: publicKey,
  internalKeyIndex: u32,
  sibling: nullable(sized(tapscriptPreimageCodec)),
  keys: list(bigsizeNumber, struct({ scriptKeyIndex: u32, groupKeyIndex: nullable(u32) })),
  witnesses: nullable(list(bigsizeNumber, list(bigsizeNumber, blob))),
});
const batch: Codec<MintBatch> = struct({ createdAt: time, seedlings: list(bigsizeNumber, seedling2), funding: nullable(funding) });
const cancelled: Codec<CancelledBatch> = struct({ batch, cancelledAt: time });

/** Version 1 had the assets of the open batch alone. */
const batches1: Codec<StoredBatches> = map(
  list(bigsizeNumber, seedling1),
  (seedlings) => ({ batch: seedlings.length === 0 ? null : { createdAt: unixTime(0), seedlings, funding: null }, cancelled: [] }),
  ({ batch: open }) => open?.seedlings ?? [],
);
const batches2: Codec<StoredBatches> = struct({ batch: nullable(batch), cancelled: list(bigsizeNumber, cancelled) });
export const batchesCodec: Codec<StoredBatches> = versioned(batches1, batches2);

const groupFields = { groupKey: publicKey, anchorId: hash, rawKeyIndex: nullable(u32) };
const assetGroup1: Codec<AssetGroup> = map(
  struct(groupFields),
  (read) => ({ ...read, reveal: null, external: null }),
  ({ groupKey, anchorId, rawKeyIndex }) => ({ groupKey, anchorId, rawKeyIndex }),
);
const assetGroup2: Codec<AssetGroup> = struct({
  ...groupFields,
  reveal: nullable(sized(groupKeyRevealCodec)),
  external: nullable(external),
});
export const groupCodec: Codec<AssetGroup> = versioned(assetGroup1, assetGroup2);
