import { equal } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import { type Sat, sat } from '../../base/units.ts';
import { FEERATE_FLOOR, feeOfWeight, feeOfWeightCeil, feerateOf, toSatPerVbyte } from '../../bitcoin/fees.ts';
import { formatTxId, type Tx, type TxOutput, txWeight } from '../../bitcoin/tx.ts';
import { build, checkFeerate, type Plan, settle } from './build.ts';
import { coins, spendable } from './coins.ts';
import { effectiveValue } from './select.ts';
import {
  type BuildOptions,
  type Coin,
  type KeyPath,
  outPointKey,
  type Spend,
  type Wallet,
  type WalletFailure,
  type WalletKeys,
  type WalletTx,
} from './types.ts';
import { peekChange } from './wallet.ts';

export interface BumpRequest extends BuildOptions {
  /** An unconfirmed transaction of the wallet. `feerate` is what it (RBF) or it with its child (CPFP) shall pay. */
  readonly txid: TxId;
  /** auto: RBF where the transaction may change its id, else CPFP. */
  readonly method: 'rbf' | 'cpfp' | 'auto';
}

export interface Bump extends Spend {
  readonly method: 'rbf' | 'cpfp';
}

/** BIP 125 rule 4: what a replacement pays for its own relay, Bitcoin Core's default of 1 sat/vB. */
const INCREMENTAL_RELAY_SAT_PER_VBYTE = 1;

/**
 * Raises the fee of an unconfirmed transaction, by replacing it or by a child that pays for it; signed, not recorded.
 *
 * Fails with NOT_FOUND, USAGE (confirmed, or no gain), POLICY (may not be replaced, ceilings) or INSUFFICIENT_FUNDS.
 */
export function bumpFee(wallet: Wallet, keys: WalletKeys, request: BumpRequest): Result<Bump, WalletFailure> {
  const refusal = checkFeerate(request.feerate, request);
  if (refusal !== null) return fail(refusal);
  const entry = wallet.txs.get(request.txid);
  if (entry === undefined) return fail({ code: 'NOT_FOUND', message: `the wallet knows no transaction ${formatTxId(request.txid)}` });
  if (entry.height !== null || entry.tx === null) return fail({ code: 'USAGE', message: 'the transaction is confirmed already' });
  const victim: Unconfirmed = { ...entry, tx: entry.tx };
  const obstacle = request.method === 'cpfp' ? null : whyNotReplaceable(wallet, victim);
  if (request.method === 'rbf' && obstacle !== null) return fail({ code: 'POLICY', message: obstacle, hint: 'try --method cpfp' });
  const replace = request.method !== 'cpfp' && obstacle === null;
  const plan = replace ? planReplacement(wallet, keys, victim, request) : planChild(wallet, keys, victim, request);
  if (!plan.ok) return plan;
  // A child's own feerate is above the package's, or below it where the parent already pays more: the ceiling holds for each.
  const spend = build(plan.value.plan, keys, { ...request, feerate: plan.value.feerate });
  return spend.ok ? ok({ ...spend.value, method: replace ? 'rbf' : 'cpfp' }) : spend;
}

interface Unconfirmed extends WalletTx {
  readonly tx: Tx;
}

interface BumpPlan {
  readonly plan: Plan;
  /** The least that the new transaction pays by itself. */
  readonly feerate: BuildOptions['feerate'];
}

/** Why a transaction must keep its id, or cannot be signed anew; null where it may be replaced. */
function whyNotReplaceable(wallet: Wallet, entry: Unconfirmed): string | null {
  if (entry.label !== 'spend')
    return entry.label === null
      ? 'others made this transaction'
      : `${entry.label === 'asset' ? 'assets rely on this' : `a channel relies on this ${entry.label}`} transaction`;
  if (entry.fee === null) return 'not all of its inputs are ours';
  const family = [entry, ...descendants(wallet, entry)];
  for (const child of family) {
    if (child.label !== 'spend' && child !== entry) return `transaction ${formatTxId(child.txid)}, which spends it, would be lost`;
    for (const reserved of wallet.reservations.values())
      if (reserved.inputs.some((input) => equal(input.prevout.txid, child.txid))) return 'a channel that is being opened spends it';
  }
  // BIP 125 rule 1: a sequence below 0xfffffffe signals.
  return entry.tx.inputs.some((input) => input.sequence < 0xfffffffe) ? null : 'it does not signal that it may be replaced';
}

/** BIP 125: the same payments from the same coins with less change, more coins where that does not suffice. */
function planReplacement(wallet: Wallet, keys: WalletKeys, entry: Unconfirmed, request: BumpRequest): Result<BumpPlan, WalletFailure> {
  const old = [entry, ...descendants(wallet, entry)];
  const evictedFee = old.reduce((sum, each) => sum + (each.fee ?? 0n), 0n);
  const oldFeerate = feerateOf(entry.fee ?? sat(0), txWeight(entry.tx));
  if (request.feerate <= oldFeerate) return fail(noGain(request, oldFeerate));
  const ownChange = entry.tx.outputs.map((output) => wallet.scripts.get(output.script)).find((path) => path?.chain === 'change');
  const change = ownChange === undefined ? peekChange(wallet, keys) : { path: ownChange, script: keys.script(ownChange) };
  const outputs = entry.tx.outputs.filter((output) => ownChange === undefined || !equal(output.script, change.script));
  const feeFor = (weight: number): Sat => {
    const asked = feeOfWeightCeil(weight, request.feerate);
    // BIP 125 rules 3 and 4: at least the fees of all it evicts, and the relay of itself on top.
    const rules = evictedFee + BigInt(Math.ceil(weight / 4) * INCREMENTAL_RELAY_SAT_PER_VBYTE);
    return sat(asked > rules ? asked : rules);
  };
  const inputs = inputsOf(wallet, entry.tx);
  // BIP 125 rule 2: no new unconfirmed inputs.
  const plan = complete({ inputs, more: spendable(wallet, request.height).confirmed, outputs, change, feeFor, feerate: request.feerate });
  if (plan === null) return fail(tooPoor(request, 'replacement'));
  return ok({ plan, feerate: request.feerate });
}

/** A child that spends our outputs of the transaction and pays for both. */
function planChild(wallet: Wallet, keys: WalletKeys, entry: Unconfirmed, request: BumpRequest): Result<BumpPlan, WalletFailure> {
  const inputs = coins(wallet, request.height)
    .filter((view) => view.state === 'unconfirmed' && equal(view.coin.outpoint.txid, entry.txid))
    .map((view) => view.coin);
  if (inputs.length === 0) return fail({ code: 'USAGE', message: 'the transaction has no free output of ours that a child could spend' });
  const parents = [entry, ...ancestors(wallet, entry)];
  const parentWeight = parents.reduce((sum, each) => sum + txWeight(each.tx), 0);
  // A fee that we cannot know is taken to be the least that is relayed: the child may overpay a little and never falls short.
  const parentFee = parents.reduce((sum, each) => sum + (each.fee ?? feeOfWeight(txWeight(each.tx), FEERATE_FLOOR)), 0n);
  const now = feerateOf(sat(parentFee), parentWeight);
  if (request.feerate <= now) return fail(noGain(request, now));
  const feeFor = (weight: number): Sat => sat(feeOfWeightCeil(parentWeight + weight, request.feerate) - parentFee);
  const change = peekChange(wallet, keys);
  const more = spendable(wallet, request.height).confirmed;
  const plan = complete({ inputs, more, outputs: [], change, feeFor, feerate: request.feerate });
  return plan === null ? fail(tooPoor(request, 'child')) : ok({ plan, feerate: request.feerate });
}

/** Adds coins, largest first, until outputs and fee are covered. */
function complete(part: {
  readonly inputs: readonly Coin[];
  readonly more: readonly Coin[];
  readonly outputs: readonly TxOutput[];
  readonly change: { readonly script: TxOutput['script']; readonly path: KeyPath };
  readonly feeFor: (weight: number) => Sat;
  readonly feerate: BuildOptions['feerate'];
}): Plan | null {
  const { outputs, change, feeFor } = part;
  const more = part.more.filter((coin) => effectiveValue(coin, part.feerate) > 0n);
  for (let taken = 0; taken <= more.length; taken++) {
    const inputs = [...part.inputs, ...more.slice(0, taken)];
    const settled = settle({ inputs, outputs, changeScript: change.script, feeFor });
    if (settled !== null) return { inputs, outputs, change: settled.change === null ? null : { amount: settled.change, ...change } };
  }
  return null;
}

function inputsOf(wallet: Wallet, tx: Tx): readonly Coin[] {
  return tx.inputs.flatMap((input) => wallet.coins.get(outPointKey(input.prevout)) ?? []);
}

/** Unconfirmed transactions of the wallet that spend from this one, at any distance. */
function descendants(wallet: Wallet, entry: Unconfirmed): readonly Unconfirmed[] {
  return family(entry, (each) =>
    [...each.tx.outputs.keys()].flatMap((vout) => {
      const key = outPointKey({ txid: each.txid, vout });
      return unconfirmed(wallet, wallet.coins.get(key)?.spentBy ?? wallet.pending.get(key) ?? null);
    }),
  );
}

/** Unconfirmed transactions of the wallet that this one spends from, at any distance. */
const ancestors = (wallet: Wallet, entry: Unconfirmed): readonly Unconfirmed[] =>
  family(entry, (each) => each.tx.inputs.flatMap((input) => unconfirmed(wallet, input.prevout.txid)));

function family(entry: Unconfirmed, next: (each: Unconfirmed) => readonly Unconfirmed[]): readonly Unconfirmed[] {
  const found: Unconfirmed[] = [];
  const open: Unconfirmed[] = [entry];
  for (let each = open.pop(); each !== undefined; each = open.pop())
    for (const relative of next(each)) {
      if (found.some((known) => equal(known.txid, relative.txid))) continue;
      found.push(relative);
      open.push(relative);
    }
  return found;
}

function unconfirmed(wallet: Wallet, txid: TxId | null): readonly Unconfirmed[] {
  const entry = txid === null ? undefined : wallet.txs.get(txid);
  return entry === undefined || entry.height !== null || entry.tx === null ? [] : [{ ...entry, tx: entry.tx }];
}

const noGain = (request: BumpRequest, now: BuildOptions['feerate']): WalletFailure => ({
  code: 'USAGE',
  message: `the transaction pays ${toSatPerVbyte(now)} sat/vB already, not less than the ${toSatPerVbyte(request.feerate)} sat/vB asked for`,
  details: { feerate_per_kw: now, asked_feerate_per_kw: request.feerate },
});

const tooPoor = (request: BumpRequest, what: string): WalletFailure => ({
  code: 'INSUFFICIENT_FUNDS',
  message: `the wallet has not enough confirmed money for the fee of a ${what} at ${toSatPerVbyte(request.feerate)} sat/vB`,
  hint: 'ask for a lower fee rate, or send more to the wallet',
});
