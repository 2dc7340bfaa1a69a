import { type Asset, prevIdOf } from '../../asset/asset.ts';
import { inputSet, prevOutput, virtualSighash, virtualTx } from '../../asset/vm/virtual-tx.ts';
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

/** What our own assets and keys cannot fail at. */
export function certain<T>(result: Result<T, { readonly code: string; readonly message: string }>): T {
  if (!result.ok) throw new RangeError(`${result.failure.code}: ${result.failure.message}`);
  return result.value;
}
