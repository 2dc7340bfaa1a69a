import { bech32m } from '@scure/base';
import { type Bytes, equal, tryText, utf8 } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { bigsize, bytes, type Codec, decodeWith, encodeWith, restBytes, u8 } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { type TlvRecord, tlvStream } from '../../codec/tlv.ts';
import { type Asset, genesisWitness, isKnownVersion } from '../asset.ts';
import { publicKey, record, required } from '../codecs.ts';
import { optionalSiblingHash, type TapscriptPreimage, tapscriptPreimageCodec } from '../commitment/sibling.ts';
import { commitAssets, commitmentOutputKey, TAP_VERSION, tapRoot } from '../commitment/tap-commitment.ts';
import { type AssetFailure, malformed, refuse } from '../failure.ts';
import { ASSET_TYPE, assetId, type Genesis } from '../genesis.ts';
import { evenKey, uniqueScriptKey } from '../keys.ts';
import { parseCourierFor } from './courier.ts';
import { type AssetNetwork, addressPrefix, networksOfPrefix } from './network.ts';

/**
 * Where assets are sent. V0 and V1 name one asset and amount, from which the Bitcoin output follows; V1 asks for a V2 commitment. V2 may name a
 * group and leave the amount open, is used again, and tells the receiver through a mailbox.
 */
export interface TapAddress {
  readonly version: number;
  readonly assetVersion: number;
  /** null in a V2 address of a group. */
  readonly assetId: Bytes | null;
  readonly groupKey: Bytes | null;
  readonly scriptKey: Bytes;
  readonly internalKey: Bytes;
  readonly tapscriptSibling: TapscriptPreimage | null;
  /** 0 in V2: the sender says how much. */
  readonly amount: bigint;
  /** `scheme://host:port` as it stands. */
  readonly proofCourier: string;
  readonly unknown: readonly TlvRecord[];
}

export const ADDRESS_VERSION = { V0: 0, V1: 1, V2: 2 } as const;

export type AddressCode =
  | 'MALFORMED'
  | 'CHECKSUM'
  | 'WRONG_NETWORK'
  | 'UNKNOWN_VERSION'
  | 'INVALID_AMOUNT'
  | 'INVALID_COURIER'
  | 'INVALID_SIBLING';
export type AddressFailure = AssetFailure<AddressCode>;

const courierText: Codec<string> = {
  write: (to, text) => void to.bytes(utf8(text)),
  read(from) {
    const text = tryText(restBytes.read(from));
    if (text === null) throw new CodecError('the courier is not text');
    return text;
  },
};

const stream = tlvStream({
  version: [0n, u8],
  assetVersion: [2n, u8],
  assetId: [4n, bytes(32)],
  groupKey: [5n, publicKey],
  scriptKey: [6n, publicKey],
  internalKey: [8n, publicKey],
  tapscriptSibling: [9n, tapscriptPreimageCodec],
  amount: [10n, bigsize],
  proofCourier: [12n, courierText],
});

/** The records of an address, without prefix and checksum. */
export const addressCodec: Codec<TapAddress> = record(65_535, {
  write(to, address) {
    const { assetId: id, groupKey, tapscriptSibling, ...always } = address;
    stream.write(to, {
      ...always,
      ...(id === null ? {} : { assetId: id }),
      ...(groupKey === null ? {} : { groupKey }),
      ...(tapscriptSibling === null ? {} : { tapscriptSibling }),
    });
  },
  read(from) {
    const { version, assetVersion, scriptKey, internalKey, amount, proofCourier, ...rest } = stream.read(from);
    return {
      version: required(version, 'version'),
      assetVersion: required(assetVersion, 'asset version'),
      assetId: rest.assetId ?? null,
      groupKey: rest.groupKey ?? null,
      scriptKey: required(scriptKey, 'script key'),
      internalKey: required(internalKey, 'internal key'),
      tapscriptSibling: rest.tapscriptSibling ?? null,
      amount: required(amount, 'amount'),
      proofCourier: required(proofCourier, 'proof courier'),
      unknown: rest.unknown ?? [],
    };
  },
});

/** The text of an address. */
export const encodeTapAddress = (address: TapAddress, network: AssetNetwork): string => encodeWithPrefix(address, addressPrefix(network));

const encodeWithPrefix = (address: TapAddress, prefix: string): string =>
  bech32m.encode(prefix, bech32m.toWords(encodeWith(addressCodec, address)), false);

export interface DecodedAddress {
  readonly address: TapAddress;
  /** Those that its prefix may mean. */
  readonly networks: readonly AssetNetwork[];
}

/** A block's weight bounds nothing here; an address of this many characters is none. */
const MOST_LENGTH = 8192;

/** Reads an address of any network, strictly. */
export function decodeTapAddress(text: string): Result<DecodedAddress, AddressFailure> {
  if (text.length > MOST_LENGTH) return refuse('MALFORMED', `longer than ${MOST_LENGTH} characters`);
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return refuse('MALFORMED', 'upper and lower case are mixed');
  const lower = text.toLowerCase();
  const separator = lower.lastIndexOf('1');
  if (separator < 1) return refuse('MALFORMED', 'not a Taproot Assets address');
  const networks = networksOfPrefix(lower.slice(0, separator));
  if (networks.length === 0) return refuse('WRONG_NETWORK', `unknown address prefix ${lower.slice(0, Math.min(separator, 20))}`);
  const data = bech32m.decodeUnsafe(lower as `${string}1${string}`, false);
  if (data === undefined) return refuse('CHECKSUM', 'the checksum does not match');
  const payload = bech32m.fromWordsUnsafe(data.words);
  if (!(payload instanceof Uint8Array)) return refuse('MALFORMED', 'the padding is wrong');
  const address = decodeWith(addressCodec, payload);
  if (!address.ok) return malformed(address.failure);
  const valid = checkAddress(address.value);
  return valid.ok ? ok({ address: valid.value, networks }) : valid;
}

/** Reads an address that must belong to `network`. */
export function decodeTapAddressFor(text: string, network: AssetNetwork): Result<TapAddress, AddressFailure> {
  const decoded = decodeTapAddress(text);
  if (!decoded.ok) return decoded;
  const { address, networks } = decoded.value;
  return networks.includes(network)
    ? ok(address)
    : refuse('WRONG_NETWORK', `the address belongs to ${networks.join(' or ')}, not to ${network}`);
}

/** The rules that hold for addresses of every version. */
export function checkAddress(address: TapAddress): Result<TapAddress, AddressFailure> {
  const { version, amount } = address;
  if (version > ADDRESS_VERSION.V2) return refuse('UNKNOWN_VERSION', `address version ${version}`);
  if (!isKnownVersion(address.assetVersion)) return refuse('UNKNOWN_VERSION', `asset version ${address.assetVersion}`);
  const isGroup = version === ADDRESS_VERSION.V2 && address.groupKey !== null;
  if (address.assetId === null && !isGroup) return refuse('MALFORMED', 'missing asset id or group key');
  if (amount === 0n && version !== ADDRESS_VERSION.V2) return refuse('INVALID_AMOUNT', `an address of version ${version} needs an amount`);
  const sibling = optionalSiblingHash(address.tapscriptSibling);
  if (!sibling.ok) return sibling;
  const courier = parseCourierFor(version, address.proofCourier);
  return courier.ok ? ok(address) : courier;
}

/** A new address for one asset, or in V2 for its group. */
export function newTapAddress(
  part: Omit<TapAddress, 'assetId' | 'unknown'> & { readonly genesis: Genesis },
): Result<TapAddress, AddressFailure> {
  const { genesis, ...fields } = part;
  if (genesis.type === ASSET_TYPE.COLLECTIBLE && fields.amount !== 1n) return refuse('INVALID_AMOUNT', 'the amount of a collectible is 1');
  const isGroup = fields.version === ADDRESS_VERSION.V2 && fields.groupKey !== null;
  return checkAddress({ ...fields, assetId: isGroup ? null : assetId(genesis), unknown: [] });
}

/** The version of the commitment that an address asks for; null leaves it to the assets (V0 or V1). */
export const commitmentVersionOf = (address: TapAddress): number | null => (address.version === ADDRESS_VERSION.V0 ? null : TAP_VERSION.V2);

/** The script key that an asset sent to the address gets: of V2, one derived for each asset. */
export const scriptKeyFor = (address: TapAddress, id: Bytes): Bytes =>
  address.version === ADDRESS_VERSION.V2 ? uniqueScriptKey(address.scriptKey, id).publicKey : evenKey(address.scriptKey.subarray(1));

/**
 * The x-only key of the Bitcoin output that a transfer to a V0 or V1 address makes, which its receiver watches for. The genesis must be the
 * address's; a V2 address has no such output.
 */
export function predictedOutputKey(address: TapAddress, genesis: Genesis): Result<Bytes, AssetFailure<string>> {
  if (address.version === ADDRESS_VERSION.V2) return refuse('UNKNOWN_VERSION', 'the output of a V2 address cannot be predicted');
  if (address.assetId === null || !equal(assetId(genesis), address.assetId))
    return refuse('GENESIS_MISMATCH', 'the genesis is of another asset');
  const commitment = commitAssets(commitmentVersionOf(address), [receivedAsset(address, genesis)]);
  if (!commitment.ok) return commitment;
  const sibling = optionalSiblingHash(address.tapscriptSibling);
  if (!sibling.ok) return sibling;
  const key = commitmentOutputKey(tapRoot(commitment.value), { internalKey: address.internalKey, sibling: sibling.value });
  return key === null ? refuse('MALFORMED', 'the internal key is no point') : ok(key);
}

/** The asset as the address's output commits to it. */
export const receivedAsset = (address: TapAddress, genesis: Genesis): Asset => ({
  version: address.assetVersion,
  genesis,
  amount: address.amount,
  lockTime: 0n,
  relativeLockTime: 0n,
  prevWitnesses: [genesisWitness()],
  splitCommitmentRoot: null,
  scriptVersion: 0,
  scriptKey: evenKey(address.scriptKey.subarray(1)),
  groupKey: address.groupKey,
  unknown: [],
});
