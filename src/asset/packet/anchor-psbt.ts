import { type Bytes, concat } from '../../base/bytes.ts';
import { ok, type Result } from '../../base/result.ts';
import { witnessProgram } from '../../bitcoin/script.ts';
import { SIGHASH } from '../../bitcoin/sighash.ts';
import { xOnly } from '../../bitcoin/taproot.ts';
import { compactSize, type TxOutput, txOutputCodec } from '../../bitcoin/tx.ts';
import { decodeWith, encodeWith, list, varBytes } from '../../codec/codec.ts';
import { secp } from '../../crypto/ec.ts';
import { type AssetFailure, refuse } from '../failure.ts';
import { evenKey } from '../keys.ts';
import { outputWithoutAssets } from '../proof/tap-tree.ts';
import type { TapscriptProof } from '../proof/taproot-proof.ts';
import { type KeyOrigin, keyOriginCodec, taprootOriginCodec } from './derivation.ts';
import { entriesOf, entryValue, type PsbtEntry } from './psbt-map.ts';

/** The transaction of assets as a PSBT for others (BIP 174, BIP 371): they add inputs and outputs of theirs, and sign. */

type Failure = AssetFailure<'MALFORMED' | 'POLICY' | 'BAD_SIGNATURE'>;

const IN = {
  WITNESS_UTXO: 0x01,
  PARTIAL_SIG: 0x02,
  SIGHASH: 0x03,
  BIP32: 0x06,
  FINAL_SCRIPT_SIG: 0x07,
  FINAL_WITNESS: 0x08,
  TAP_KEY_SIG: 0x13,
  TAP_BIP32: 0x16,
  INTERNAL_KEY: 0x17,
  MERKLE_ROOT: 0x18,
} as const;
const OUT = { BIP32: 0x02, INTERNAL_KEY: 0x05, TAP_TREE: 0x06, TAP_BIP32: 0x07 } as const;

/** A key, before any tweak, and the way to it where it is known to us. */
export interface PsbtKey {
  /** 33 bytes. */
  readonly publicKey: Bytes;
  readonly origin: KeyOrigin | null;
  /** BIP 371, or else (a version 0 witness) BIP 174. */
  readonly isTaproot: boolean;
}

const entry = (type: number, value: Bytes, keyData: Bytes = new Uint8Array(0)): PsbtEntry => ({
  key: concat(Uint8Array.of(type), keyData),
  value,
});

export const inputEntries = (part: {
  readonly spent: TxOutput;
  readonly key: PsbtKey;
  readonly merkleRoot: Bytes | null;
}): readonly PsbtEntry[] => [
  entry(IN.WITNESS_UTXO, encodeWith(txOutputCodec, part.spent)),
  ...keyEntries(part.key, { bip32: IN.BIP32, taproot: IN.TAP_BIP32, internalKey: IN.INTERNAL_KEY }),
  ...(part.merkleRoot === null ? [] : [entry(IN.MERKLE_ROOT, part.merkleRoot)]),
];

/** `leaf`: the script that commits to assets, where it is all of the script tree. */
export const outputEntries = (key: PsbtKey, leaf: Bytes | null): readonly PsbtEntry[] => [
  ...keyEntries(key, { bip32: OUT.BIP32, taproot: OUT.TAP_BIP32, internalKey: OUT.INTERNAL_KEY }),
  // BIP 371: depth, leaf version, script.
  ...(leaf === null ? [] : [entry(OUT.TAP_TREE, concat(Uint8Array.of(0, 0xc0), encodeWith(varBytes(compactSize), leaf)))]),
];

function keyEntries(
  { publicKey, origin, isTaproot }: PsbtKey,
  types: { readonly bip32: number; readonly taproot: number; readonly internalKey: number },
): readonly PsbtEntry[] {
  if (!isTaproot) return origin === null ? [] : [entry(types.bip32, encodeWith(keyOriginCodec, origin), publicKey)];
  const own = entry(types.internalKey, xOnly(publicKey));
  if (origin === null) return [own];
  return [entry(types.taproot, encodeWith(taprootOriginCodec, { ...origin, leafHashes: [] }), xOnly(publicKey)), own];
}

/** What an input says that it spends; null where it does not. */
export function spentOutput(map: readonly PsbtEntry[]): TxOutput | null {
  const value = entryValue(map, IN.WITNESS_UTXO);
  const read = value === null ? null : decodeWith(txOutputCodec, value);
  return read?.ok === true ? read.value : null;
}

/** How a taproot output of others holds no asset, from what its PSBT says. Refused (POLICY) where it does not say it. */
export function othersOutput(
  script: Bytes,
  map: readonly PsbtEntry[],
): Result<{ readonly internalKey: Bytes; readonly tapscriptProof: TapscriptProof }, Failure> {
  const key = entryValue(map, OUT.INTERNAL_KEY);
  const internalKey = key?.length === 32 && secp.isPublicKey(evenKey(key)) ? evenKey(key) : null;
  if (internalKey === null) return refuse('POLICY', 'it has no internal key with it, so that nobody can show that it holds no asset');
  const shown = outputWithoutAssets({ script, internalKey, tapTree: entryValue(map, OUT.TAP_TREE) });
  return shown.ok ? ok({ internalKey, tapscriptProof: shown.value }) : refuse('POLICY', `it may hold assets: ${shown.failure.message}`);
}

/** Whether an input asks for, or has, a signature under which the transaction could still change. */
export function isOpen(map: readonly PsbtEntry[]): boolean {
  const asked = entryValue(map, IN.SIGHASH);
  if (asked !== null && asked[0] !== SIGHASH.DEFAULT && asked[0] !== SIGHASH.ALL) return true;
  const tapSig = entryValue(map, IN.TAP_KEY_SIG);
  return tapSig !== null && !isWholeSchnorr(tapSig);
}

const isWholeSchnorr = (signature: Bytes): boolean => signature.length === 64 || (signature.length === 65 && signature[64] === SIGHASH.ALL);
const witnessCodec = list(compactSize, varBytes(compactSize));

/**
 * The witness of an input that somebody else has signed. Whether it is good the script interpreter says. Fails with POLICY for signatures that leave
 * the transaction open and for inputs that are no segwit, and with BAD_SIGNATURE where it has none.
 */
export function othersWitness(map: readonly PsbtEntry[], spent: TxOutput): Result<readonly Bytes[], Failure> {
  const program = witnessProgram(spent.script);
  if (program === null || (entryValue(map, IN.FINAL_SCRIPT_SIG)?.length ?? 0) > 0)
    return refuse('POLICY', 'it is no segwit input: whoever signs it could change the id of the transaction');
  if (isOpen(map)) return refuse('POLICY', 'its signature leaves the transaction open');
  const witness = witnessOf(map, program.version === 0 && program.program.length === 20);
  if (!witness.ok) return witness;
  const [first] = witness.value;
  if (first === undefined) return refuse('BAD_SIGNATURE', 'it is not signed');
  const isKeySpend = program.version === 1 && witness.value.length === 1;
  const isKeyHash = program.version === 0 && program.program.length === 20;
  if ((isKeySpend && !isWholeSchnorr(first)) || (isKeyHash && first.at(-1) !== SIGHASH.ALL))
    return refuse('POLICY', 'its signature leaves the transaction open');
  return witness;
}

function witnessOf(map: readonly PsbtEntry[], isKeyHash: boolean): Result<readonly Bytes[], Failure> {
  const final = entryValue(map, IN.FINAL_WITNESS);
  if (final !== null) {
    const read = decodeWith(witnessCodec, final);
    return read.ok ? read : refuse('MALFORMED', `its witness: ${read.failure.message}`);
  }
  const tapSig = entryValue(map, IN.TAP_KEY_SIG);
  if (tapSig !== null) return ok([tapSig]);
  const [partial, ...more] = entriesOf(map, IN.PARTIAL_SIG);
  if (isKeyHash && partial !== undefined && more.length === 0) return ok([partial.value, partial.key.subarray(1)]);
  return refuse('BAD_SIGNATURE', 'it is not signed, or not finalized');
}
