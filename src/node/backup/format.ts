import { type Bytes, concat, equal, utf8 } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Height, UnixTime } from '../../base/units.ts';
import { isNetwork, type Network } from '../../bitcoin/network.ts';
import { bigsizeNumber, bytes, type Codec, decodeWith, encodeWith, list, struct, u8, u16, u32 } from '../../codec/codec.ts';
import { CodecError, Reader } from '../../codec/reader.ts';
import { blob, text } from '../../codec/stored.ts';
import { openX, sealX } from '../../crypto/chacha.ts';
import { sha256 } from '../../crypto/hash.ts';

/**
 * A backup: a head that anybody can read, and sections that only the wallet's words open.
 *
 *   "LNKB", version (1 byte), length of the head (4), head, XChaCha20-Poly1305 of the sections, with all that stands before it as associated data
 *
 * The key is derived from the seed (`m/1017'/C'/30'/0'`). A section has a kind, a version of that kind and bytes; whoever does not know one keeps
 * it as it is, and says so.
 */
export interface BackupHead {
  readonly network: Network;
  /** Of the node whose backup it is, 8 bytes. */
  readonly fingerprint: Bytes;
  readonly createdAt: UnixTime;
  /** Up to which block the node had followed the chain. */
  readonly height: Height;
}

export interface Section {
  readonly kind: string;
  readonly version: number;
  readonly body: Bytes;
}

export interface Backup {
  readonly head: BackupHead;
  readonly sections: readonly Section[];
}

export type BackupCode = 'MALFORMED' | 'CHECKSUM' | 'STORE_VERSION' | 'WRONG_NETWORK' | 'USAGE';
export interface BackupFailure {
  readonly code: BackupCode;
  readonly message: string;
  readonly hint?: string;
}

const MAGIC: Bytes = utf8('LNKB');
const VERSION = 1;
const MAX_HEAD = 1_024;
const TAG = 16;
/** Larger ones are not opened: they are read whole. */
export const MAX_BACKUP_SIZE = 1024 * 1024 * 1024;

interface StoredHead extends Omit<BackupHead, 'network'> {
  readonly network: string;
  readonly sealedLength: number;
  readonly nonce: Bytes;
}
const headCodec: Codec<StoredHead> = struct({
  network: text,
  fingerprint: bytes(8),
  createdAt: u32 as Codec<number> as Codec<UnixTime>,
  height: u32 as Codec<number> as Codec<Height>,
  sealedLength: u32,
  nonce: bytes(24),
});
const sectionsCodec: Codec<readonly Section[]> = list(bigsizeNumber, struct({ kind: text, version: u16, body: blob }));

export const fingerprintOf = (nodeId: NodeId): Bytes => sha256(nodeId).slice(0, 8);
export const isBackup = (head: Bytes): boolean => equal(head.subarray(0, 4), MAGIC);

/** The file. `key` has 32 bytes, `nonce` 24 that the key never sees twice. */
export function sealBackup({ head, sections }: Backup, part: { readonly key: Bytes; readonly nonce: Bytes }): Bytes {
  const plain = encodeWith(sectionsCodec, sections);
  const stored = encodeWith(headCodec, { ...head, sealedLength: plain.length + TAG, nonce: part.nonce });
  const prefix = concat(MAGIC, encodeWith(u8, VERSION), encodeWith(u32, stored.length), stored);
  return concat(prefix, sealX({ ...part, ad: prefix }, plain));
}

interface Opened {
  readonly head: BackupHead;
  readonly nonce: Bytes;
  readonly prefix: Bytes;
  readonly sealed: Bytes;
}

/** What a backup says without its key. Fails with MALFORMED (not one, or cut off), or STORE_VERSION. */
export function readBackupHead(file: Bytes): Result<Opened, BackupFailure> {
  if (!isBackup(file)) return fail({ code: 'MALFORMED', message: 'this is not a backup of lnkit' });
  try {
    const from = new Reader(file, 4);
    const version = from.u8();
    if (version !== VERSION) return newer(`the backup has version ${version}, this lnkit knows ${VERSION}`);
    const length = from.u32();
    if (length > MAX_HEAD) return cutOff(`its head would have ${length} bytes`);
    const stored = decodeWith(headCodec, from.take(length));
    if (!stored.ok) return cutOff(stored.failure.message);
    const { network, sealedLength, nonce, ...about } = stored.value;
    if (!isNetwork(network)) return newer(`the backup is of network ${network}, which this lnkit does not know`);
    if (from.left !== sealedLength) return cutOff(`${from.left} of ${sealedLength} bytes are there`);
    return ok({ head: { ...about, network }, nonce, prefix: file.subarray(0, from.at), sealed: file.subarray(from.at) });
  } catch (error) {
    if (error instanceof CodecError) return cutOff(error.message);
    throw error;
  }
}

/** Opens a backup of this very node. Fails with WRONG_NETWORK, USAGE (another wallet's), CHECKSUM (damaged), or as `readBackupHead`. */
export function openBackup(
  file: Bytes,
  owner: { readonly key: Bytes; readonly nodeId: NodeId; readonly network: Network },
): Result<Backup, BackupFailure> {
  const read = readBackupHead(file);
  if (!read.ok) return read;
  const { head, nonce, prefix, sealed } = read.value;
  if (head.network !== owner.network)
    return fail({ code: 'WRONG_NETWORK', message: `the backup is of ${head.network}, and this wallet of ${owner.network}` });
  if (!equal(head.fingerprint, fingerprintOf(owner.nodeId)))
    return fail({
      code: 'USAGE',
      message: 'the backup is of another wallet',
      hint: 'make a wallet from the words of the backup: `lnkit init --mnemonic -`',
    });
  const plain = openX({ key: owner.key, nonce, ad: prefix }, sealed);
  if (plain === null) return fail({ code: 'CHECKSUM', message: 'the backup is damaged, or was changed', hint: 'take another copy of it' });
  const sections = decodeWith(sectionsCodec, plain);
  return sections.ok ? ok({ head, sections: sections.value }) : newer(`its sections do not decode: ${sections.failure.message}`);
}

const cutOff = (why: string) => fail<BackupFailure>({ code: 'MALFORMED', message: `the backup is cut off or damaged: ${why}` });
const newer = (message: string) => fail<BackupFailure>({ code: 'STORE_VERSION', message, hint: 'update lnkit' });
