import { createBase58check } from '@scure/base';
import { type Bytes, concat, utf8 } from '../base/bytes.ts';
import { fail, ok, type Result } from '../base/result.ts';
import { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { secp } from '../crypto/ec.ts';
import { hash160, hmacSha512, sha256 } from '../crypto/hash.ts';
import { NETWORK_PARAMS, type Network, networkParams } from './network.ts';

/** BIP 32: the first index of hardened children. */
export const HARDENED = 0x80000000;

/** An extended key (BIP 32). `privateKey` is null where only the public side is known. */
export interface HdKey {
  readonly privateKey: Bytes | null;
  /** 33 bytes. */
  readonly publicKey: Bytes;
  readonly chainCode: Bytes;
  readonly depth: number;
  readonly index: number;
  /** First four bytes of HASH160 of the parent's public key, as a number; 0 for a master key. */
  readonly parentFingerprint: number;
}

export interface HdKeyFailure {
  readonly code: 'MALFORMED' | 'CHECKSUM';
  readonly message: string;
}

/** BIP 32: the master key of a seed of 16 to 64 bytes. */
export function masterKey(seed: Bytes): HdKey {
  if (seed.length < 16 || seed.length > 64) throw new RangeError(`a seed of ${seed.length} bytes`);
  const digest = hmacSha512(utf8('Bitcoin seed'), seed);
  const privateKey = digest.slice(0, 32);
  return { privateKey, publicKey: secp.publicKey(privateKey), chainCode: digest.slice(32), depth: 0, index: 0, parentFingerprint: 0 };
}

/**
 * BIP 32: CKDpriv where the private key is known, else CKDpub, which throws for hardened indexes. Also throws with the probability of 2^-127
 * that an index has no key.
 */
export function deriveChild(parent: HdKey, index: number): HdKey {
  if (!Number.isInteger(index) || index < 0 || index > 0xffffffff) throw new RangeError(`${index} is not a child index`);
  if (parent.depth === 255) throw new RangeError('a key of depth 255 has no children');
  const hardened = index >= HARDENED;
  if (hardened && parent.privateKey === null) throw new RangeError('hardened children need the private key');
  const data = new Writer(37);
  if (hardened) data.u8(0).bytes(parent.privateKey as Bytes);
  else data.bytes(parent.publicKey);
  const digest = hmacSha512(parent.chainCode, data.u32(index).done());
  const tweak = digest.subarray(0, 32);
  const privateKey = parent.privateKey === null ? null : secp.privateAdd(parent.privateKey, tweak);
  const publicKey = privateKey === null ? secp.publicAddTweak(parent.publicKey, tweak) : secp.publicKey(privateKey);
  if (publicKey === null) throw new RangeError(`index ${index} has no key`);
  return { privateKey, publicKey, chainCode: digest.slice(32), depth: parent.depth + 1, index, parentFingerprint: fingerprint(parent) };
}

/** Follows a path of indexes; hardened ones have HARDENED added. */
export const derivePath = (key: HdKey, path: readonly number[]): HdKey => path.reduce(deriveChild, key);

/** The indexes of `m/84'/0'/0'/0/5` (also with h or H for hardened), or null where it is malformed. */
export function parsePath(text: string): readonly number[] | null {
  const [head, ...parts] = text.split('/');
  if (head !== 'm') return null;
  const path: number[] = [];
  for (const part of parts) {
    const match = /^(\d{1,10})(['hH]?)$/.exec(part);
    const index = Number(match?.[1]);
    if (match === null || index >= HARDENED) return null;
    path.push(match[2] === '' ? index : index + HARDENED);
  }
  return path;
}

export const formatPath = (path: readonly number[]): string =>
  ['m', ...path.map((index) => (index >= HARDENED ? `${index - HARDENED}'` : `${index}`))].join('/');

/** The public side alone. */
export const neuter = (key: HdKey): HdKey => ({ ...key, privateKey: null });

/** BIP 32: the first four bytes of HASH160 of the public key, as a number. */
export function fingerprint(key: HdKey): number {
  return new Reader(hash160(key.publicKey)).u32();
}

const base58check = createBase58check((data: Uint8Array) => sha256(data) as Uint8Array<ArrayBuffer>);

/** `xpub...` (or `tpub...`): the public side, never the private one. */
export const formatXpub = (key: HdKey, network: Network): string => serialize(key, networkParams(network).xpubVersion, key.publicKey);

/** `xprv...` (or `tprv...`); throws where the private key is not known. */
export function formatXprv(key: HdKey, network: Network): string {
  if (key.privateKey === null) throw new RangeError('the private key is not known');
  return serialize(key, networkParams(network).xprvVersion, concat(Uint8Array.of(0), key.privateKey));
}

/** Reads an extended key of any network, strictly. */
export function parseHdKey(text: string): Result<HdKey, HdKeyFailure> {
  if (text.length > 120) return malformed('too long for an extended key');
  let bytes: Bytes;
  try {
    bytes = base58check.decode(text);
  } catch {
    return fail({ code: 'CHECKSUM', message: 'not base58, or the checksum does not match' });
  }
  if (bytes.length !== 78) return malformed(`${bytes.length} bytes where 78 belong`);
  const from = new Reader(bytes);
  const version = from.u32();
  const [depth, parentFingerprint, index] = [from.u8(), from.u32(), from.u32()];
  const [chainCode, key] = [from.take(32).slice(), from.take(33).slice()];
  if (depth === 0 && parentFingerprint !== 0) return malformed('a master key with a parent');
  if (depth === 0 && index !== 0) return malformed('a master key with an index');
  const common = { chainCode, depth, index, parentFingerprint };
  const versions = Object.values(NETWORK_PARAMS);
  if (versions.some((params) => params.xprvVersion === version)) {
    const privateKey = key.slice(1);
    if (key[0] !== 0 || !secp.isPrivateKey(privateKey)) return malformed('the private key is invalid');
    return ok({ ...common, privateKey, publicKey: secp.publicKey(privateKey) });
  }
  if (!versions.some((params) => params.xpubVersion === version)) return malformed('the version is of no known network');
  if (!secp.isPublicKey(key)) return malformed('the public key is invalid');
  return ok({ ...common, privateKey: null, publicKey: key });
}

function serialize(key: HdKey, version: number, data: Bytes): string {
  const to = new Writer(78).u32(version).u8(key.depth).u32(key.parentFingerprint).u32(key.index);
  return base58check.encode(to.bytes(key.chainCode).bytes(data).done());
}

const malformed = (message: string): { readonly ok: false; readonly failure: HdKeyFailure } => fail({ code: 'MALFORMED', message });
