import { base64 } from '@scure/base';
import type { TapAddress } from '../../src/asset/address/address.ts';
import { networksOfPrefix } from '../../src/asset/address/network.ts';
import type { Asset, PrevId, Witness } from '../../src/asset/asset.ts';
import { type TapscriptPreimage, tapscriptPreimageCodec } from '../../src/asset/commitment/sibling.ts';
import { decodeProof } from '../../src/asset/mssmt/proof.ts';
import { type Bytes, fromHex, utf8 } from '../../src/base/bytes.ts';
import type { OutPoint } from '../../src/base/ids.ts';
import { parseTxId } from '../../src/bitcoin/tx.ts';
import { decodeWith } from '../../src/codec/codec.ts';
import type { TlvRecord } from '../../src/codec/tlv.ts';

/** The JSON forms of tapd's vectors, and what they stand for. Fields that are missing are refused with the vectors' own words. */
export interface JsonPrevId {
  readonly out_point: string;
  readonly asset_id: string;
  readonly script_key: string;
}
export interface JsonWitness {
  readonly prev_id: JsonPrevId | null;
  readonly tx_witness: readonly string[] | null;
  readonly split_commitment: { readonly proof: string; readonly root_asset: JsonAsset } | null;
}
export interface JsonAsset {
  readonly version: number;
  readonly genesis_first_prev_out?: string;
  readonly genesis_tag: string;
  readonly genesis_meta_hash?: string;
  readonly genesis_output_index: number;
  readonly genesis_type: number;
  readonly amount: number | bigint;
  readonly lock_time: number | bigint;
  readonly relative_lock_time: number | bigint;
  readonly prev_witnesses: readonly JsonWitness[] | null;
  readonly split_commitment_root: { readonly hash: string; readonly sum: string } | null;
  readonly script_version: number;
  readonly script_key?: string;
  readonly group_key: { readonly group_key?: string } | null;
  readonly unknown_odd_types: JsonUnknown;
}
export type JsonUnknown = Readonly<Record<string, string>> | null | undefined;

export const outPointOf = (text: string): OutPoint => {
  const [txid, vout] = text.split(':');
  const id = parseTxId(txid as string);
  if (id === null) throw new Error(`not an outpoint: ${text}`);
  return { txid: id, vout: Number(vout) };
};

export const unknownOf = (json: JsonUnknown): readonly TlvRecord[] =>
  Object.entries(json ?? {}).map(([type, value]) => ({ type: BigInt(type), value: base64.decode(value) }));

/** 33 bytes; x-only keys are not accepted. */
export function keyOf(text: string, what: string): Bytes {
  if (text.length !== 66) throw new Error(`invalid ${what} length`);
  return fromHex(text);
}

export const prevIdOfJson = (json: JsonPrevId): PrevId => ({
  outPoint: outPointOf(json.out_point),
  id: fromHex(json.asset_id),
  scriptKey: fromHex(json.script_key),
});

const witnessOf = (json: JsonWitness): Witness => {
  const split = json.split_commitment;
  const proof = split === null ? null : decodeProof(fromHex(split.proof));
  if (proof?.ok === false) throw new Error(proof.failure.message);
  return {
    prevId: json.prev_id === null ? null : prevIdOfJson(json.prev_id),
    txWitness: (json.tx_witness ?? []).map(fromHex),
    splitCommitment: split === null || proof === null ? null : { proof: proof.value, rootAsset: assetOfJson(split.root_asset) },
    unknown: [],
  };
};

export function assetOfJson(json: JsonAsset): Asset {
  if (!json.genesis_first_prev_out || !json.genesis_meta_hash) throw new Error('missing genesis fields');
  if (!json.script_key) throw new Error('missing script key');
  const scriptKey = keyOf(json.script_key, 'script key');
  if (json.group_key && !json.group_key.group_key) throw new Error('missing group key');
  const groupKey = json.group_key?.group_key ? keyOf(json.group_key.group_key, 'group key') : null;
  const root = json.split_commitment_root;
  return {
    version: json.version,
    genesis: {
      firstPrevOut: outPointOf(json.genesis_first_prev_out),
      tag: utf8(json.genesis_tag),
      metaHash: fromHex(json.genesis_meta_hash),
      outputIndex: json.genesis_output_index,
      type: json.genesis_type,
    },
    amount: BigInt(json.amount),
    lockTime: BigInt(json.lock_time),
    relativeLockTime: BigInt(json.relative_lock_time),
    prevWitnesses: (json.prev_witnesses ?? []).map(witnessOf),
    splitCommitmentRoot: root === null ? null : { hash: fromHex(root.hash), sum: BigInt(root.sum) },
    scriptVersion: json.script_version,
    scriptKey,
    groupKey,
    unknown: unknownOf(json.unknown_odd_types),
  };
}

export interface JsonAddress {
  readonly version?: number;
  readonly chain_params_hrp?: string;
  readonly asset_version?: number;
  readonly asset_id?: string;
  readonly group_key?: string;
  readonly script_key?: string;
  readonly internal_key?: string;
  readonly tapscript_sibling?: string;
  readonly amount?: number | bigint;
  readonly proof_courier_addr?: string;
  readonly unknown_odd_types?: JsonUnknown;
}
export function siblingOfJson(text: string | undefined | null): TapscriptPreimage | null {
  if (!text) return null;
  const sibling = decodeWith(tapscriptPreimageCodec, fromHex(text));
  if (!sibling.ok) throw new Error(sibling.failure.message);
  return sibling.value;
}

export function addressOfJson(json: JsonAddress): TapAddress {
  if (!json.chain_params_hrp) throw new Error('missing chain params HRP');
  if (networksOfPrefix(json.chain_params_hrp).length === 0) throw new Error('invalid chain params HRP');
  if (!json.asset_id && !json.group_key) throw new Error('missing asset ID or group key');
  if (!json.script_key) throw new Error('missing script key');
  const scriptKey = keyOf(json.script_key, 'script key');
  if (!json.internal_key) throw new Error('missing internal key');
  const internalKey = keyOf(json.internal_key, 'internal key');
  return {
    version: json.version ?? 0,
    assetVersion: json.asset_version ?? 0,
    assetId: json.asset_id ? fromHex(json.asset_id) : null,
    groupKey: json.group_key ? keyOf(json.group_key, 'group key') : null,
    scriptKey,
    internalKey,
    tapscriptSibling: siblingOfJson(json.tapscript_sibling),
    amount: BigInt(json.amount ?? 0),
    proofCourier: json.proof_courier_addr ?? '',
    unknown: unknownOf(json.unknown_odd_types),
  };
}
