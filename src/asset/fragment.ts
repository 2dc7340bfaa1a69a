import { type Bytes, compare, equal } from '../base/bytes.ts';
import type { OutPoint } from '../base/ids.ts';
import { ok, type Result } from '../base/result.ts';
import { type BlockHeader, blockHeaderCodec } from '../bitcoin/block.ts';
import { bytes, type Codec, decodeWith, encodeWith, map, struct, u8, u32, u64 } from '../codec/codec.ts';
import { CodecError } from '../codec/reader.ts';
import { type TlvRecord, tlvStream } from '../codec/tlv.ts';
import { outPoint, publicKey, record, required, shortList } from './codecs.ts';
import { type AssetFailure, malformed, refuse } from './failure.ts';

/** What the sender to an address of version 2 tells its receiver, sealed, through a mailbox: where on the chain the assets stand, and which they are. */
export interface SendFragment {
  readonly version: number;
  /** Of the block that holds the transfer. */
  readonly blockHeader: BlockHeader;
  readonly blockHeight: number;
  /** The output with the assets. */
  readonly outPoint: OutPoint;
  /** One for each asset, by its id. */
  readonly outputs: readonly SendOutput[];
  /** Hash of the leaf of the output's script tree that commits to the assets, 32 bytes. */
  readonly taprootAssetRoot: Bytes;
  readonly unknown: readonly TlvRecord[];
}

export interface SendOutput {
  readonly assetId: Bytes;
  readonly assetVersion: number;
  readonly amount: bigint;
  /** How the script key follows from that of the address; 0 is the only way there is (`uniqueScriptKey`). */
  readonly derivation: number;
  /** 33 bytes. */
  readonly scriptKey: Bytes;
}

export const FRAGMENT_VERSION = 1;
export const UNIQUE_PEDERSEN = 0;
/** A transfer takes units of at most so many tranches. */
export const MAX_FRAGMENT_OUTPUTS = 256;
/** Messages are short: the outputs, some 75 bytes each, and little else. */
const MOST_BYTES = 32_768;

const output: Codec<SendOutput> = struct({ assetId: bytes(32), assetVersion: u8, amount: u64, derivation: u8, scriptKey: publicKey });

/** In the order of their ids, so that a fragment has one form; any order is read. */
const outputs: Codec<readonly SendOutput[]> = map(
  shortList(MAX_FRAGMENT_OUTPUTS, output),
  (read) => {
    const sorted = inOrder(read);
    if (sorted.some(({ assetId }, i) => i > 0 && equal(assetId, (sorted[i - 1] as SendOutput).assetId)))
      throw new CodecError('an asset stands twice among the outputs');
    return sorted;
  },
  (each) => inOrder(each),
);
const inOrder = (each: readonly SendOutput[]): readonly SendOutput[] => [...each].sort((a, b) => compare(a.assetId, b.assetId));

const stream = tlvStream({
  version: [0n, u8],
  blockHeader: [2n, blockHeaderCodec],
  blockHeight: [4n, u32],
  outPoint: [6n, outPoint],
  outputs: [8n, outputs],
  taprootAssetRoot: [10n, bytes(32)],
});

export const fragmentCodec: Codec<SendFragment> = record(MOST_BYTES, {
  write: (to, fragment) => stream.write(to, fragment),
  read(from) {
    const values = stream.read(from);
    return {
      version: required(values.version, 'version'),
      blockHeader: required(values.blockHeader, 'block header'),
      blockHeight: required(values.blockHeight, 'block height'),
      outPoint: required(values.outPoint, 'outpoint'),
      outputs: required(values.outputs, 'outputs'),
      taprootAssetRoot: required(values.taprootAssetRoot, 'root of the assets'),
      unknown: values.unknown ?? [],
    };
  },
});

export const encodeFragment = (fragment: SendFragment): Bytes => encodeWith(fragmentCodec, fragment);

/** Reads a fragment within all limits; whether it is true, the chain says. */
export function decodeFragment(encoded: Bytes): Result<SendFragment, AssetFailure<'MALFORMED' | 'UNKNOWN_VERSION'>> {
  const fragment = decodeWith(fragmentCodec, encoded);
  if (!fragment.ok) return malformed(fragment.failure);
  const { version, outputs: sent } = fragment.value;
  if (version !== FRAGMENT_VERSION) return refuse('UNKNOWN_VERSION', `a fragment of version ${version}`);
  if (sent.length === 0) return refuse('MALFORMED', 'a fragment without outputs');
  const strange = sent.find(({ derivation }) => derivation !== UNIQUE_PEDERSEN);
  return strange === undefined ? ok(fragment.value) : refuse('UNKNOWN_VERSION', `script keys derived by method ${strange.derivation}`);
}
