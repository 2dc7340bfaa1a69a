import type { Bytes } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { outPointCodec } from '../../bitcoin/tx.ts';
import { bytes, type Codec, decodeWith, encodeWith, struct, u32, u64 } from '../../codec/codec.ts';
import { tlvStream } from '../../codec/tlv.ts';
import { Writer } from '../../codec/writer.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type PrevId, prevIdHash, prevIdOf } from '../asset.ts';
import { outPoint, publicKeyOrZero, record, required } from '../codecs.ts';
import { type AssetFailure, malformed } from '../failure.ts';
import type { Leaf } from '../mssmt/node.ts';
import type { Entry } from '../mssmt/tree.ts';
import { decodeProof, outPointOf, type Proof } from '../proof/proof.ts';

/**
 * What changes the supply of a group, as its issuer commits to it (tapd's universe/supplycommit): units minted, units burnt, and units that the
 * issuer declares to be ignored, as an exchange does with stolen ones.
 */
export type SupplyLeaf =
  | { readonly kind: 'mint' | 'burn'; readonly raw: Bytes; readonly proof: Proof }
  | { readonly kind: 'ignore'; readonly raw: Bytes; readonly tuple: IgnoreTuple; readonly signature: Bytes };
export type SupplyKind = SupplyLeaf['kind'];

export interface IgnoreTuple {
  readonly prevId: PrevId;
  readonly amount: bigint;
  readonly blockHeight: number;
}

const prevId: Codec<PrevId> = struct({ outPoint, id: bytes(32), scriptKey: publicKeyOrZero });
const tupleCodec: Codec<IgnoreTuple> = struct({ prevId, amount: u64, blockHeight: u32 });
const MAX_TUPLE = 256;
const tupleStream = tlvStream({ tuple: [0n, record(MAX_TUPLE, tupleCodec)] });
const signedStream = tlvStream({ tuple: [0n, record(MAX_TUPLE, tupleCodec)], signature: [2n, bytes(64)] });
const signedCodec: Codec<{ readonly tuple: IgnoreTuple; readonly signature: Bytes }> = {
  write: (to, value) => signedStream.write(to, { ...value, unknown: [] }),
  read(from) {
    const { tuple, signature } = signedStream.read(from);
    return { tuple: required(tuple, 'tuple'), signature: required(signature, 'signature') };
  },
};

export const encodeSignedIgnore = (tuple: IgnoreTuple, signature: Bytes): Bytes => encodeWith(signedCodec, { tuple, signature });

/** What the delegation key signs (BIP 340): the hash of the hash of the tuple's record, as lnd signs messages. */
export const ignoreSighash = (tuple: IgnoreTuple): Bytes =>
  sha256(
    sha256(
      encodeWith({ write: (to, value: IgnoreTuple) => tupleStream.write(to, { tuple: value, unknown: [] }), read: tupleCodec.read }, tuple),
    ),
  );

/** Reads the bytes of a leaf; whether they mean anything, `verifySupply` says. */
export function decodeSupplyLeaf(kind: SupplyKind, raw: Bytes): Result<SupplyLeaf, AssetFailure<'MALFORMED' | 'TOO_LARGE'>> {
  if (kind === 'ignore') {
    const signed = decodeWith(signedCodec, raw);
    return signed.ok ? ok({ kind, raw, ...signed.value }) : malformed(signed.failure);
  }
  const proof = decodeProof(raw);
  return proof.ok ? ok({ kind, raw, proof: proof.value }) : proof;
}

/** The units of a leaf. */
export const supplyAmount = (leaf: SupplyLeaf): bigint => (leaf.kind === 'ignore' ? leaf.tuple.amount : leaf.proof.asset.amount);

export const supplyHeight = (leaf: SupplyLeaf): number => (leaf.kind === 'ignore' ? leaf.tuple.blockHeight : leaf.proof.blockHeight);

/** The asset, in its place, that a leaf is about. */
export const supplyPoint = (leaf: SupplyLeaf): PrevId =>
  leaf.kind === 'ignore' ? leaf.tuple.prevId : prevIdOf(leaf.proof.asset, outPointOf(leaf.proof));

/** The leaf in the tree of its kind. Ignored ones stand under the name of the asset in another order than proofs do. */
export function supplyEntry(leaf: SupplyLeaf): Entry {
  const value: Leaf = { value: leaf.raw, sum: supplyAmount(leaf) };
  const point = supplyPoint(leaf);
  if (leaf.kind === 'ignore') return [prevIdHash(point), value];
  const to = new Writer(100);
  outPointCodec.write(to, point.outPoint);
  return [sha256(to.bytes(point.scriptKey.subarray(1)).bytes(point.id).done()), value];
}
