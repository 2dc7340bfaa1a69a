import type { Bytes } from '../base/bytes.ts';
import { fail, ok, type Result } from '../base/result.ts';
import { bigsize, bytes, type Codec, decodeWith, encodeWith, struct, u8, u16 } from '../codec/codec.ts';
import { CodecError } from '../codec/reader.ts';
import { type TlvFields, type TlvValues, tlvStream } from '../codec/tlv.ts';
import { ASSET_VERSION, type Asset, isKnownVersion, type PrevId, type SplitCommitment, type Witness } from './asset.ts';
import {
  inline,
  lazy,
  MAX_RECORD_SIZE,
  nodeRef,
  outPoint,
  publicKey,
  publicKeyOrZero,
  record,
  required,
  shortList,
  witnessStack,
} from './codecs.ts';
import { type AssetFailure, malformed } from './failure.ts';
import { EMPTY_GENESIS, genesisCodec } from './genesis.ts';
import type { Leaf } from './mssmt/node.ts';
import { proofCodec } from './mssmt/proof.ts';

/** An asset never takes more: nothing larger fits into a block's weight. */
export const MAX_ASSET_SIZE = 4_000_000;

export const prevIdCodec: Codec<PrevId> = struct({ outPoint, id: bytes(32), scriptKey: publicKeyOrZero });

/**
 * A split output carries its root asset, whose inputs may be split outputs in their turn only by name: deeper nesting has no meaning, and would
 * let a small input cost much.
 */
const MAX_DEPTH = 2;

/** How transaction witnesses are treated when an asset is written. */
type Mode = 'normal' | 'segwit';

const codecs = new Map<string, Codec<Asset>>();

function codecFor(mode: Mode, depth: number): Codec<Asset> {
  const name = `${mode}${depth}`;
  let codec = codecs.get(name);
  if (codec === undefined) {
    codec = makeCodec(mode, depth);
    codecs.set(name, codec);
  }
  return codec;
}

function witnessCodec(mode: Mode, depth: number): Codec<Witness> {
  // The root asset inside is written whole, whatever the mode of the asset around it.
  const rootAsset = lazy(() => codecFor('normal', depth + 1));
  const split = record(
    MAX_RECORD_SIZE,
    struct({ proof: inline(MAX_RECORD_SIZE, proofCodec), rootAsset: inline(MAX_RECORD_SIZE, rootAsset) }),
  );
  const guarded: Codec<SplitCommitment> = {
    write: split.write,
    read(from) {
      if (depth >= MAX_DEPTH) throw new CodecError('split commitments nest too deep');
      return split.read(from);
    },
  };
  const stream = tlvStream({ prevId: [1n, prevIdCodec], txWitness: [3n, witnessStack], splitCommitment: [5n, guarded] });
  return {
    write: (to, { prevId, txWitness, splitCommitment, unknown }) =>
      stream.write(to, {
        unknown,
        ...(prevId === null ? {} : { prevId }),
        ...(txWitness.length === 0 || mode === 'segwit' ? {} : { txWitness }),
        ...(splitCommitment === null ? {} : { splitCommitment }),
      }),
    read(from) {
      const { prevId = null, txWitness = [], splitCommitment = null, unknown = [] } = stream.read(from);
      return { prevId, txWitness, splitCommitment, unknown };
    },
  };
}

function assetFields(mode: Mode, depth: number) {
  return {
    version: [0n, u8],
    genesis: [2n, genesisCodec],
    type: [4n, u8],
    amount: [6n, bigsize],
    lockTime: [7n, bigsize],
    relativeLockTime: [9n, bigsize],
    prevWitnesses: [11n, shortList(MAX_RECORD_SIZE, inline(MAX_RECORD_SIZE, witnessCodec(mode, depth)))],
    splitCommitmentRoot: [13n, nodeRef],
    scriptVersion: [14n, u16],
    scriptKey: [16n, publicKey],
    groupKey: [17n, publicKey],
  } as const satisfies TlvFields;
}
type Values = TlvValues<ReturnType<typeof assetFields>>;

function makeCodec(mode: Mode, depth: number): Codec<Asset> {
  const stream = tlvStream(assetFields(mode, depth));
  return record(MAX_ASSET_SIZE, {
    write: (to, asset) => stream.write(to, valuesOf(asset)),
    read(from) {
      const values = stream.read(from);
      const genesis = required(values.genesis, 'genesis');
      const type = required(values.type, 'type');
      if (genesis.type !== type) throw new CodecError(`type ${type} of a genesis of type ${genesis.type}`);
      const { version, amount, scriptVersion } = values;
      return {
        ...optional(values),
        version: required(version, 'version'),
        genesis,
        amount: required(amount, 'amount'),
        scriptVersion: required(scriptVersion, 'script version'),
        scriptKey: required(values.scriptKey, 'script key'),
      };
    },
  });
}

function valuesOf(asset: Asset): Values {
  const { lockTime, relativeLockTime, prevWitnesses, splitCommitmentRoot, groupKey } = asset;
  return {
    version: asset.version,
    genesis: asset.genesis,
    type: asset.genesis.type,
    amount: asset.amount,
    scriptVersion: asset.scriptVersion,
    scriptKey: asset.scriptKey,
    unknown: asset.unknown,
    ...(lockTime === 0n ? {} : { lockTime }),
    ...(relativeLockTime === 0n ? {} : { relativeLockTime }),
    ...(prevWitnesses.length === 0 ? {} : { prevWitnesses }),
    ...(splitCommitmentRoot === null ? {} : { splitCommitmentRoot }),
    ...(groupKey === null ? {} : { groupKey }),
  };
}

const optional = (
  values: Values,
): Pick<Asset, 'lockTime' | 'relativeLockTime' | 'prevWitnesses' | 'splitCommitmentRoot' | 'groupKey' | 'unknown'> => ({
  lockTime: values.lockTime ?? 0n,
  relativeLockTime: values.relativeLockTime ?? 0n,
  prevWitnesses: values.prevWitnesses ?? [],
  splitCommitmentRoot: values.splitCommitmentRoot ?? null,
  groupKey: values.groupKey ?? null,
  unknown: values.unknown ?? [],
});

/** The whole asset, as proofs carry it. */
export const assetCodec: Codec<Asset> = codecFor('normal', 0);

/** An alternative leaf by the fields that are not fixed: script key and version, witnesses, odd records. */
export const altLeafCodec: Codec<Asset> = lazy(() => {
  const stream = tlvStream(assetFields('normal', 0));
  return {
    write: (to, { scriptVersion, scriptKey, prevWitnesses, unknown }) =>
      stream.write(to, { scriptVersion, scriptKey, unknown, ...(prevWitnesses.length === 0 ? {} : { prevWitnesses }) }),
    read(from) {
      const values = stream.read(from);
      // The other fields have the values of an empty asset; a leaf that says otherwise is refused.
      for (const name of [
        'version',
        'genesis',
        'type',
        'amount',
        'lockTime',
        'relativeLockTime',
        'splitCommitmentRoot',
        'groupKey',
      ] as const)
        if (values[name] !== undefined) throw new CodecError(`an alternative leaf with ${name}`);
      return {
        ...optional(values),
        version: ASSET_VERSION.V0,
        genesis: EMPTY_GENESIS,
        amount: 0n,
        scriptVersion: required(values.scriptVersion, 'script version'),
        scriptKey: required(values.scriptKey, 'script key'),
      };
    },
  };
});

export const encodeAsset = (asset: Asset): Bytes => encodeWith(assetCodec, asset);

/** Reads an asset; everything in it is within limits, what it means is not looked at. */
export function decodeAsset(encoded: Bytes): Result<Asset, AssetFailure<'MALFORMED'>> {
  const asset = decodeWith(assetCodec, encoded);
  return asset.ok ? asset : malformed(asset.failure);
}

/** The leaf of the commitment; V1 without transaction witnesses. */
export function assetLeaf(asset: Asset): Result<Leaf, AssetFailure<'UNKNOWN_VERSION'>> {
  if (!isKnownVersion(asset.version)) return fail({ code: 'UNKNOWN_VERSION', message: `asset version ${asset.version}` });
  const mode = asset.version === ASSET_VERSION.V1 ? 'segwit' : 'normal';
  return ok({ value: encodeWith(codecFor(mode, 0), asset), sum: asset.amount });
}
