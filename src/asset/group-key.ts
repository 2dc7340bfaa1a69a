import { type Bytes, concat, EMPTY, equal } from '../base/bytes.ts';
import { ok, type Result } from '../base/result.ts';
import { controlBlock, tapBranchHash, tapLeafHash, taprootOutputKey, xOnly } from '../bitcoin/taproot.ts';
import { bytes, type Codec, decodeWith, encodeWith, u8 } from '../codec/codec.ts';
import { CodecError } from '../codec/reader.ts';
import { type TlvRecord, tlvStream } from '../codec/tlv.ts';
import { secp } from '../crypto/ec.ts';
import { publicKeyOrZero, required, witnessStack } from './codecs.ts';
import { type AssetFailure, malformed, refuse } from './failure.ts';
import { evenKey, isNonSpendable, type NonSpendable, nonSpendableScript } from './keys.ts';

/**
 * Shows how a group's key comes from the key of its owner and the first asset of the group. V0: the owner's key tweaked by the asset's id, then
 * by a script root. V1: an external key whose script tree commits to the id, so that a hardware wallet can sign for it.
 */
export type GroupKeyReveal =
  | { readonly version: 0; readonly rawKey: Bytes; readonly tapscriptRoot: Bytes | null }
  | {
      readonly version: 1;
      readonly leafVersion: number;
      readonly internalKey: Bytes;
      readonly tapscriptRoot: Bytes;
      readonly customSubtreeRoot: Bytes | null;
      readonly unknown: readonly TlvRecord[];
    };

const streamV1 = tlvStream({
  leafVersion: [0n, u8],
  internalKey: [2n, bytes(33)],
  tapscriptRoot: [4n, bytes(32)],
  customSubtreeRoot: [7n, bytes(32)],
});

/** To the end of its record, whose length tells the versions apart: V0 has 33 or 65 bytes, V1 more. */
export const groupKeyRevealCodec: Codec<GroupKeyReveal> = {
  write(to, reveal) {
    if (reveal.version === 0) to.bytes(reveal.rawKey).bytes(reveal.tapscriptRoot ?? EMPTY);
    else {
      const { leafVersion, internalKey, tapscriptRoot, customSubtreeRoot, unknown } = reveal;
      streamV1.write(to, {
        leafVersion,
        internalKey,
        tapscriptRoot,
        unknown,
        ...(customSubtreeRoot === null ? {} : { customSubtreeRoot }),
      });
    }
  },
  read(from) {
    if (from.left <= 65) {
      const rawKey = publicKeyOrZero.read(from);
      if (from.left !== 0 && from.left !== 32) throw new CodecError(`a script root of ${from.left} bytes`);
      return { version: 0, rawKey, tapscriptRoot: from.left === 0 ? null : from.rest().slice() };
    }
    const { leafVersion, internalKey, tapscriptRoot, customSubtreeRoot = null, unknown = [] } = streamV1.read(from);
    return {
      version: 1,
      leafVersion: required(leafVersion, 'version'),
      internalKey: required(internalKey, 'internal key'),
      tapscriptRoot: required(tapscriptRoot, 'tapscript root'),
      customSubtreeRoot,
      unknown,
    };
  },
};

export const encodeGroupKeyReveal = (reveal: GroupKeyReveal): Bytes => encodeWith(groupKeyRevealCodec, reveal);

/** The group's key that a reveal leads to for the first asset of the group; 33 bytes. */
export function groupKeyOf(reveal: GroupKeyReveal, id: Bytes): Result<Bytes, AssetFailure<'INVALID_GROUP_KEY'>> {
  return reveal.version === 0 ? groupKeyV0(reveal, id) : groupKeyV1(reveal, id);
}

/** The key that BIP 341 tweaks by the script root: V0's is moved by the id, V1's is the external key itself. 33 bytes; null where it is no key. */
export const groupInternalKey = (reveal: GroupKeyReveal, id: Bytes): Bytes | null =>
  reveal.version === 1 ? reveal.internalKey : secp.publicAddTweak(reveal.rawKey, id);

/** V0: rawKey + id * G, then as BIP 341 has it. */
function groupKeyV0(
  { rawKey, tapscriptRoot }: { readonly rawKey: Bytes; readonly tapscriptRoot: Bytes | null },
  id: Bytes,
): Result<Bytes, AssetFailure<'INVALID_GROUP_KEY'>> {
  const internal = groupInternalKey({ version: 0, rawKey, tapscriptRoot }, id);
  return internal === null ? refuse('INVALID_GROUP_KEY', 'the raw key of the group is no key') : output(internal, tapscriptRoot);
}

function groupKeyV1(reveal: Extract<GroupKeyReveal, { version: 1 }>, id: Bytes): Result<Bytes, AssetFailure<'INVALID_GROUP_KEY'>> {
  const { leafVersion, customSubtreeRoot } = reveal;
  if (!isNonSpendable(leafVersion)) return refuse('INVALID_GROUP_KEY', `leaf version ${leafVersion} of a group key reveal`);
  if (!equal(groupScriptTree({ leafVersion, id, customSubtreeRoot }).root, reveal.tapscriptRoot))
    return refuse('INVALID_GROUP_KEY', 'the script root of the group key does not commit to the asset');
  return output(reveal.internalKey, reveal.tapscriptRoot);
}

function output(internalKey: Bytes, root: Bytes | null): Result<Bytes, AssetFailure<'INVALID_GROUP_KEY'>> {
  const key = taprootOutputKey(xOnly(internalKey), root);
  if (key === null) return refuse('INVALID_GROUP_KEY', 'the internal key of the group is no key');
  return ok(concat(Uint8Array.of(key.parity === 1 ? 3 : 2), key.key));
}

export interface GroupScriptTree {
  readonly root: Bytes;
  /** From the custom subtree upward, for the control block of a leaf in it. */
  readonly customPath: readonly Bytes[];
}

/** V1's tree: a leaf with the asset's id, and beside it, where the owner has own scripts, an empty leaf with those. */
export function groupScriptTree(part: {
  readonly leafVersion: NonSpendable;
  readonly id: Bytes;
  readonly customSubtreeRoot: Bytes | null;
}): GroupScriptTree {
  const withId = tapLeafHash(nonSpendableScript(part.leafVersion, part.id));
  const empty = tapLeafHash(nonSpendableScript(part.leafVersion, null));
  const root = part.customSubtreeRoot === null ? withId : tapBranchHash(withId, tapBranchHash(empty, part.customSubtreeRoot));
  return { root, customPath: [empty, withId] };
}

/** The control block of the one leaf that is the whole custom subtree. */
export function customLeafControlBlock(reveal: Extract<GroupKeyReveal, { version: 1 }>, id: Bytes): Bytes | null {
  const { leafVersion, internalKey, tapscriptRoot, customSubtreeRoot } = reveal;
  if (!isNonSpendable(leafVersion)) return null;
  const tree = groupScriptTree({ leafVersion, id, customSubtreeRoot });
  const key = taprootOutputKey(xOnly(internalKey), tapscriptRoot);
  if (key === null || !equal(tree.root, tapscriptRoot)) return null;
  return controlBlock({ internalKey: xOnly(internalKey), parity: key.parity, path: tree.customPath });
}

/** The reveal of a new group under an external key. */
export function newGroupKeyRevealV1(part: {
  readonly internalKey: Bytes;
  readonly id: Bytes;
  readonly leafVersion: NonSpendable;
  readonly customSubtreeRoot: Bytes | null;
}): Extract<GroupKeyReveal, { version: 1 }> {
  const { internalKey, leafVersion, customSubtreeRoot } = part;
  return { version: 1, leafVersion, internalKey, tapscriptRoot: groupScriptTree(part).root, customSubtreeRoot, unknown: [] };
}

/** Group keys are compared as points with even y: on the chain and in trees only x is seen. */
export const sameGroup = (a: Bytes | null, b: Bytes | null): boolean =>
  a === null || b === null ? a === b : equal(evenKey(xOnly(a)), evenKey(xOnly(b)));

export const encodeGroupWitness = (witness: readonly Bytes[]): Bytes => encodeWith(witnessStack, witness);
export function decodeGroupWitness(encoded: Bytes): Result<readonly Bytes[], AssetFailure<'MALFORMED'>> {
  const witness = decodeWith(witnessStack, encoded);
  return witness.ok ? witness : malformed(witness.failure);
}
