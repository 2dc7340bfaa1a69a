// Imports bitcoinjs-lib, which takes about 130 ms: load this module by a dynamic import where a PSBT is at hand, never from the top of another.
import { base64 } from '@scure/base';
import { initEccLib, Psbt, Transaction } from 'bitcoinjs-lib';
import { type Bytes, concat, equal, fromBigInt, tryHex } from '../base/bytes.ts';
import type { OutPoint, TxId } from '../base/ids.ts';
import { fail, ok, type Result } from '../base/result.ts';
import { type Sat, sat } from '../base/units.ts';
import { secp } from '../crypto/ec.ts';
import { formatPath } from './bip32.ts';
import { fullPath, type KeyPath, type WalletKeys } from './hd.ts';
import { taprootPrivateKey, xOnly } from './taproot.ts';
import { decodeTx, encodeTx, type Tx, type TxOutput } from './tx.ts';

export interface PsbtFailure {
  readonly code: 'MALFORMED' | 'BAD_SIGNATURE' | 'USAGE';
  readonly message: string;
}

export interface PsbtInputView {
  readonly prevout: OutPoint;
  readonly sequence: number;
  /** What it spends, where the PSBT tells. */
  readonly output: TxOutput | null;
  readonly sighashType: number | null;
  readonly signatures: number;
  readonly isFinal: boolean;
}

export interface PsbtView {
  /** The PSBT's own bytes, as its author wrote them. */
  readonly bytes: Bytes;
  readonly version: number;
  readonly locktime: number;
  readonly inputs: readonly PsbtInputView[];
  readonly outputs: readonly TxOutput[];
  /** null where an input does not tell what it spends. */
  readonly fee: Sat | null;
  readonly isComplete: boolean;
}

/** One input or output of the wallet, for those who sign. */
export interface PsbtCoin {
  readonly output: TxOutput;
  readonly path: KeyPath;
  /** The whole transaction that made it: BIP 174 wants it for version 0 witnesses, since hardware signers check amounts with it. */
  readonly previousTx: Tx | null;
}

/** The path of the key that an input needs, or null where it is not ours or not what we know it to be. */
export type PathOf = (input: { readonly prevout: OutPoint; readonly output: TxOutput }) => KeyPath | null;

initEccLib({
  isXOnlyPoint: (point) => point.length === 32 && secp.isPublicKey(concat(Uint8Array.of(2), point)),
  xOnlyPointAddTweak(point, tweak) {
    const sum = point.length === 32 ? secp.publicAddTweak(concat(Uint8Array.of(2), point), tweak) : null;
    return sum === null ? null : { parity: sum[0] === 3 ? 1 : 0, xOnlyPubkey: sum.slice(1) };
  },
});

/** The bytes of a PSBT given as base64 or hexadecimal text, or null. */
export function psbtBytes(text: string): Bytes | null {
  const trimmed = text.replace(/\s/g, '');
  try {
    return tryHex(trimmed) ?? base64.decode(trimmed);
  } catch {
    return null;
  }
}

export const psbtText = (psbt: Bytes): string => base64.encode(psbt);

/** Reads a version 0 PSBT strictly (BIP 174, BIP 371). */
export function parsePsbt(bytes: Bytes): Result<PsbtView, PsbtFailure> {
  const read = attempt('MALFORMED', () => Psbt.fromBuffer(bytes));
  return read.ok ? attempt('MALFORMED', () => viewOf(bytes, read.value)) : read;
}

/** A PSBT of an unsigned transaction whose inputs are the wallet's; `inputs` in order, `outputs` those of the wallet by index. */
export function createPsbt(part: {
  readonly tx: Tx;
  readonly inputs: readonly PsbtCoin[];
  readonly outputs: ReadonlyMap<number, KeyPath>;
  readonly keys: WalletKeys;
}): Result<Bytes, PsbtFailure> {
  const { tx, keys } = part;
  if (part.inputs.length !== tx.inputs.length) return fail({ code: 'USAGE', message: 'one coin for each input is needed' });
  return attempt('USAGE', () => {
    const psbt = new Psbt();
    psbt.setVersion(tx.version);
    psbt.setLocktime(tx.locktime);
    for (const [i, input] of tx.inputs.entries()) {
      const coin = part.inputs[i] as PsbtCoin;
      psbt.addInput({
        hash: input.prevout.txid,
        index: input.prevout.vout,
        sequence: input.sequence,
        witnessUtxo: { script: coin.output.script, value: coin.output.amount },
        ...(coin.previousTx === null ? {} : { nonWitnessUtxo: encodeTx(coin.previousTx) }),
        ...derivation(coin.path, keys),
      });
    }
    for (const [i, output] of tx.outputs.entries()) {
      const path = part.outputs.get(i);
      psbt.addOutput({ script: output.script, value: output.amount, ...(path === undefined ? {} : derivation(path, keys)) });
    }
    return psbt.toBuffer();
  });
}

export interface SignedPsbt {
  readonly bytes: Bytes;
  /** Indexes of the inputs that were signed now. */
  readonly signed: readonly number[];
}

/** Signs every input that is ours and has no signature of ours yet; the scripts and amounts in the PSBT are checked as BIP 174 asks signers to. */
export function signPsbt(bytes: Bytes, part: { readonly keys: WalletKeys; readonly pathOf: PathOf }): Result<SignedPsbt, PsbtFailure> {
  const read = attempt('MALFORMED', () => {
    const psbt = Psbt.fromBuffer(bytes);
    return { psbt, view: viewOf(bytes, psbt) };
  });
  if (!read.ok) return read;
  const { psbt, view } = read.value;
  return attempt('USAGE', () => {
    const signed: number[] = [];
    for (const [i, input] of view.inputs.entries()) {
      if (input.isFinal || input.output === null) continue;
      const path = part.pathOf({ prevout: input.prevout, output: input.output });
      if (path === null) continue;
      const signer = signerOf(path, part.keys);
      const data = psbt.data.inputs[i];
      if (data?.tapKeySig !== undefined || data?.partialSig?.some((each) => equal(each.pubkey, signer.publicKey))) continue;
      psbt.signInput(i, signer);
      signed.push(i);
    }
    return { bytes: psbt.toBuffer(), signed };
  });
}

/** BIP 174, combiner: everything that the PSBTs of one transaction know. */
export function combinePsbts(psbts: readonly [Bytes, ...Bytes[]]): Result<Bytes, PsbtFailure> {
  return attempt('MALFORMED', () => {
    const [first, ...others] = psbts.map((bytes) => Psbt.fromBuffer(bytes)) as [Psbt, ...Psbt[]];
    return first.combine(...others).toBuffer();
  });
}

/** BIP 174, finalizer: verifies the signatures and builds every witness; fails where one is missing. */
export function finalizePsbt(bytes: Bytes): Result<Bytes, PsbtFailure> {
  const read = attempt('MALFORMED', () => Psbt.fromBuffer(bytes));
  if (!read.ok) return read;
  const psbt = read.value;
  for (const [i, input] of psbt.data.inputs.entries()) {
    if (input.finalScriptSig !== undefined || input.finalScriptWitness !== undefined) continue;
    const valid = attempt('USAGE', () => psbt.validateSignaturesOfInput(i, verify));
    if (!valid.ok) return valid;
    if (!valid.value) return fail({ code: 'BAD_SIGNATURE', message: `input ${i} has a signature that does not verify` });
    const done = attempt('USAGE', () => psbt.finalizeInput(i));
    if (!done.ok) return done;
  }
  return ok(psbt.toBuffer());
}

/** BIP 174, extractor: the signed transaction of a finalized PSBT. Whether its fee is sane is the caller's to ask (`parsePsbt` tells it). */
export function extractTx(bytes: Bytes): Result<Tx, PsbtFailure> {
  const raw = attempt('USAGE', () => Psbt.fromBuffer(bytes).extractTransaction(true).toBuffer());
  if (!raw.ok) return raw;
  const tx = decodeTx(raw.value);
  return tx.ok ? tx : fail({ code: 'MALFORMED', message: tx.failure.message });
}

function viewOf(bytes: Bytes, psbt: Psbt): PsbtView {
  const inputs = psbt.txInputs.map((input, i): PsbtInputView => {
    const data = psbt.data.inputs[i];
    return {
      prevout: { txid: input.hash.slice() as TxId, vout: input.index },
      sequence: input.sequence ?? 0xffffffff,
      output: spentOutput(data, input),
      sighashType: data?.sighashType ?? null,
      signatures: (data?.partialSig?.length ?? 0) + (data?.tapKeySig === undefined ? 0 : 1) + (data?.tapScriptSig?.length ?? 0),
      isFinal: data?.finalScriptSig !== undefined || data?.finalScriptWitness !== undefined,
    };
  });
  const outputs = psbt.txOutputs.map((output) => ({ amount: sat(output.value), script: output.script }));
  const spent = inputs.reduce<bigint | null>((sum, { output }) => (sum === null || output === null ? null : sum + output.amount), 0n);
  const paid = outputs.reduce((sum, output) => sum + output.amount, 0n);
  const isComplete = inputs.length > 0 && inputs.every((input) => input.isFinal);
  const fee = spent === null || inputs.length === 0 ? null : sat(spent - paid);
  return { bytes, version: psbt.version, locktime: psbt.locktime, inputs, outputs, fee, isComplete };
}

function spentOutput(data: Psbt['data']['inputs'][number] | undefined, input: { hash: Bytes; index: number }): TxOutput | null {
  if (data?.nonWitnessUtxo !== undefined) {
    const previous = Transaction.fromBuffer(data.nonWitnessUtxo);
    // BIP 174: the hash of the previous transaction must be the one that the input names.
    if (previous.getHash().some((byte, i) => byte !== input.hash[i])) throw new Error('the previous transaction is not the one spent');
    const output = previous.outs[input.index];
    if (output === undefined) throw new Error('the previous transaction has no such output');
    return { amount: sat(output.value), script: output.script };
  }
  return data?.witnessUtxo === undefined ? null : { amount: sat(data.witnessUtxo.value), script: data.witnessUtxo.script };
}

function derivation(path: KeyPath, keys: WalletKeys): object {
  const publicKey = keys.publicKey(path);
  const common = { masterFingerprint: fromBigInt(BigInt(keys.masterFingerprint), 4), path: formatPath(fullPath(path, keys.network)) };
  if (path.account === 'p2wpkh') return { bip32Derivation: [{ ...common, pubkey: publicKey }] };
  const key = xOnly(publicKey);
  return { tapInternalKey: key, tapBip32Derivation: [{ ...common, pubkey: key, leafHashes: [] }] };
}

function signerOf(path: KeyPath, keys: WalletKeys): { publicKey: Bytes; sign(hash: Bytes): Bytes; signSchnorr(hash: Bytes): Bytes } {
  const internal = keys.privateKey(path);
  const privateKey = path.account === 'p2tr' ? taprootPrivateKey(internal, null) : internal;
  return {
    publicKey: secp.publicKey(privateKey),
    sign: (hash) => secp.sign(hash, privateKey),
    signSchnorr: (hash) => secp.schnorrSign(hash, privateKey, new Uint8Array(32)),
  };
}

const verify = (publicKey: Bytes, hash: Bytes, signature: Bytes): boolean =>
  publicKey.length === 32 ? secp.schnorrVerify(signature, hash, publicKey) : secp.verify(signature, hash, publicKey);

/** bitcoinjs-lib throws on everything that it refuses; here that is a value. */
function attempt<T>(code: PsbtFailure['code'], run: () => T): Result<T, PsbtFailure> {
  try {
    return ok(run());
  } catch (error) {
    return fail({ code, message: error instanceof Error ? error.message : `${error}` });
  }
}
