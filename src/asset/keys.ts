import { must } from '../base/assert.ts';
import { type Bytes, concat, EMPTY, equal, fromBigInt, fromHex, toBigInt } from '../base/bytes.ts';
import { deriveChild, type HdKey } from '../bitcoin/bip32.ts';
import { OP, script } from '../bitcoin/script.ts';
import { tapBranchHash, tapLeafHash, taprootOutputKey, xOnly } from '../bitcoin/taproot.ts';
import { secp } from '../crypto/ec.ts';
import { type Asset, isSplitWitness, type PrevId, prevIdBytes, type Witness } from './asset.ts';
import { assetId } from './genesis.ts';

/** A point whose private key nobody knows, found by hashing "taproot-assets": the key of what nobody may spend. */
export const NUMS_KEY: Bytes = fromHex('027c79b9b26e463895eef5679d8558942c86c4ad2233adef01bc3e6d540b3653fe');
/** lnd's point of the same kind: the base of Pedersen commitments and the internal key of channel funding outputs. */
export const LND_NUMS_KEY: Bytes = fromHex('02dca094751109d0bd055d03565874e8276dd53e926b44e3bd1bb6bf4bc130a279');

/** What is known of a script key. `tweak` is the root of its script tree, null where it has none or nobody told. */
export type ScriptKeyKind = 'unknown' | 'bip86' | 'script_path' | 'burn' | 'tombstone' | 'channel' | 'unique_pedersen';

export interface ScriptKey {
  /** 33 bytes with even y: what assets are locked to. */
  readonly publicKey: Bytes;
  readonly internalKey: Bytes | null;
  readonly tweak: Bytes | null;
  readonly kind: ScriptKeyKind;
}

/** The point of an x-only key, with even y as BIP 340 has it. */
export const evenKey = (xOnlyKey: Bytes): Bytes => concat(Uint8Array.of(2), xOnlyKey);

/** BIP 341's output key with even y; `merkleRoot` of any length, null for none. Throws where the internal key is no point. */
function tweaked(internalKey: Bytes, merkleRoot: Bytes | null): Bytes {
  return evenKey(must(taprootOutputKey(xOnly(internalKey), merkleRoot), 'a point as internal key').key);
}

/** The script key of a BIP 86 key: spent by its signature alone. */
export const bip86ScriptKey = (internalKey: Bytes): ScriptKey => ({
  publicKey: tweaked(internalKey, null),
  internalKey,
  tweak: null,
  kind: 'bip86',
});

/** The script key of an internal key with a script tree. */
export const scriptPathKey = (internalKey: Bytes, tweak: Bytes): ScriptKey => ({
  publicKey: tweaked(internalKey, tweak),
  internalKey,
  tweak,
  kind: 'script_path',
});

/** Where a full transfer to an address leaves nothing behind: no amount, under a key that nobody has. */
export const TOMBSTONE_KEY: ScriptKey = { publicKey: NUMS_KEY, internalKey: null, tweak: null, kind: 'tombstone' };
export const isTombstone = (asset: Asset): boolean => asset.amount === 0n && equal(asset.scriptKey, NUMS_KEY);

/** The key that burns what a transition with this first input spends: the NUMS point, tweaked by the input's name. */
export const burnKey = (firstPrevId: PrevId): Bytes => tweaked(NUMS_KEY, prevIdBytes(firstPrevId));

/** Whether an asset is burnt: its key is the burn key of the first input of its transition. */
export function isBurn(asset: Asset): boolean {
  const [witness] = asset.prevWitnesses;
  const prevId = witness === undefined ? null : firstPrevId(witness);
  return prevId !== null && equal(asset.scriptKey, burnKey(prevId));
}

const firstPrevId = (witness: Witness): PrevId | null =>
  isSplitWitness(witness) ? (witness.splitCommitment.rootAsset.prevWitnesses[0]?.prevId ?? null) : witness.prevId;

/** What an ownership proof pays to: the NUMS point, moved by the verifier's challenge of 32 bytes where there is one. */
export function challengeKey(challenge: Bytes | null): Bytes {
  if (challenge === null) return NUMS_KEY;
  const scalar = fromBigInt(toBigInt(challenge) % GROUP_ORDER, 32);
  return evenKey(xOnly(must(secp.publicAddTweak(NUMS_KEY, scalar), 'a challenge that does not undo the NUMS point')));
}
const GROUP_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Leaves that nobody can spend and that commit to data: by OP_RETURN, or by a key made of the data that hardware wallets take as a script. */
export const NON_SPENDABLE = { OP_RETURN: 1, PEDERSEN: 2 } as const;
export type NonSpendable = (typeof NON_SPENDABLE)[keyof typeof NON_SPENDABLE];
export const isNonSpendable = (version: number): version is NonSpendable =>
  version === NON_SPENDABLE.OP_RETURN || version === NON_SPENDABLE.PEDERSEN;

/** The script of such a leaf; `data` of at most 32 bytes, null for none. */
export function nonSpendableScript(version: NonSpendable, data: Bytes | null): Bytes {
  if (version === NON_SPENDABLE.OP_RETURN) return data === null ? script(OP.RETURN) : script(OP.RETURN, data);
  const message = new Uint8Array(32);
  message.set(data ?? EMPTY);
  return script(xOnly(pedersenKeys(message).publicKey), OP.CHECKSIG);
}

/** An extended key around the Pedersen commitment `message` * G + NUMS, and its first address key (0/0), as hardware wallets take a policy. */
export function pedersenKeys(message: Bytes): { readonly account: HdKey; readonly publicKey: Bytes } {
  const scalar = fromBigInt(toBigInt(message) % GROUP_ORDER, 32);
  const publicKey = must(secp.publicAddTweak(LND_NUMS_KEY, scalar), 'a message that does not undo the NUMS point');
  const account: HdKey = { privateKey: null, publicKey, chainCode: xOnly(publicKey), depth: 3, index: 0, parentFingerprint: 0 };
  return { account, publicKey: deriveChild(deriveChild(account, 0), 0).publicKey };
}

/** The script key of one asset derived from a recipient's key, so that proofs of several assets under one key do not collide. */
export function uniqueScriptKey(internalKey: Bytes, id: Bytes): ScriptKey {
  const tweak = tapLeafHash(nonSpendableScript(NON_SPENDABLE.PEDERSEN, id));
  return { publicKey: tweaked(internalKey, tweak), internalKey, tweak, kind: 'unique_pedersen' };
}

/** What can be said of an asset's key, given its internal key where that is known. */
export function scriptKeyKind(asset: Asset, internalKey: Bytes | null): ScriptKeyKind {
  if (isBurn(asset)) return 'burn';
  if (equal(asset.scriptKey, NUMS_KEY)) return 'tombstone';
  if (internalKey === null) return 'unknown';
  if (equal(bip86ScriptKey(internalKey).publicKey, evenKey(xOnly(asset.scriptKey)))) return 'bip86';
  const unique = uniqueScriptKey(internalKey, assetId(asset.genesis));
  return equal(unique.publicKey, evenKey(xOnly(asset.scriptKey))) ? 'unique_pedersen' : 'unknown';
}

/** The output that assets of a channel are locked to: anyone may spend it, the Bitcoin output around it guards it. */
export function channelFundingScriptKey(id: Bytes | null = null): ScriptKey {
  const open = tapLeafHash(script(OP[1]));
  const tweak = id === null ? open : tapBranchHash(open, tapLeafHash(nonSpendableScript(NON_SPENDABLE.OP_RETURN, id)));
  return { publicKey: tweaked(LND_NUMS_KEY, tweak), internalKey: LND_NUMS_KEY, tweak, kind: 'channel' };
}
