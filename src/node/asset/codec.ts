import { decodeTapAddress } from '../../asset/address/address.ts';
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
  type ValueOf,
} from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { blob, oneOf, text, versioned } from '../../codec/stored.ts';
import { partsOf } from './arrivals.ts';
import { atRest, encodedProof, holdingOf, NO_BASE, restingOn } from './holding.ts';
import type { KeyHistory, KeyRange } from './key-range.ts';
import {
  type AddressVersion,
  type Anchor,
  type AnchorKind,
  type Arrival,
  type ArrivalPart,
  type AssetAddress,
  type AssetFate,
  type Delivery,
  type Holding,
  type KnownAsset,
  type Lease,
  type LeasePurpose,
  type Tries,
  UNTRIED,
} from './types.ts';

// What is stored of assets. Every version that was ever written is read; numbers of choices are part of the format.

const key: Codec<Bytes> = bytes(32);
const id: Codec<TxId> = bytes<TxId>(32);
const time = u32 as Codec<number> as Codec<UnixTime>;
const height = u32 as Codec<number> as Codec<Height>;

/** A codec that reads up to the end of its record, with its length in front. */
export function sized<T>(inner: Codec<T>): Codec<T> {
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
const kind: Codec<AnchorKind> = oneOf('mint', 'send', 'burn', 'receive', 'swap', 'foreign');

const triesFields = {
  attempts: u32,
  retryAt: time,
  lastError: nullable(struct({ code: text, message: text })),
};

/** A form from before tries were counted. */
const untried = <T extends Tries>(form: Codec<Omit<T, keyof Tries>>): Codec<T> =>
  map(
    form,
    (read) => ({ ...read, ...UNTRIED }) as T,
    (value) => value,
  );

const deliveryFields = { key, address: text, courier: text, deliveredAt: nullable(time) };
const anchorFields = {
  txid: id,
  tx: txCodec,
  kind,
  block: nullable(struct({ header: blockHeaderCodec, height, txMerkleProof: txMerkleProofCodec })),
  feeSat: nullable(u64 as Codec<Sat>),
  createdAt: time,
};
const delivery1: Codec<Delivery> = untried<Delivery>(struct(deliveryFields));
const anchor1: Codec<Anchor> = map(
  struct({ ...anchorFields, deliveries: list(bigsizeNumber, delivery1) }),
  (read) => ({ ...read, note: null, replaces: null }),
  ({ note: _, replaces: __, ...stored }) => stored,
);
const anchorExtras = { note: nullable(text), replaces: nullable(id) };
const anchor2: Codec<Anchor> = struct({ ...anchorFields, deliveries: list(bigsizeNumber, delivery1), ...anchorExtras });
const delivery2: Codec<Delivery> = struct({ ...deliveryFields, ...triesFields });
const anchor3: Codec<Anchor> = struct({ ...anchorFields, deliveries: list(bigsizeNumber, delivery2), ...anchorExtras });
export const anchorCodec: Codec<Anchor> = versioned(anchor1, anchor2, anchor3);

const purpose: Codec<LeasePurpose> = oneOf('packet', 'swap', 'lapsed');
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
const addressFields = { text, scriptKeyIndex: u32, internalKeyIndex: u32, script: blob, createdAt: time };
const address1: Codec<AssetAddress> = map(
  struct({
    text,
    assetId: key,
    scriptKeyIndex: u32,
    internalKeyIndex: u32,
    script: blob,
    createdAt: time,
    arrivals: list(bigsizeNumber, struct({ outPoint: outPointCodec, height })),
  }),
  (read) => {
    const { version, parts } = askedBy(read.text);
    return { ...read, version, arrivals: read.arrivals.map((arrival): Arrival => ({ ...arrival, parts, provedAt: null, ...UNTRIED })) };
  },
  () => {
    throw new RangeError('the first form of an address is not written any more');
  },
);
const address2: Codec<AssetAddress> = struct({
  ...addressFields,
  version: u8 as Codec<number> as Codec<AddressVersion>,
  assetId: nullable(key),
  arrivals: list(
    bigsizeNumber,
    struct({
      outPoint: outPointCodec,
      height: nullable(height),
      parts: list(bigsizeNumber, struct({ assetId: key, amount: u64, scriptKey: bytes(33) })),
      provedAt: nullable(time),
      ...triesFields,
    }),
  ),
});
export const addressRecordCodec: Codec<AssetAddress> = versioned(address1, address2);

/** The first form did not say it: the address does. */
function askedBy(address: string): { readonly version: AddressVersion; readonly parts: readonly ArrivalPart[] } {
  const decoded = decodeTapAddress(address);
  if (!decoded.ok) throw new CodecError(decoded.failure.message);
  return { version: decoded.value.address.version as AddressVersion, parts: partsOf(decoded.value.address) };
}

const range: Codec<KeyRange> = struct({ from: u32, to: u32 });
export const keyHistoryCodec: Codec<KeyHistory> = versioned(struct({ start: u32, earlier: list(bigsizeNumber, range) }));
