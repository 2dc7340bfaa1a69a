// Somebody else's hardware wallet: it knows a seed and the PSBT that it is shown, nothing of assets.
import type { ExternalKey } from '../../../src/asset/external-key.ts';
import { decodePsbtMaps, encodePsbtMaps, entryValue, type PsbtEntry } from '../../../src/asset/packet/psbt-map.ts';
import { type Bytes, equal, utf8 } from '../../../src/base/bytes.ts';
import { derivePath, formatXpub, HARDENED, masterKey, neuter } from '../../../src/bitcoin/bip32.ts';
import { sighashTaproot } from '../../../src/bitcoin/sighash.ts';
import { taprootPrivateKey, xOnly } from '../../../src/bitcoin/taproot.ts';
import { txOutputCodec } from '../../../src/bitcoin/tx.ts';
import { decodeWith } from '../../../src/codec/codec.ts';
import { secp } from '../../../src/crypto/ec.ts';
import { sha256 } from '../../../src/crypto/hash.ts';

export const ACCOUNT = [86, 1, 0].map((index) => index + HARDENED);
const account = derivePath(masterKey(sha256(utf8('a signer elsewhere'))), ACCOUNT);
const NO_AUX = new Uint8Array(32);

export const external = (index: number): ExternalKey => ({
  xpub: formatXpub(neuter(account), 'regtest'),
  masterFingerprint: 0x01020304,
  path: [...ACCOUNT, 0, index],
});
const secretAt = (index: number): Bytes => derivePath(account, [0, index]).privateKey as Bytes;

/** The PSBT with the signature of the key path. */
export function signedElsewhere(psbt: Bytes, index: number): Bytes {
  const [input, sign] = opened(psbt);
  const secret = secretAt(index);
  if (!equal(entryValue(input, 0x17) ?? NO_AUX, xOnly(secp.publicKey(secret)))) throw new Error('not the key of this wallet');
  const value = secp.schnorrSign(sign(null), taprootPrivateKey(secret, entryValue(input, 0x18)), NO_AUX);
  return withEntry(psbt, { key: Uint8Array.of(0x13), value });
}

/** The signature of another key for a leaf. */
export const leafSignature = (psbt: Bytes, secret: Bytes, leafHash: Bytes): Bytes =>
  secp.schnorrSign(opened(psbt)[1](leafHash), secret, NO_AUX);

function opened(psbt: Bytes): readonly [readonly PsbtEntry[], (leafHash: Bytes | null) => Bytes] {
  const maps = decodePsbtMaps(psbt);
  if (!maps.ok) throw new Error(maps.failure.message);
  const { tx, inputs } = maps.value;
  const [input = []] = inputs;
  const spent = decodeWith(txOutputCodec, entryValue(input, 0x01) ?? NO_AUX);
  if (!spent.ok) throw new Error(spent.failure.message);
  const common = { tx, index: 0, prevouts: [spent.value], hashType: 0 };
  return [input, (hash) => sighashTaproot(hash === null ? common : { ...common, leaf: { hash } })];
}

function withEntry(psbt: Bytes, entry: PsbtEntry): Bytes {
  const maps = decodePsbtMaps(psbt);
  if (!maps.ok) throw new Error(maps.failure.message);
  return encodePsbtMaps({ ...maps.value, inputs: [[...(maps.value.inputs[0] ?? []), entry]] });
}
