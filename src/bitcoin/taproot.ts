import { type Bytes, compare, concat, EMPTY } from '../base/bytes.ts';
import { Writer } from '../codec/writer.ts';
import { secp } from '../crypto/ec.ts';
import { taggedHash } from '../crypto/hash.ts';
import { p2trScript } from './script.ts';
import { compactSize } from './tx.ts';

/** BIP 342: the version of tapscript leaves. */
export const TAPSCRIPT_LEAF_VERSION = 0xc0;

/** BIP 341: hash of a leaf. */
export function tapLeafHash(script: Bytes, leafVersion: number = TAPSCRIPT_LEAF_VERSION): Bytes {
  const to = new Writer(script.length + 6).u8(leafVersion);
  compactSize.write(to, script.length);
  return taggedHash('TapLeaf', to.bytes(script).done());
}

/** BIP 341: hash of an inner node; the order of the two does not matter. */
export const tapBranchHash = (a: Bytes, b: Bytes): Bytes =>
  compare(a, b) < 0 ? taggedHash('TapBranch', a, b) : taggedHash('TapBranch', b, a);

/** The 32-byte x coordinate of a compressed key. */
export const xOnly = (publicKey: Bytes): Bytes => publicKey.slice(1);

/** BIP 341: the tweak of an x-only internal key; without a script tree (BIP 86) `merkleRoot` is null. */
export const tapTweak = (internalKey: Bytes, merkleRoot: Bytes | null): Bytes => taggedHash('TapTweak', internalKey, merkleRoot ?? EMPTY);

export interface TaprootOutputKey {
  /** 32 bytes, x-only. */
  readonly key: Bytes;
  /** 1 where the full key's y is odd. */
  readonly parity: 0 | 1;
}

/** BIP 341: the output key of an x-only internal key; null where that is not a point (or by a chance of 2^-128). */
export function taprootOutputKey(internalKey: Bytes, merkleRoot: Bytes | null): TaprootOutputKey | null {
  const full = secp.publicAddTweak(concat(Uint8Array.of(2), internalKey), tapTweak(internalKey, merkleRoot));
  return full === null ? null : { key: full.slice(1), parity: full[0] === 3 ? 1 : 0 };
}

/** BIP 86: the output script of a compressed (or x-only) key without a script tree. Throws where the key is no point. */
export function bip86Script(publicKey: Bytes): Bytes {
  const output = taprootOutputKey(publicKey.length === 33 ? xOnly(publicKey) : publicKey, null);
  if (output === null) throw new RangeError('not a public key');
  return p2trScript(output.key);
}

/** BIP 341: the private key that signs for the output key. */
export function taprootPrivateKey(privateKey: Bytes, merkleRoot: Bytes | null): Bytes {
  const publicKey = secp.publicKey(privateKey);
  // BIP 341: the x-only key stands for the point with even y.
  const even = publicKey[0] === 3 ? secp.privateNegate(privateKey) : privateKey;
  return secp.privateAdd(even, tapTweak(xOnly(publicKey), merkleRoot));
}

/** BIP 341: what a script path spend shows as its last witness item. `path` goes from the leaf's sibling upward. */
export const controlBlock = (part: {
  readonly internalKey: Bytes;
  readonly parity: 0 | 1;
  readonly leafVersion?: number;
  readonly path: readonly Bytes[];
}): Bytes => concat(Uint8Array.of((part.leafVersion ?? TAPSCRIPT_LEAF_VERSION) | part.parity), part.internalKey, ...part.path);
