import { genesisCodec } from '../../asset/genesis.ts';
import { metaRevealCodec } from '../../asset/proof/meta.ts';
import { proofCodec } from '../../asset/proof/proof.ts';
import { txMerkleProofCodec } from '../../asset/proof/tx-merkle.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import type { Height, Sat, UnixTime } from '../../base/units.ts';
import { blockHeaderCodec } from '../../bitcoin/block.ts';
import { outPointCodec, txCodec } from '../../bitcoin/tx.ts';
import {
  bigsizeNumber,
  bytes,
  type Codec,
  decodeWith,
  encodeWith,
  list,
  map,
  nullable,
  struct,
  u8,
  u32,
  u64,
  union,
  type ValueOf,
} from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { blob, oneOf, text, versioned } from '../../codec/stored.ts';
import { atRest, encodedProof, holdingOf, NO_BASE, restingOn } from './holding.ts';
import type {
  Anchor,
  AnchorKind,
  AssetAddress,
  AssetFate,
  AssetGroup,
  Holding,
  KnownAsset,
  Lease,
  LeasePurpose,
  Seedling,
  SeedlingGroup,
} from './types.ts';

// What is stored of assets. Every version that was ever written is read; numbers of choices are part of the format.

const key: Codec<Bytes> = bytes(32);
const id: Codec<TxId> = bytes<TxId>(32);
const time = u32 as Codec<number> as Codec<UnixTime>;
const height = u32 as Codec<number> as Codec<Height>;

/** A codec that reads up to the end of its record, with its length in front. */
function sized<T>(inner: Codec<T>): Codec<T> {
  return {
    write: (to, value) => blob.write(to, encodeWith(inner, value)),
    read(from) {
      const read = decodeWith(inner, blob.read(from));
      if (!read.ok) throw new CodecError(`${read.failure.path}: ${read.failure.message}`);
      return read.value;
    },
  };
}

const meta = nullable(sized(metaRevealCodec));
const group: Codec<SeedlingGroup> = union('kind', {
  none: [0, struct({})],
  new: [1, struct({})],
  existing: [2, struct({ groupKey: bytes(33) })],
}) as Codec<SeedlingGroup>;
const seedling: Codec<Seedling> = struct({ tag: blob, type: u8, amount: u64, assetVersion: u8, meta, group });
export const seedlingsCodec: Codec<readonly Seedling[]> = versioned(list(bigsizeNumber, seedling));

const kind: Codec<AnchorKind> = oneOf('mint', 'send', 'burn', 'receive', 'swap', 'foreign');

const anchorFields = {
  txid: id,
  tx: txCodec,
  kind,
  block: nullable(struct({ header: blockHeaderCodec, height, txMerkleProof: txMerkleProofCodec })),
  feeSat: nullable(u64 as Codec<Sat>),
  createdAt: time,
  deliveries: list(bigsizeNumber, struct({ key, address: text, courier: text, deliveredAt: nullable(time) })),
};
const anchor1: Codec<Anchor> = map(
  struct(anchorFields),
  (read) => ({ ...read, note: null, replaces: null }),
  ({ note: _, replaces: __, ...stored }) => stored,
);
const anchor2: Codec<Anchor> = struct({ ...anchorFields, note: nullable(text), replaces: nullable(id) });
export const anchorCodec: Codec<Anchor> = versioned(anchor1, anchor2);

const purpose: Codec<LeasePurpose> = oneOf('packet', 'swap');
const lease: Codec<Lease> = struct({ outPoint: outPointCodec, purpose, id: key, createdAt: time, expiresAt: time });
export const leasesCodec: Codec<readonly Lease[]> = versioned(list(bigsizeNumber, lease));

const ends = { scriptKeyIndex: nullable(u32), internalKeyIndex: nullable(u32), spentBy: nullable(id) };
/** Versions 1 and 2 hold histories whole. */
const inlined = {
  proof: sized(proofCodec),
  inputs: list(bigsizeNumber, key),
  base: struct({ before: list(bigsizeNumber, blob), additionalInputs: list(bigsizeNumber, blob) }),
  ...ends,
};
const asHolding = ({ base, ...read }: ValueOf<typeof holding2>): Holding => ({
  ...holdingOf(read.proof),
  ...read,
  base: { ...NO_BASE, ...base },
});
const holding1 = struct(inlined);
const holding2 = struct({ ...inlined, scriptKeyTweak: nullable(key) });
const FATES: readonly AssetFate[] = ['live', 'burnt', 'tombstone'];
const holding3 = struct({
  key,
  facts: struct({ assetId: key, groupKey: nullable(bytes(33)), amount: u64, outPoint: outPointCodec, fate: oneOf(...FATES) }),
  proof: blob,
  inputs: list(bigsizeNumber, key),
  base: struct({
    head: nullable(key),
    additionalHeads: list(bigsizeNumber, key),
    before: list(bigsizeNumber, blob),
    additionalInputs: list(bigsizeNumber, blob),
  }),
  ...ends,
  scriptKeyTweak: nullable(key),
});
const never = (): never => {
  throw new RangeError('records of old versions are only read');
};
export const holdingCodec: Codec<Holding> = versioned(
  map(holding1, (read) => atRest(asHolding({ ...read, scriptKeyTweak: null })), never),
  map(holding2, (read) => atRest(asHolding(read)), never),
  map(
    holding3,
    ({ proof, ...read }) => restingOn(read, proof),
    (holding) => ({ ...holding, proof: encodedProof(holding) }),
  ),
);

export const knownCodec: Codec<KnownAsset> = versioned(struct({ genesis: genesisCodec, meta, groupKey: nullable(bytes(33)) }));
export const groupCodec: Codec<AssetGroup> = versioned(struct({ groupKey: bytes(33), anchorId: key, rawKeyIndex: nullable(u32) }));
export const addressRecordCodec: Codec<AssetAddress> = versioned(
  struct({
    text,
    assetId: key,
    scriptKeyIndex: u32,
    internalKeyIndex: u32,
    script: blob,
    createdAt: time,
    arrivals: list(bigsizeNumber, struct({ outPoint: outPointCodec, height })),
  }),
);
