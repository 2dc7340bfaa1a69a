import type { Bytes } from '../base/bytes.ts';
import { type FeeratePerKw, feeratePerKw, type Sat, sat } from '../base/units.ts';
import { type ScriptKind, witnessProgram } from './script.ts';

/** Bitcoin Core's minimum relay fee of 1 sat/vB in sat/kw, rounded up so that rounding never falls below it (the figure lnd and CLN use). */
export const FEERATE_FLOOR: FeeratePerKw = feeratePerKw(253);

/** Weight of version, lock time, marker, flag and the counts where both are below 253 (BIP 141). */
export const TX_BASE_WEIGHT = 42;
/** Out point, empty scriptSig, sequence: what every segwit input weighs before its witness. */
export const INPUT_BASE_WEIGHT = 164;

/** Witness weights with the longest low-s signature (72 bytes with its hash type) or a Schnorr signature of the default type. */
export const WITNESS_WEIGHT = { p2wpkh: 1 + 1 + 72 + 1 + 33, p2tr: 1 + 1 + 64 } as const;
export type WalletScriptKind = keyof typeof WITNESS_WEIGHT;

/** Weight of a whole signed input of the wallet: 272 (P2WPKH) or 230 (P2TR key path). */
export const inputWeight = (kind: WalletScriptKind): number => INPUT_BASE_WEIGHT + WITNESS_WEIGHT[kind];

/** Weight of an output, by its script or its script's length. */
export function outputWeight(output: Bytes | number): number {
  const length = typeof output === 'number' ? output : output.length;
  return 4 * (8 + compactSizeLength(length) + length);
}

/** Length of a standard output script. */
export const SCRIPT_LENGTH: { readonly [K in 'p2pkh' | 'p2sh' | 'p2wpkh' | 'p2wsh' | 'p2tr']: number } = {
  p2pkh: 25,
  p2sh: 23,
  p2wpkh: 22,
  p2wsh: 34,
  p2tr: 34,
};

/** Weight of a transaction of segwit inputs, counts of any size. */
export function transactionWeight(part: {
  readonly inputs: readonly WalletScriptKind[];
  readonly outputs: readonly (Bytes | number)[];
}): number {
  let weight = TX_BASE_WEIGHT;
  weight += 4 * (compactSizeLength(part.inputs.length) - 1 + compactSizeLength(part.outputs.length) - 1);
  for (const kind of part.inputs) weight += inputWeight(kind);
  for (const output of part.outputs) weight += outputWeight(output);
  return weight;
}

/** Fee of a weight, rounded down to a satoshi as BOLT 3 does. */
export const feeOfWeight = (weight: number, feerate: FeeratePerKw): Sat => sat((BigInt(weight) * BigInt(feerate)) / 1000n);
/** Fee of a weight, rounded up: what a transaction must pay to reach `feerate`. */
export const feeOfWeightCeil = (weight: number, feerate: FeeratePerKw): Sat => sat((BigInt(weight) * BigInt(feerate) + 999n) / 1000n);

/** The feerate a fee amounts to, rounded down. */
export const feerateOf = (fee: Sat, weight: number): FeeratePerKw => feeratePerKw(Number((fee * 1000n) / BigInt(weight)));

/** sat/vB to sat/kw, rounded up. */
export const fromSatPerVbyte = (rate: number): FeeratePerKw => feeratePerKw(Math.ceil(rate * 250));
/** sat/kw to sat/vB; has up to three decimals. */
export const toSatPerVbyte = (rate: FeeratePerKw): number => rate / 250;
/** Bitcoin Core's BTC/kvB (estimatesmartfee) to sat/kw, rounded up. */
export const fromBtcPerKvbyte = (rate: number): FeeratePerKw => feeratePerKw(Math.ceil(Math.round(rate * 1e8) / 4));

/**
 * The least amount an output may have to be relayed: Bitcoin Core's GetDustThreshold at its default of 3 sat/vB. 546 for P2PKH, 540 for P2SH,
 * 294 for P2WPKH, 330 for P2WSH and P2TR, 240 for P2A, 0 for what cannot be spent.
 */
export function dustLimit(script: Bytes): Sat {
  if (script[0] === 0x6a) return sat(0);
  const output = 8 + compactSizeLength(script.length) + script.length;
  const spending = witnessProgram(script) === null ? 32 + 4 + 1 + 107 + 4 : 32 + 4 + 1 + Math.floor(107 / 4) + 4;
  return sat(3 * (output + spending));
}

/** The dust limit of a kind of script whose length is fixed. */
export const DUST_LIMIT: { readonly [K in Extract<ScriptKind, 'p2pkh' | 'p2sh' | 'p2wpkh' | 'p2wsh' | 'p2tr' | 'p2a'>]: Sat } = {
  p2pkh: sat(546),
  p2sh: sat(540),
  p2wpkh: sat(294),
  p2wsh: sat(330),
  p2tr: sat(330),
  p2a: sat(240),
};

const compactSizeLength = (value: number): number => (value < 0xfd ? 1 : value <= 0xffff ? 3 : 5);
