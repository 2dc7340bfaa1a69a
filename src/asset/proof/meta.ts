import { type Bytes, tryText, utf8 } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { type Codec, decodeWith, encodeWith, restBytes, u8, u32 } from '../../codec/codec.ts';
import { CodecError } from '../../codec/reader.ts';
import { type TlvRecord, tlvStream } from '../../codec/tlv.ts';
import { sha256 } from '../../crypto/hash.ts';
import { publicKeyOrZero, record, required, shortBytes, shortList } from '../codecs.ts';
import { type AssetFailure, malformed, refuse } from '../failure.ts';
import { flag } from './taproot-proof.ts';

/** What an asset's meta hash commits to. */
export interface MetaReveal {
  readonly type: number;
  readonly data: Bytes;
  /** How many decimals a wallet shows, 0 to 12. */
  readonly decimalDisplay: number | null;
  /** The issuer commits to the group's supply on the chain. */
  readonly universeCommitments: boolean;
  readonly canonicalUniverses: readonly string[] | null;
  /** Signs the supply commitments; 33 bytes. */
  readonly delegationKey: Bytes | null;
  /** Odd types nobody knows, kept. */
  readonly unknown: readonly TlvRecord[];
}

export const META_TYPE = { OPAQUE: 0, JSON: 1 } as const;
export const MAX_META_SIZE = 1024 * 1024;
export const MAX_DECIMAL_DISPLAY = 12;
const DECIMAL_DISPLAY = 'decimal_display';
const MAX_UNIVERSES = 16;
const MAX_UNIVERSE_LENGTH = 255;

/** A record that stands for nothing where it is empty. */
const orEmpty = <T>(codec: Codec<T>): Codec<T | null> => ({
  write(to, value) {
    if (value !== null) codec.write(to, value);
  },
  read: (from) => (from.left === 0 ? null : codec.read(from)),
});

const urlText: Codec<string> = {
  write: (to, text) => shortBytes(MAX_UNIVERSE_LENGTH).write(to, utf8(text)),
  read(from) {
    const text = tryText(shortBytes(MAX_UNIVERSE_LENGTH).read(from));
    if (text === null || !/^[a-z][a-z0-9+.-]*:\/\/\S+$|^\/\S*$/i.test(text)) throw new CodecError('not a URL');
    return text;
  },
};

const stream = tlvStream({
  type: [0n, u8],
  data: [2n, record(MAX_META_SIZE, restBytes)],
  decimalDisplay: [5n, orEmpty(u32)],
  universeCommitments: [7n, flag],
  canonicalUniverses: [9n, orEmpty(shortList(MAX_UNIVERSES, urlText))],
  delegationKey: [11n, orEmpty(publicKeyOrZero)],
});

export const metaRevealCodec: Codec<MetaReveal> = record(MAX_META_SIZE, {
  write: (to, { type, data, decimalDisplay, universeCommitments, canonicalUniverses, delegationKey, unknown }) =>
    stream.write(to, {
      type,
      data,
      unknown,
      ...(decimalDisplay === null ? {} : { decimalDisplay }),
      ...(universeCommitments ? { universeCommitments } : {}),
      ...(canonicalUniverses === null ? {} : { canonicalUniverses }),
      ...(delegationKey === null ? {} : { delegationKey }),
    }),
  read(from) {
    const values = stream.read(from);
    const key = values.delegationKey ?? null;
    return {
      type: required(values.type, 'type'),
      data: required(values.data, 'data'),
      decimalDisplay: values.decimalDisplay ?? null,
      universeCommitments: values.universeCommitments ?? false,
      canonicalUniverses: values.canonicalUniverses ?? null,
      delegationKey: key?.some((byte) => byte !== 0) ? key : null,
      unknown: values.unknown ?? [],
    };
  },
});

export const encodeMetaReveal = (meta: MetaReveal): Bytes => encodeWith(metaRevealCodec, meta);
export function decodeMetaReveal(encoded: Bytes): Result<MetaReveal, AssetFailure<'MALFORMED'>> {
  const meta = decodeWith(metaRevealCodec, encoded);
  return meta.ok ? meta : malformed(meta.failure);
}

/** What the genesis of the asset holds. */
export const metaHash = (meta: MetaReveal): Bytes => sha256(encodeMetaReveal(meta));

/** The rules for metadata that is to be minted; what others minted is taken as it is. */
export function checkMeta(meta: MetaReveal): Result<MetaReveal, AssetFailure<'INVALID_META' | 'TOO_LARGE'>> {
  const bad = (message: string) => refuse('INVALID_META', message);
  if (encodeMetaReveal(meta).length > MAX_META_SIZE) return refuse('TOO_LARGE', `metadata of more than ${MAX_META_SIZE} bytes`);
  if (meta.type === META_TYPE.JSON && jsonOf(meta.data) === undefined) return bad('the metadata is not JSON');
  if (meta.decimalDisplay !== null && meta.decimalDisplay > MAX_DECIMAL_DISPLAY)
    return bad(`a decimal display of ${meta.decimalDisplay}, at most ${MAX_DECIMAL_DISPLAY} is allowed`);
  const urls = meta.canonicalUniverses;
  if (urls !== null && (urls.length === 0 || urls.length > MAX_UNIVERSES)) return bad(`${urls.length} canonical universes`);
  if (urls?.some((url) => utf8(url).length > MAX_UNIVERSE_LENGTH)) return bad('the URL of a canonical universe is too long');
  if (meta.universeCommitments && meta.delegationKey === null) return bad('supply commitments need a delegation key');
  return ok(meta);
}

/**
 * The metadata with so many decimals to show, as tapd writes it: the field, and a member of a JSON object as well where they are not 0. Fails where
 * the object says otherwise, or is none.
 */
export function withDecimalDisplay(meta: MetaReveal, decimals: number): Result<MetaReveal, AssetFailure<'INVALID_META'>> {
  if (decimals > MAX_DECIMAL_DISPLAY)
    return refuse('INVALID_META', `a decimal display of ${decimals}, at most ${MAX_DECIMAL_DISPLAY} is allowed`);
  const fielded = { ...meta, decimalDisplay: decimals };
  if (meta.type !== META_TYPE.JSON) return ok(fielded);
  const json = meta.data.length === 0 ? {} : jsonOf(meta.data);
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return decimals === 0 ? ok(fielded) : refuse('INVALID_META', 'decimals are a member of a JSON object, and the metadata is none');
  const said = (json as Record<string, unknown>)[DECIMAL_DISPLAY];
  if (said !== undefined && said !== decimals) return refuse('INVALID_META', 'the JSON of the metadata has another decimal_display');
  if (said !== undefined || decimals === 0) return ok(fielded);
  // Put in as text: the numbers of the object may be larger than a parser keeps whole.
  const text = (tryText(meta.data) ?? '').trimEnd().slice(0, -1);
  const member = `"${DECIMAL_DISPLAY}":${decimals}}`;
  return ok({ ...fielded, data: utf8(Object.keys(json).length === 0 ? `{${member}` : `${text},${member}`) });
}

/** How many decimals to show: the field, or `decimal_display` of JSON metadata; null where neither says. */
export function decimalDisplayOf(meta: MetaReveal): number | null {
  if (meta.decimalDisplay !== null) return meta.decimalDisplay <= MAX_DECIMAL_DISPLAY ? meta.decimalDisplay : null;
  const json = meta.type === META_TYPE.JSON ? jsonOf(meta.data) : undefined;
  const value =
    typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>)[DECIMAL_DISPLAY] : null;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_DECIMAL_DISPLAY ? value : null;
}

/** The parsed data, or undefined where it is no JSON. */
export function jsonOf(data: Bytes): unknown {
  const text = tryText(data);
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
