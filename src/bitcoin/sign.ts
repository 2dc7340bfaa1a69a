import { type Bytes, concat } from '../base/bytes.ts';
import type { Sat } from '../base/units.ts';
import { encodeDer } from '../crypto/der.ts';
import { secp } from '../crypto/ec.ts';
import { hash160 } from '../crypto/hash.ts';
import { p2wpkhScriptCode } from './script.ts';
import { SIGHASH, sighashTaproot, sighashV0 } from './sighash.ts';
import { taprootPrivateKey } from './taproot.ts';
import type { Tx, TxOutput } from './tx.ts';

/** DER and the hash type's byte, as ECDSA signatures stand in a witness. */
export const witnessSignature = (signature: Bytes, hashType: number = SIGHASH.ALL): Bytes =>
  concat(encodeDer(signature), Uint8Array.of(hashType));

/** The witness of a P2WPKH input (BIP 143). `amount` is that of the output being spent. */
export function signP2wpkhInput(part: {
  readonly tx: Tx;
  readonly index: number;
  readonly amount: Sat;
  readonly privateKey: Bytes;
  readonly hashType?: number;
}): readonly Bytes[] {
  const { tx, index, amount, privateKey, hashType = SIGHASH.ALL } = part;
  const publicKey = secp.publicKey(privateKey);
  const hash = sighashV0({ tx, index, scriptCode: p2wpkhScriptCode(hash160(publicKey)), amount, hashType });
  return [witnessSignature(secp.sign(hash, privateKey), hashType), publicKey];
}

const ZERO32: Bytes = new Uint8Array(32);

/**
 * The witness of a taproot key path input (BIP 341). `privateKey` is the internal key's; `merkleRoot` null where there are no scripts (BIP 86).
 * `aux` are BIP 340's 32 auxiliary bytes; zeros are allowed there and keep a run repeatable.
 */
export function signP2trInput(part: {
  readonly tx: Tx;
  readonly index: number;
  readonly prevouts: readonly TxOutput[];
  readonly privateKey: Bytes;
  readonly merkleRoot?: Bytes | null;
  readonly hashType?: number;
  readonly aux?: Bytes;
}): readonly Bytes[] {
  const { tx, index, prevouts, hashType = SIGHASH.DEFAULT } = part;
  const hash = sighashTaproot({ tx, index, prevouts, hashType });
  const signature = secp.schnorrSign(hash, taprootPrivateKey(part.privateKey, part.merkleRoot ?? null), part.aux ?? ZERO32);
  return [hashType === SIGHASH.DEFAULT ? signature : concat(signature, Uint8Array.of(hashType))];
}
