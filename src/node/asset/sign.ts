import { type Asset, genesisWitness, prevIdOf } from '../../asset/asset.ts';
import { type GroupKeyReveal, groupKeyOf } from '../../asset/group-key.ts';
import { groupPrevOutput, inputSet, prevOutput, virtualSighash, virtualTx } from '../../asset/vm/virtual-tx.ts';
import { must } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import type { OutPoint } from '../../base/ids.ts';
import type { Result } from '../../base/result.ts';
import { taprootPrivateKey } from '../../bitcoin/taproot.ts';
import { secp } from '../../crypto/ec.ts';
import type { WalletKeys } from '../wallet/types.ts';

export interface SpentAsset {
  readonly asset: Asset;
  readonly outPoint: OutPoint;
  readonly scriptKeyIndex: number;
  /** The root of the script tree of its script key; null for a BIP 86 key. */
  readonly scriptKeyTweak: Bytes | null;
}

const NO_AUX: Bytes = new Uint8Array(32);

/** The new asset (or the root of a split) with the signatures of all its inputs, given in the order of its witnesses. */
export function signTransition(asset: Asset, inputs: readonly SpentAsset[], keys: WalletKeys): Asset {
  const spent = inputSet(inputs.map((input) => [prevIdOf(input.asset, input.outPoint), input.asset] as const));
  const { tx } = certain(virtualTx(asset, spent));
  const prevWitnesses = asset.prevWitnesses.map((witness, index) => {
    const input = must(inputs[index], 'an input for each witness');
    const hash = virtualSighash({ tx, asset, index, prevOut: prevOutput(input.asset) });
    const { privateKey } = keys.assetKey(input.scriptKeyIndex);
    return { ...witness, txWitness: [secp.schnorrSign(hash, taprootPrivateKey(privateKey, input.scriptKeyTweak), NO_AUX)] };
  });
  return { ...asset, prevWitnesses };
}

/** A minted asset as part of a group whose key we hold, with the group's witness. `anchorId` is the id of the group's first asset. */
export function signIntoGroup(
  bare: Asset,
  group: { readonly rawKeyIndex: number; readonly anchorId: Bytes },
  keys: WalletKeys,
): { readonly asset: Asset; readonly reveal: GroupKeyReveal } {
  const { publicKey, privateKey } = keys.assetKey(group.rawKeyIndex);
  const reveal: GroupKeyReveal = { version: 0, rawKey: publicKey, tapscriptRoot: null };
  const groupKey = certain(groupKeyOf(reveal, group.anchorId));
  const asset: Asset = { ...bare, groupKey };
  const { tx } = certain(virtualTx(asset, inputSet([])));
  const hash = virtualSighash({ tx, asset, index: 0, prevOut: groupPrevOutput(asset, groupKey) });
  const key = taprootPrivateKey(secp.privateAdd(privateKey, group.anchorId), null);
  return { asset: { ...asset, prevWitnesses: [genesisWitness([secp.schnorrSign(hash, key, NO_AUX)])] }, reveal };
}

/** What our own assets and keys cannot fail at. */
export function certain<T>(result: Result<T, { readonly code: string; readonly message: string }>): T {
  if (!result.ok) throw new RangeError(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}
