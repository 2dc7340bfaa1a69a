import { assert } from '../../base/assert.ts';
import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type FeeratePerKw, type Sat, sat } from '../../base/units.ts';
import { compareOutPoints } from '../../bitcoin/bip69.ts';
import { dustLimit, feeOfWeightCeil, feerateOf, toSatPerVbyte, transactionWeight } from '../../bitcoin/fees.ts';
import { signP2trInput, signP2wpkhInput } from '../../bitcoin/sign.ts';
import { type Tx, type TxOutput, txInput } from '../../bitcoin/tx.ts';
import type { Random } from '../../bolt/channel/types.ts';
import {
  type BuildOptions,
  type Coin,
  DEFAULT_FEE_LIMITS,
  type KeyPath,
  type Spend,
  type WalletFailure,
  type WalletKeys,
} from './types.ts';

/** Change below this goes to the fee: spending it later would cost more than it is worth at most feerates. */
export const LEAST_CHANGE: Sat = sat(1_000);
/** BIP 125: signals that the transaction may be replaced; also lets the lock time count. */
export const RBF_SEQUENCE = 0xfffffffd;
/** Bitcoin Core relays nothing heavier. */
export const MAX_STANDARD_WEIGHT = 400_000;

export interface Plan {
  readonly inputs: readonly Coin[];
  readonly outputs: readonly TxOutput[];
  readonly change: { readonly amount: Sat; readonly script: Bytes; readonly path: KeyPath } | null;
}

/** Puts a plan into a signed transaction, after a last look at its fee. */
export function build(plan: Plan, keys: WalletKeys, options: BuildOptions): Result<Spend, WalletFailure> {
  const inputs = [...plan.inputs].sort((a, b) => compareOutPoints(a.outpoint, b.outpoint));
  const outputs = [...plan.outputs];
  const { change } = plan;
  let vout: number | null = null;
  if (change !== null) {
    vout = below(options.random, outputs.length + 1);
    outputs.splice(vout, 0, { amount: change.amount, script: change.script });
  }
  const weight = weightOf(inputs, outputs);
  const fee = sat(total(inputs) - outputs.reduce((sum, output) => sum + output.amount, 0n));
  const refusal = checkFee({ fee, weight }, options);
  if (refusal !== null) return fail(refusal);
  // Each step up to here aims at the feerate: less would be a bug, and a stuck transaction.
  assert(fee >= feeOfWeightCeil(weight, options.feerate), 'the fee is below the feerate asked for');
  const unsigned: Tx = {
    version: 2,
    inputs: inputs.map((coin) => txInput(coin.outpoint, RBF_SEQUENCE)),
    outputs,
    locktime: locktime(options),
  };
  const spend = {
    fee,
    weight,
    inputs,
    change: change === null || vout === null ? null : { vout, amount: change.amount, path: change.path },
  };
  return ok({ ...spend, tx: signInputs(unsigned, inputs, keys) });
}

/** Signs every input; `coins` are what they spend, in order. */
export function signInputs(tx: Tx, coins: readonly Coin[], keys: WalletKeys): Tx {
  const prevouts = coins.map((coin) => coin.output);
  const inputs = tx.inputs.map((input, index) => {
    const coin = coins[index] as Coin;
    const privateKey = keys.privateKey(coin.path);
    const witness =
      coin.path.account === 'p2tr'
        ? signP2trInput({ tx, index, prevouts, privateKey })
        : signP2wpkhInput({ tx, index, amount: coin.output.amount, privateKey });
    return { ...input, witness };
  });
  return { ...tx, inputs };
}

/** Splits what is left after outputs and fee: change where it is worth an output, else a larger fee. null where it does not suffice. */
export function settle(part: {
  readonly inputs: readonly Coin[];
  readonly outputs: readonly TxOutput[];
  readonly changeScript: Bytes;
  /** The least fee for a transaction of this weight. */
  readonly feeFor: (weight: number) => Sat;
}): { readonly change: Sat | null } | null {
  const left = total(part.inputs) - part.outputs.reduce((sum, output) => sum + output.amount, 0n);
  const scripts = part.outputs.map((output) => output.script);
  const kinds = part.inputs.map((coin) => coin.path.account);
  const change = left - part.feeFor(transactionWeight({ inputs: kinds, outputs: [...scripts, part.changeScript] }));
  if (change >= LEAST_CHANGE) return { change: sat(change) };
  const bare = left - part.feeFor(transactionWeight({ inputs: kinds, outputs: scripts }));
  // A transaction needs an output: without a payment the change is it.
  return bare >= 0n && scripts.length > 0 ? { change: null } : null;
}

export const total = (coins: readonly Coin[]): Sat => sat(coins.reduce((sum, coin) => sum + coin.output.amount, 0n));

export const weightOf = (inputs: readonly Coin[], outputs: readonly TxOutput[]): number =>
  transactionWeight({ inputs: inputs.map((coin) => coin.path.account), outputs: outputs.map((output) => output.script) });

/** Refuses a feerate that is no feerate or above the ceiling, before any work is done. */
export function checkFeerate(feerate: FeeratePerKw, options: BuildOptions): WalletFailure | null {
  const { maxFeerate } = options.limits ?? DEFAULT_FEE_LIMITS;
  if (!Number.isSafeInteger(feerate) || feerate <= 0) return { code: 'USAGE', message: 'the fee rate is not a positive number' };
  return feerate <= maxFeerate ? null : tooHighFeerate(feerate, maxFeerate);
}

function checkFee({ fee, weight }: { readonly fee: Sat; readonly weight: number }, options: BuildOptions): WalletFailure | null {
  const { maxFee, maxFeerate } = options.limits ?? DEFAULT_FEE_LIMITS;
  if (weight > MAX_STANDARD_WEIGHT)
    return {
      code: 'POLICY',
      message: `the transaction would weigh ${weight}, and ${MAX_STANDARD_WEIGHT} is the most that is relayed: too many coins for one`,
      hint: 'send a smaller amount first',
      details: { weight, max_weight: MAX_STANDARD_WEIGHT },
    };
  if (fee > maxFee)
    return {
      code: 'POLICY',
      message: `the fee would be ${fee} sat, above the ceiling of ${maxFee} sat`,
      hint: 'lower the fee rate, or raise the ceiling',
      details: { fee_sat: fee, max_fee_sat: maxFee },
    };
  // A small transaction whose change became fee may pass the feerate by the change it gave up; that alone is no reason to refuse it.
  const feerate = feerateOf(sat(fee > LEAST_CHANGE ? fee - LEAST_CHANGE : 0n), weight);
  return feerate > maxFeerate ? tooHighFeerate(feerate, maxFeerate) : null;
}

const tooHighFeerate = (feerate: FeeratePerKw, max: FeeratePerKw): WalletFailure => ({
  code: 'POLICY',
  message: `a fee rate of ${toSatPerVbyte(feerate)} sat/vB is above the ceiling of ${toSatPerVbyte(max)} sat/vB`,
  hint: 'lower the fee rate, or raise the ceiling',
  details: { feerate_per_kw: feerate, max_feerate_per_kw: max },
});

export function checkOutput(output: { readonly script: Bytes; readonly amount: Sat }): WalletFailure | null {
  const least = dustLimit(output.script);
  if (output.amount >= least && output.amount >= 0n) return null;
  return {
    code: 'USAGE',
    message: `${output.amount} sat is dust for this address: ${least} sat is the least that is relayed`,
    details: { amount_sat: output.amount, dust_limit_sat: least },
  };
}

/** Bitcoin Core's measure against fee sniping: final at the next block, and now and then a bit earlier, so that late signers do not stand out. */
function locktime({ height, random }: BuildOptions): number {
  if (below(random, 10) !== 0) return height;
  return Math.max(0, height - below(random, 100));
}

/** Uniform in 0 to `limit` - 1, up to a bias of limit / 2^32. */
function below(random: Random, limit: number): number {
  const bytes = random(4);
  return (((bytes[0] as number) | ((bytes[1] as number) << 8) | ((bytes[2] as number) << 16) | ((bytes[3] as number) << 24)) >>> 0) % limit;
}
