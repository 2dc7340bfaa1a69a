import type { Bytes } from '../../base/bytes.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Sat, sat } from '../../base/units.ts';
import { feeOfWeightCeil, inputWeight, outputWeight, transactionWeight } from '../../bitcoin/fees.ts';
import { type TxOutput, txInput } from '../../bitcoin/tx.ts';
import { build, checkFeerate, checkOutput, LEAST_CHANGE, type Plan, settle, total } from './build.ts';
import { coins, spendable } from './coins.ts';
import { effectiveValue, selectExact, selectLargest } from './select.ts';
import type { BuildOptions, Coin, Spend, Wallet, WalletFailure, WalletKeys } from './types.ts';
import { handOut, peekChange, reserve } from './wallet.ts';

export interface SpendRequest extends BuildOptions {
  /** At least one. At most one with amount null: it gets all that is left after the others, the fee and `keep`. */
  readonly outputs: readonly { readonly script: Bytes; readonly amount: Sat | null }[];
}

/**
 * Makes and signs a transaction; the wallet stays as it is until the transaction is published and `addUnconfirmed` takes it in.
 *
 * Fails with USAGE (no output, dust), POLICY (fee ceilings, weight) or INSUFFICIENT_FUNDS.
 */
export function buildSpend(wallet: Wallet, keys: WalletKeys, request: SpendRequest): Result<Spend, WalletFailure> {
  const refusal = checkFeerate(request.feerate, request) ?? checkRequest(request);
  if (refusal !== null) return fail(refusal);
  const { held = [] } = request;
  const free =
    held.length === 0 ? wallet : reserve(wallet, { version: 2, inputs: held.map((each) => txInput(each, 0)), outputs: [], locktime: 0 });
  const plan = request.outputs.some((output) => output.amount === null)
    ? planEverything(free, keys, request)
    : planAmounts(free, keys, request, request.outputs as readonly TxOutput[]);
  return plan.ok ? build(plan.value, keys, request) : plan;
}

export interface FundingRequest extends BuildOptions {
  readonly script: Bytes;
  readonly amount: Sat;
}

export interface Funding extends Spend {
  /** With the coins reserved; `addUnconfirmed` or `release` ends that. */
  readonly wallet: Wallet;
  /** Where the channel's output is. */
  readonly vout: number;
}

/** Makes and signs (not publishes) the transaction that pays a channel's funding output, and reserves its coins. */
export function fundChannel(wallet: Wallet, keys: WalletKeys, request: FundingRequest): Result<Funding, WalletFailure> {
  const { script, amount } = request;
  const spend = buildSpend(wallet, keys, { ...request, outputs: [{ script, amount }] });
  if (!spend.ok) return spend;
  const { tx, change } = spend.value;
  const vout = tx.outputs.findIndex((_, i) => i !== change?.vout);
  const handed = change === null ? wallet : handOut(wallet, keys, change.path);
  return ok({ ...spend.value, vout, wallet: reserve(handed, tx) });
}

function checkRequest(request: SpendRequest): WalletFailure | null {
  if (request.outputs.length === 0) return { code: 'USAGE', message: 'there is nothing to pay' };
  if (request.outputs.filter((output) => output.amount === null).length > 1)
    return { code: 'USAGE', message: 'only one output can take everything that is left' };
  for (const { script, amount } of request.outputs) {
    const refusal = amount === null ? null : checkOutput({ script, amount });
    if (refusal !== null) return refusal;
  }
  return null;
}

function planAmounts(wallet: Wallet, keys: WalletKeys, request: SpendRequest, outputs: readonly TxOutput[]): Result<Plan, WalletFailure> {
  const { feerate } = request;
  const change = peekChange(wallet, keys);
  const { confirmed, trusted } = spendable(wallet, request.height);
  const paid = outputs.reduce((sum, output) => sum + output.amount, 0n);
  const target = sat(paid + feeOfWeightCeil(transactionWeight({ inputs: [], outputs: outputs.map((output) => output.script) }), feerate));
  const feeFor = (weight: number): Sat => feeOfWeightCeil(weight, feerate);
  const finish = (inputs: readonly Coin[]): Plan | null => {
    const settled = settle({ inputs, outputs, changeScript: change.script, feeFor });
    if (settled === null) return null;
    return { inputs, outputs, change: settled.change === null ? null : { amount: settled.change, ...change } };
  };
  // What a change output would cost now and to spend later: as much may go to the fee instead.
  const slack = feeFor(outputWeight(change.script) + inputWeight('p2tr'));
  for (const pool of [confirmed, [...confirmed, ...trusted]]) {
    const exact = selectExact(pool, { target, slack: slack < LEAST_CHANGE ? slack : LEAST_CHANGE, feerate });
    const found = exact === null ? null : finish(exact);
    const plan = found?.change === null ? found : findWithChange(pool, { target, feerate }, finish);
    if (plan !== null && leavesEnough(wallet, request, plan)) return ok(plan);
  }
  return fail(insufficient(wallet, request, sat(paid)));
}

/** Largest first; one coin more while the choice just fails (sizes of counts, rounding). */
function findWithChange(
  pool: readonly Coin[],
  part: { readonly target: Sat; readonly feerate: SpendRequest['feerate'] },
  finish: (inputs: readonly Coin[]) => Plan | null,
): Plan | null {
  let inputs = selectLargest(pool, part);
  for (;;) {
    const plan = inputs.length === 0 ? null : finish(inputs);
    if (plan !== null) return plan;
    const next = pool.find((coin) => !inputs.includes(coin) && effectiveValue(coin, part.feerate) > 0n);
    if (next === undefined) return null;
    inputs = [...inputs, next];
  }
}

function planEverything(wallet: Wallet, keys: WalletKeys, request: SpendRequest): Result<Plan, WalletFailure> {
  const { feerate, keep = sat(0) } = request;
  const { confirmed, trusted } = spendable(wallet, request.height);
  const inputs = [...confirmed, ...trusted].filter((coin) => effectiveValue(coin, feerate) > 0n);
  const change = keep > 0n ? peekChange(wallet, keys) : null;
  const scripts = [...request.outputs.map((output) => output.script), ...(change === null ? [] : [change.script])];
  const fee = feeOfWeightCeil(transactionWeight({ inputs: inputs.map((coin) => coin.path.account), outputs: scripts }), feerate);
  const fixed = request.outputs.reduce((sum, output) => sum + (output.amount ?? 0n), 0n);
  const kept = keep > 0n && keep < LEAST_CHANGE ? LEAST_CHANGE : keep;
  const rest = sat(total(inputs) - fixed - fee - kept);
  const outputs = request.outputs.map((output) => ({ script: output.script, amount: output.amount ?? rest }));
  if (rest <= 0n || outputs.some((output) => checkOutput(output) !== null)) return fail(insufficient(wallet, request, sat(fixed)));
  return ok({ inputs, outputs, change: change === null ? null : { amount: kept, ...change } });
}

function leavesEnough(wallet: Wallet, request: SpendRequest, plan: Plan): boolean {
  const { keep = sat(0) } = request;
  if (keep === 0n) return true;
  return available(wallet, request) - total(plan.inputs) + (plan.change?.amount ?? 0n) >= keep;
}

function available(wallet: Wallet, request: SpendRequest): bigint {
  const { confirmed, trusted } = spendable(wallet, request.height);
  return total(confirmed) + total(trusted);
}

function insufficient(wallet: Wallet, request: SpendRequest, needed: Sat): WalletFailure {
  const sums = { confirmed: 0n, unconfirmed: 0n, immature: 0n, reserved: 0n };
  for (const view of coins(wallet, request.height)) sums[view.state] += view.coin.output.amount;
  const free = available(wallet, request);
  const { keep = sat(0) } = request;
  const kept = keep > 0n ? `, and ${keep} sat must stay for the channels` : '';
  return {
    code: 'INSUFFICIENT_FUNDS',
    message: `the wallet can spend ${free} sat now, which does not cover ${needed} sat and the fee${kept}`,
    hint: sums.unconfirmed > 0n ? 'wait for unconfirmed money to confirm, or send more to the wallet' : 'send more to the wallet',
    details: {
      needed_sat: needed,
      spendable_sat: free,
      confirmed_sat: sums.confirmed,
      unconfirmed_sat: sums.unconfirmed,
      immature_sat: sums.immature,
      reserved_sat: sums.reserved,
      keep_sat: keep,
    },
  };
}
