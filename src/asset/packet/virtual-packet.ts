import { type Bytes, EMPTY, equal, tryText, utf8 } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { ok, type Result } from '../../base/result.ts';
import { type Sat, sat } from '../../base/units.ts';
import { p2trScript, witnessProgram } from '../../bitcoin/script.ts';
import type { TxOutput } from '../../bitcoin/tx.ts';
import { type Codec, decodeWith, encodeWith, restBytes, u8, u64 } from '../../codec/codec.ts';
import type { TapAddress } from '../address/address.ts';
import { addressCodec } from '../address/address.ts';
import { type AssetNetwork, networksOfPrefix } from '../address/network.ts';
import { altLeavesCodec } from '../alt-leaf.ts';
import { type Asset, type PrevId, ZERO_PREV_ID } from '../asset.ts';
import { assetCodec, prevIdCodec } from '../asset-codec.ts';
import { publicKey } from '../codecs.ts';
import { type TapscriptPreimage, tapscriptPreimageCodec } from '../commitment/sibling.ts';
import { type AssetFailure, malformed, refuse } from '../failure.ts';
import { ZERO32 } from '../genesis.ts';
import { evenKey } from '../keys.ts';
import { type Proof, proofCodec } from '../proof/proof.ts';
import { type Bip32Derivation, keyOriginCodec, type TaprootDerivation, taprootOriginCodec } from './derivation.ts';
import { decodePsbtMaps, encodePsbtMaps, entriesOf, entryValue, type PsbtEntry } from './psbt-map.ts';

/**
 * A virtual packet ("tappsbt"): a transition of one asset as a PSBT, so that several parties or a hardware wallet can prepare and sign it. What
 * BIP 174 does not know stands under key types from 0x70 on.
 */
export interface VirtualPacket {
  /** V1 makes V2 commitments. */
  readonly version: number;
  readonly prefix: string;
  readonly inputs: readonly VirtualInput[];
  readonly outputs: readonly VirtualOutput[];
}

export interface VirtualInput {
  readonly prevId: PrevId;
  readonly anchor: VirtualAnchor;
  readonly asset: Asset | null;
  /** Of the asset in its anchor. */
  readonly proof: Proof | null;
  /** The entries of BIP 174 and 371: signatures, script key and its origin. */
  readonly standard: readonly PsbtEntry[];
}

/** The Bitcoin output that holds an input. */
export interface VirtualAnchor {
  readonly value: bigint;
  readonly pkScript: Bytes;
  readonly sigHashType: bigint;
  readonly internalKey: Bytes | null;
  readonly merkleRoot: Bytes;
  readonly tapscriptSibling: Bytes;
  readonly bip32Derivation: readonly Bip32Derivation[];
  readonly taprootDerivation: readonly TaprootDerivation[];
}

export const OUTPUT_TYPE = { SIMPLE: 0, SPLIT_ROOT: 1 } as const;

export interface VirtualOutput {
  /** Below 2^63. */
  readonly amount: bigint;
  readonly scriptKey: Bytes;
  readonly type: number;
  readonly interactive: boolean;
  readonly assetVersion: number;
  readonly anchorOutputIndex: bigint;
  readonly anchorInternalKey: Bytes | null;
  readonly anchorBip32Derivation: readonly Bip32Derivation[];
  readonly anchorTaprootDerivation: readonly TaprootDerivation[];
  readonly anchorTapscriptSibling: TapscriptPreimage | null;
  readonly asset: Asset | null;
  readonly splitAsset: Asset | null;
  readonly proofDeliveryAddress: string | null;
  /** The transition's proof, still without a block. */
  readonly proofSuffix: Proof | null;
  readonly lockTime: bigint;
  readonly relativeLockTime: bigint;
  readonly altLeaves: readonly Asset[];
  readonly address: TapAddress | null;
  readonly standard: readonly PsbtEntry[];
}

export type PacketFailure = AssetFailure<'MALFORMED' | 'UNKNOWN_VERSION' | 'WRONG_NETWORK'>;

const FIRST = 0x70;
/** The most units that an output of a packet can say: BIP 174 has them as an amount of bitcoin, signed and of 64 bits. */
export const MAX_VIRTUAL_AMOUNT = 2n ** 63n - 1n;
const urlText: Codec<string> = { write: (to, text) => void to.bytes(utf8(text)), read: (from) => tryText(restBytes.read(from)) ?? '' };

/** A new packet's input, of which nothing is known yet. */
export const EMPTY_ANCHOR: VirtualAnchor = {
  value: 0n,
  pkScript: EMPTY,
  sigHashType: 0n,
  internalKey: null,
  merkleRoot: EMPTY,
  tapscriptSibling: EMPTY,
  bip32Derivation: [],
  taprootDerivation: [],
};

/** The networks that a packet may belong to. */
export const networksOfPacket = (packet: VirtualPacket): readonly AssetNetwork[] => networksOfPrefix(packet.prefix);

export function encodeVirtualPacket(packet: VirtualPacket): Bytes {
  const input = { prevout: { txid: ZERO32 as TxId, vout: 0 }, scriptSig: EMPTY, sequence: 0, witness: [] };
  const outputs = packet.outputs.map(({ amount, scriptKey }): TxOutput => {
    if (amount > MAX_VIRTUAL_AMOUNT) throw new RangeError('the amount of a virtual output is below 2^63');
    return { amount: sat(amount), script: p2trScript(scriptKey.subarray(1)) };
  });
  return encodePsbtMaps({
    tx: { version: 2, inputs: packet.inputs.map(() => input), outputs, locktime: 0 },
    global: [entry(FIRST, u8, 1), entry(FIRST + 1, urlText, packet.prefix), entry(FIRST + 2, u8, packet.version)],
    inputs: packet.inputs.map(encodeInput),
    outputs: packet.outputs.map(encodeOutput),
  });
}

/** Whether a PSBT says that it is a virtual packet, whatever else is in it. */
export function isVirtualPacket(bytes: Bytes): boolean {
  const maps = decodePsbtMaps(bytes);
  return maps.ok && isMarked(maps.value.global);
}
const isMarked = (global: readonly PsbtEntry[]): boolean => equal(entryValue(global, FIRST) ?? EMPTY, Uint8Array.of(1));

/** Reads a virtual packet; assets and proofs in it are within their limits, what they say is not verified. */
export function decodeVirtualPacket(bytes: Bytes): Result<VirtualPacket, PacketFailure> {
  const maps = decodePsbtMaps(bytes);
  if (!maps.ok) return maps;
  const { global, tx } = maps.value;
  if (!isMarked(global)) return refuse('MALFORMED', 'not a virtual packet');
  const prefix = tryText(entryValue(global, FIRST + 1) ?? EMPTY) ?? '';
  if (networksOfPrefix(prefix).length === 0) return refuse('WRONG_NETWORK', 'the packet belongs to no known network');
  const version = entryValue(global, FIRST + 2)?.[0];
  if (version === undefined || version > 1) return refuse('UNKNOWN_VERSION', `virtual packet version ${version}`);
  const inputs: VirtualInput[] = [];
  for (const map of maps.value.inputs) {
    const input = decodeInput(map);
    if (!input.ok) return input;
    inputs.push(input.value);
  }
  const outputs: VirtualOutput[] = [];
  for (const [i, map] of maps.value.outputs.entries()) {
    const output = decodeOutput(map, tx.outputs[i] as TxOutput);
    if (!output.ok) return output;
    outputs.push(output.value);
  }
  return ok({ version, prefix, inputs, outputs });
}

function encodeInput({ prevId, anchor, asset, proof, standard }: VirtualInput): readonly PsbtEntry[] {
  return [
    ...standard,
    entry(0x70, prevIdCodec, prevId),
    entry(0x71, u64, anchor.value),
    entry(0x72, restBytes, anchor.pkScript),
    entry(0x73, u64, anchor.sigHashType),
    ...some(0x74, publicKey, anchor.internalKey),
    entry(0x75, restBytes, anchor.merkleRoot),
    ...anchor.bip32Derivation.map((each) => entry(0x76, keyOriginCodec, each, each.publicKey)),
    ...anchor.taprootDerivation.map((each) => entry(0x77, taprootOriginCodec, each, each.publicKey)),
    entry(0x78, restBytes, anchor.tapscriptSibling),
    ...some(0x79, assetCodec, asset),
    ...some(0x7a, proofCodec, proof),
  ];
}

function decodeInput(map: readonly PsbtEntry[]): Result<VirtualInput, PacketFailure> {
  return read(map, (from) => ({
    prevId: from.one(0x70, prevIdCodec) ?? ZERO_PREV_ID,
    anchor: {
      value: from.one(0x71, u64) ?? 0n,
      pkScript: from.one(0x72, restBytes) ?? EMPTY,
      sigHashType: from.one(0x73, u64) ?? 0n,
      internalKey: from.one(0x74, publicKey),
      merkleRoot: from.one(0x75, restBytes) ?? EMPTY,
      bip32Derivation: from.keyed(0x76, 33, keyOriginCodec),
      taprootDerivation: from.keyed(0x77, 32, taprootOriginCodec),
      tapscriptSibling: from.one(0x78, restBytes) ?? EMPTY,
    },
    asset: from.one(0x79, assetCodec),
    proof: from.one(0x7a, proofCodec),
    standard: from.standard,
  }));
}

function encodeOutput(output: VirtualOutput): readonly PsbtEntry[] {
  return [
    ...output.standard,
    entry(0x70, u8, output.type),
    entry(0x71, u8, output.interactive ? 1 : 0),
    entry(0x72, u64, output.anchorOutputIndex),
    ...some(0x73, publicKey, output.anchorInternalKey),
    ...output.anchorBip32Derivation.map((each) => entry(0x74, keyOriginCodec, each, each.publicKey)),
    ...output.anchorTaprootDerivation.map((each) => entry(0x75, taprootOriginCodec, each, each.publicKey)),
    ...some(0x76, assetCodec, output.asset),
    ...some(0x77, assetCodec, output.splitAsset),
    ...some(0x78, tapscriptPreimageCodec, output.anchorTapscriptSibling),
    entry(0x79, u8, output.assetVersion),
    ...some(0x7a, urlText, output.proofDeliveryAddress),
    ...some(0x7b, proofCodec, output.proofSuffix),
    entry(0x7c, u64, output.lockTime),
    entry(0x7d, u64, output.relativeLockTime),
    ...(output.altLeaves.length === 0 ? [] : [entry(0x7e, altLeavesCodec, output.altLeaves)]),
    ...some(0x7f, addressCodec, output.address),
  ];
}

function decodeOutput(map: readonly PsbtEntry[], { amount, script }: TxOutput): Result<VirtualOutput, PacketFailure> {
  const program = witnessProgram(script);
  if (program?.version !== 1 || program.program.length !== 32)
    return refuse('MALFORMED', 'the script of a virtual output is no taproot output');
  if (amount > MAX_VIRTUAL_AMOUNT) return refuse('MALFORMED', 'the amount of a virtual output is below 2^63');
  return read(map, (from) => ({
    amount: BigInt(amount as Sat),
    scriptKey: evenKey(program.program),
    type: from.one(0x70, u8) ?? OUTPUT_TYPE.SIMPLE,
    interactive: from.one(0x71, u8) === 1,
    anchorOutputIndex: from.one(0x72, u64) ?? 0n,
    anchorInternalKey: from.one(0x73, publicKey),
    anchorBip32Derivation: from.keyed(0x74, 33, keyOriginCodec),
    anchorTaprootDerivation: from.keyed(0x75, 32, taprootOriginCodec),
    asset: from.one(0x76, assetCodec),
    splitAsset: from.one(0x77, assetCodec),
    anchorTapscriptSibling: from.one(0x78, tapscriptPreimageCodec),
    assetVersion: from.one(0x79, u8) ?? 0,
    proofDeliveryAddress: from.one(0x7a, urlText) || null,
    proofSuffix: from.one(0x7b, proofCodec),
    lockTime: from.one(0x7c, u64) ?? 0n,
    relativeLockTime: from.one(0x7d, u64) ?? 0n,
    altLeaves: from.one(0x7e, altLeavesCodec) ?? [],
    address: from.one(0x7f, addressCodec),
    standard: from.standard,
  }));
}

interface EntryReader {
  readonly standard: readonly PsbtEntry[];
  /** The value under a key without data; null where it is missing or empty. */
  one<T>(type: number, codec: Codec<T>): T | null;
  keyed<T>(type: number, keyLength: number, codec: Codec<T>): readonly (T & { readonly publicKey: Bytes })[];
}

/** Runs `make` over a map; the first value that does not decode is the result. */
function read<T>(map: readonly PsbtEntry[], make: (from: EntryReader) => T): Result<T, PacketFailure> {
  let failure: ReturnType<typeof malformed> | null = null;
  const decode = <V>(codec: Codec<V>, type: number, value: Bytes): V | null => {
    const decoded = decodeWith(codec, value);
    if (decoded.ok) return decoded.value;
    failure ??= malformed({
      ...decoded.failure,
      path: `0x${type.toString(16)}${decoded.failure.path === '' ? '' : `.${decoded.failure.path}`}`,
    });
    return null;
  };
  const value = make({
    standard: map.filter(({ key }) => (key[0] as number) < FIRST || (key[0] as number) > 0x7f),
    one(type, codec) {
      const there = entryValue(map, type);
      return there === null || there.length === 0 ? null : decode(codec, type, there);
    },
    keyed: (type, keyLength, codec) =>
      entriesOf(map, type).flatMap(({ key, value: each }) => {
        if (key.length !== keyLength + 1) failure ??= refuse('MALFORMED', `a key of ${key.length - 1} bytes under 0x${type.toString(16)}`);
        const origin = decode(codec, type, each);
        return origin === null ? [] : [{ ...origin, publicKey: key.slice(1) }];
      }),
  });
  return failure ?? ok(value);
}

function entry<T>(type: number, codec: Codec<T>, value: T, keyData: Bytes = EMPTY): PsbtEntry {
  return { key: Uint8Array.from([type, ...keyData]), value: encodeWith(codec, value) };
}

const some = <T>(type: number, codec: Codec<T>, value: T | null): readonly PsbtEntry[] =>
  value === null ? [] : [entry(type, codec, value)];
