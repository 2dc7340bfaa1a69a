import { base64 } from '@scure/base';
import { expect, test } from 'vitest';
import { networksOfPrefix } from '../../src/asset/address/network.ts';
import { type Bip32Derivation, keyOriginCodec, type TaprootDerivation, taprootOriginCodec } from '../../src/asset/packet/derivation.ts';
import { decodePsbtMaps, type PsbtEntry } from '../../src/asset/packet/psbt-map.ts';
import {
  decodeVirtualPacket,
  encodeVirtualPacket,
  type VirtualInput,
  type VirtualOutput,
  type VirtualPacket,
} from '../../src/asset/packet/virtual-packet.ts';
import { type Bytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { encodeWith } from '../../src/codec/codec.ts';
import {
  addressOfJson,
  assetOfJson,
  type JsonAddress,
  type JsonAsset,
  type JsonPrevId,
  prevIdOfJson,
  siblingOfJson,
} from './taproot-assets-json.ts';
import { type JsonProof, proofOfJson } from './taproot-assets-json-proof.ts';
import { readHex, readText, readVectors } from './taproot-assets-read.ts';

interface JsonDerivation {
  readonly pub_key: string;
  readonly fingerprint: number;
  readonly bip32_path: readonly number[];
  readonly leaf_hashes?: readonly string[] | null;
}
type Derivations = readonly JsonDerivation[] | null;
interface JsonInput {
  readonly bip32_derivation: Derivations;
  readonly tr_bip32_derivation: Derivations;
  readonly tr_internal_key: string;
  readonly tr_merkle_root: string;
  readonly prev_id: JsonPrevId;
  readonly anchor: {
    readonly value: number | bigint;
    readonly pk_script: string;
    readonly sig_hash_type: number;
    readonly internal_key: string;
    readonly merkle_root: string;
    readonly tapscript_sibling: string;
    readonly bip32_derivation: Derivations;
    readonly tr_bip32_derivation: Derivations;
  };
  readonly asset: JsonAsset | null;
  readonly proof: JsonProof | null;
}
interface JsonOutput {
  readonly amount: number | bigint;
  readonly type: number;
  readonly asset_version: number;
  readonly interactive: boolean;
  readonly anchor_output_index: number;
  readonly anchor_output_internal_key: string;
  readonly anchor_output_bip32_derivation: Derivations;
  readonly anchor_output_tr_bip32_derivation: Derivations;
  readonly anchor_output_tapscript_sibling: string;
  readonly asset: JsonAsset | null;
  readonly split_asset: JsonAsset | null;
  readonly pk_script: string;
  readonly bip32_derivation: Derivations;
  readonly tr_internal_key: string;
  readonly tr_merkle_root: string;
  readonly proof_delivery_address: string;
  readonly proof_suffix: JsonProof | null;
  readonly relative_lock_time: number | bigint;
  readonly lock_time: number | bigint;
  readonly alt_leaves: readonly JsonAsset[] | null;
  readonly address: JsonAddress | null;
}
interface JsonPacket {
  readonly inputs: readonly JsonInput[];
  readonly outputs: readonly JsonOutput[];
  readonly version: number;
  readonly chain_params_hrp?: string;
}

// The vectors hold the fingerprint as the little-endian number of its bytes.
const swapped = (value: number): number => new DataView(Uint8Array.of(value, value >> 8, value >> 16, value >> 24).buffer).getUint32(0);
const origin = (json: JsonDerivation) => ({ masterFingerprint: swapped(json.fingerprint), path: json.bip32_path });
const bip32 = (list: Derivations): readonly Bip32Derivation[] =>
  (list ?? []).map((json) => ({ ...origin(json), publicKey: fromHex(json.pub_key) }));
const taproot = (list: Derivations): readonly TaprootDerivation[] =>
  (list ?? []).map((json) => ({ ...origin(json), publicKey: fromHex(json.pub_key), leafHashes: (json.leaf_hashes ?? []).map(fromHex) }));
const orNull = (text: string): Bytes | null => (text === '' ? null : fromHex(text));
const entry = (type: number, data: Bytes, value: Bytes): PsbtEntry => ({ key: Uint8Array.from([type, ...data]), value });
const NONE = new Uint8Array(0);

function standardOfInput(json: JsonInput): readonly PsbtEntry[] {
  return [
    ...bip32(json.bip32_derivation).map((each) => entry(0x06, each.publicKey, encodeWith(keyOriginCodec, each))),
    ...taproot(json.tr_bip32_derivation).map((each) => entry(0x16, each.publicKey, encodeWith(taprootOriginCodec, each))),
    ...(json.tr_internal_key === '' ? [] : [entry(0x17, NONE, fromHex(json.tr_internal_key))]),
    ...(json.tr_merkle_root === '' ? [] : [entry(0x18, NONE, fromHex(json.tr_merkle_root))]),
  ];
}

// tapd writes the tweak of an output's script key as the one leaf hash of its key.
function standardOfOutput(json: JsonOutput): readonly PsbtEntry[] {
  const [first] = bip32(json.bip32_derivation);
  if (first === undefined || json.tr_internal_key === '') return [];
  const leafHashes = json.tr_merkle_root === '' ? [] : [fromHex(json.tr_merkle_root)];
  const key = first.publicKey.slice(1);
  const plain = { ...first, masterFingerprint: 0 };
  return [
    entry(0x02, first.publicKey, encodeWith(keyOriginCodec, plain)),
    entry(0x05, NONE, key),
    entry(0x07, key, encodeWith(taprootOriginCodec, { ...plain, leafHashes })),
  ];
}

const inputOf = (json: JsonInput): VirtualInput => ({
  prevId: prevIdOfJson(json.prev_id),
  anchor: {
    value: BigInt(json.anchor.value),
    pkScript: fromHex(json.anchor.pk_script),
    sigHashType: BigInt(json.anchor.sig_hash_type),
    internalKey: orNull(json.anchor.internal_key),
    merkleRoot: fromHex(json.anchor.merkle_root),
    tapscriptSibling: fromHex(json.anchor.tapscript_sibling),
    bip32Derivation: bip32(json.anchor.bip32_derivation),
    taprootDerivation: taproot(json.anchor.tr_bip32_derivation),
  },
  asset: json.asset === null ? null : assetOfJson(json.asset),
  proof: json.proof === null ? null : proofOfJson(json.proof),
  standard: standardOfInput(json),
});

const outputOf = (json: JsonOutput): VirtualOutput => ({
  amount: BigInt(json.amount),
  scriptKey: Uint8Array.from([2, ...fromHex(json.pk_script).subarray(2)]),
  type: json.type,
  interactive: json.interactive,
  assetVersion: json.asset_version,
  anchorOutputIndex: BigInt(json.anchor_output_index),
  anchorInternalKey: orNull(json.anchor_output_internal_key),
  anchorBip32Derivation: bip32(json.anchor_output_bip32_derivation),
  anchorTaprootDerivation: taproot(json.anchor_output_tr_bip32_derivation),
  anchorTapscriptSibling: siblingOfJson(json.anchor_output_tapscript_sibling),
  asset: json.asset === null ? null : assetOfJson(json.asset),
  splitAsset: json.split_asset === null ? null : assetOfJson(json.split_asset),
  proofDeliveryAddress: json.proof_delivery_address === '' ? null : json.proof_delivery_address,
  proofSuffix: json.proof_suffix === null ? null : proofOfJson(json.proof_suffix),
  lockTime: BigInt(json.lock_time),
  relativeLockTime: BigInt(json.relative_lock_time),
  altLeaves: (json.alt_leaves ?? []).map(assetOfJson),
  address: json.address === null ? null : addressOfJson(json.address),
  standard: standardOfOutput(json),
});

function packetOfJson(json: JsonPacket): VirtualPacket {
  if (!json.chain_params_hrp) throw new Error('missing chain params HRP');
  if (networksOfPrefix(json.chain_params_hrp).length === 0) throw new Error('invalid chain params HRP');
  return { version: json.version, prefix: json.chain_params_hrp, inputs: json.inputs.map(inputOf), outputs: json.outputs.map(outputOf) };
}

test('psbt_encoding_generated.json: 3 packets encode to the given bytes and back', () => {
  const cases = readVectors<{ valid_test_cases: { packet: JsonPacket; expected: string; comment: string }[] }>(
    'tappsbt/psbt_encoding_generated.json',
  ).valid_test_cases;
  expect(cases).toHaveLength(3);
  for (const each of cases) {
    const packet = packetOfJson(each.packet);
    expect(toHex(encodeVirtualPacket(packet)), each.comment).toBe(toHex(base64.decode(each.expected)));
    const decoded = decodeVirtualPacket(base64.decode(each.expected));
    expect(decoded.ok ? decoded.value : decoded.failure, each.comment).toEqual(packet);
  }
});

test('psbt_encoding_error_cases.json: 1 description of a packet is refused in the given words', () => {
  const cases = readVectors<{ error_test_cases: { packet: JsonPacket; error: string }[] }>(
    'tappsbt/psbt_encoding_error_cases.json',
  ).error_test_cases;
  expect(cases).toHaveLength(1);
  for (const each of cases) expect(() => packetOfJson(each.packet)).toThrow(each.error);
});

test('packet.hex: 1 packet of before there were lock times, which alone are written besides', () => {
  const text = readText('tappsbt/packet.hex').trim();
  const bytes = /^[0-9a-f]+$/.test(text) ? readHex('tappsbt/packet.hex') : base64.decode(text);
  const packet = decodeVirtualPacket(bytes);
  if (!packet.ok) throw new Error(packet.failure.message);
  const written = encodeVirtualPacket(packet.value);
  const [before, after] = [decodePsbtMaps(bytes), decodePsbtMaps(written)];
  if (!before.ok || !after.ok) throw new Error('not a PSBT');
  const isLock = ({ key }: PsbtEntry): boolean => key[0] === 0x7c || key[0] === 0x7d;
  expect({ ...after.value, outputs: after.value.outputs.map((map) => map.filter((each) => !isLock(each))) }).toEqual(before.value);
  expect(decodeVirtualPacket(written)).toEqual(packet);
  const cut = decodeVirtualPacket(bytes.subarray(0, -1));
  expect(cut.ok ? null : cut.failure.code).toBe('MALFORMED');
});
