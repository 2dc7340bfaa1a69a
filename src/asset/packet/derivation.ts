import type { Bytes } from '../../base/bytes.ts';
import { compactSize } from '../../bitcoin/tx.ts';
import type { Codec } from '../../codec/codec.ts';
import { CodecError, type Reader } from '../../codec/reader.ts';
import type { Writer } from '../../codec/writer.ts';

/** Where a key comes from: fingerprint of the master key and path (BIP 174). */
export interface KeyOrigin {
  /** As Bitcoin Core shows it, read big-endian. */
  readonly masterFingerprint: number;
  readonly path: readonly number[];
}
export interface Bip32Derivation extends KeyOrigin {
  /** 33 bytes. */
  readonly publicKey: Bytes;
}
/** BIP 371: with the leaves that the key signs for. */
export interface TaprootDerivation extends KeyOrigin {
  /** 32 bytes. */
  readonly publicKey: Bytes;
  readonly leafHashes: readonly Bytes[];
}

/** The value under a key of type 0x06 (inputs) or 0x02 (outputs). */
export const keyOriginCodec: Codec<KeyOrigin> = {
  write: writeOrigin,
  read: readOrigin,
};

/** The value under a key of type 0x16 (inputs) or 0x07 (outputs). */
export const taprootOriginCodec: Codec<KeyOrigin & { readonly leafHashes: readonly Bytes[] }> = {
  write(to, value) {
    compactSize.write(to, value.leafHashes.length);
    for (const hash of value.leafHashes) to.bytes(hash);
    writeOrigin(to, value);
  },
  read(from) {
    const count = compactSize.read(from);
    if (count * 32 > from.left) throw new CodecError(`${count} leaf hashes in ${from.left} bytes`);
    const leafHashes = Array.from({ length: count }, () => from.take(32).slice());
    return { leafHashes, ...readOrigin(from) };
  },
};

function writeOrigin(to: Writer, { masterFingerprint, path }: KeyOrigin): void {
  to.u32(masterFingerprint);
  for (const index of path) to.u32le(index);
}

function readOrigin(from: Reader): KeyOrigin {
  const masterFingerprint = from.u32();
  if (from.left % 4 !== 0) throw new CodecError(`a path of ${from.left} bytes`);
  const path: number[] = [];
  while (from.left > 0) path.push(from.u32le());
  return { masterFingerprint, path };
}
