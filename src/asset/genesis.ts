import { type Bytes, EMPTY, tryText } from '../base/bytes.ts';
import type { OutPoint, TxId } from '../base/ids.ts';
import { ok, type Result } from '../base/result.ts';
import { outPointCodec } from '../bitcoin/tx.ts';
import { bytes, type Codec, struct, u8, u32 } from '../codec/codec.ts';
import { Writer } from '../codec/writer.ts';
import { sha256 } from '../crypto/hash.ts';
import { outPoint, shortBytes } from './codecs.ts';
import { type AssetFailure, refuse } from './failure.ts';

/** What an asset is made of for ever; its id is the hash of it. */
export interface Genesis {
  /** The first input of the transaction that minted it. */
  readonly firstPrevOut: OutPoint;
  /** The name, at most 64 bytes; UTF-8 in assets that are valid. */
  readonly tag: Bytes;
  /** SHA-256 of the meta reveal, or zeros. 32 bytes. */
  readonly metaHash: Bytes;
  /** The output of the minting transaction that commits to it. */
  readonly outputIndex: number;
  readonly type: number;
}

export const ASSET_TYPE = { NORMAL: 0, COLLECTIBLE: 1 } as const;
export const MAX_NAME_LENGTH = 64;
export const ZERO32: Bytes = new Uint8Array(32);

/** The genesis of leaves that are no assets. */
export const EMPTY_GENESIS: Genesis = {
  firstPrevOut: { txid: ZERO32 as TxId, vout: 0 },
  tag: EMPTY,
  metaHash: ZERO32,
  outputIndex: 0,
  type: ASSET_TYPE.NORMAL,
};

export const genesisCodec: Codec<Genesis> = struct({
  firstPrevOut: outPoint,
  tag: shortBytes(MAX_NAME_LENGTH),
  metaHash: bytes(32),
  outputIndex: u32,
  type: u8,
});

/** The ids of the objects last asked for: a transition asks for one many times over. A weak map would keep every one until a full collection. */
const recent: { genesis: Genesis; id: Bytes }[] = [];
const RECENT = 8;
let next = 0;

/** SHA-256 of the outpoint (as Bitcoin encodes it), the hash of the name, the hash of the metadata, the output index and the type. */
export function assetId(genesis: Genesis): Bytes {
  for (const each of recent) if (each.genesis === genesis) return each.id;
  const to = new Writer(128);
  outPointCodec.write(to, genesis.firstPrevOut);
  const id = sha256(to.bytes(sha256(genesis.tag)).bytes(genesis.metaHash).u32(genesis.outputIndex).u8(genesis.type).done());
  recent[next] = { genesis, id };
  next = (next + 1) % RECENT;
  return id;
}

/** The name of an asset as text; null where it is not UTF-8. */
export const assetName = (genesis: Genesis): string | null => tryText(genesis.tag);

/** What a name must be: 1 to 64 bytes of printable UTF-8, not spaces only. */
export function checkName(tag: Bytes): Result<string, AssetFailure<'MALFORMED'>> {
  if (tag.length === 0) return refuse('MALFORMED', 'an asset needs a name');
  if (tag.length > MAX_NAME_LENGTH) return refuse('MALFORMED', `a name of ${tag.length} bytes, at most ${MAX_NAME_LENGTH} are allowed`);
  const name = tryText(tag);
  if (name === null) return refuse('MALFORMED', 'the name is not UTF-8');
  if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(name)) return refuse('MALFORMED', 'the name has an unprintable character');
  if (name.trim() === '') return refuse('MALFORMED', 'the name is only spaces');
  return ok(name);
}
