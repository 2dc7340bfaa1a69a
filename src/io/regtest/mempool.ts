import type { Bytes } from '../../base/bytes.ts';
import { toHex } from '../../base/bytes.ts';
import { type BytesMap, bytesMap } from '../../base/bytes-map.ts';
import type { TxId } from '../../base/ids.ts';
import { fail, ok, type Result } from '../../base/result.ts';
import type { Sat } from '../../base/units.ts';
import { formatBtc } from '../../bitcoin/amount.ts';
import { formatTxId, type Tx, txId, txVsize, txWeight } from '../../bitcoin/tx.ts';
import {
  type BlockNode,
  type CheckScripts,
  type Coin,
  checkAmounts,
  checkTransaction,
  coinKey,
  isCoinbase,
  isFinal,
  MAX_BLOCK_WEIGHT,
  sequenceLocksHold,
  wtxId,
} from './consensus.ts';
import { checkInputsStandard, checkStandard } from './policy.ts';

/** Unconfirmed transactions, with the admission and replacement rules of Bitcoin Core (full RBF, limits of 25 relatives). */

export interface Entry {
  readonly tx: Tx;
  readonly txid: TxId;
  readonly fee: bigint;
  readonly vsize: number;
  readonly weight: number;
  /** Unix seconds. */
  readonly time: number;
  /** Of the tip when it came. */
  readonly height: number;
  readonly order: number;
  /** Ids of the unconfirmed transactions that it spends from. */
  readonly parents: readonly TxId[];
}

/** As `sendrawtransaction` answers: the RPC code, the short reason, and what is said after it. */
export interface Reject {
  readonly code: -25 | -26 | -27;
  readonly reason: string;
  readonly details: string | null;
}

export interface Accepted {
  readonly entry: Entry;
  /** What it pushed out, descendants included. */
  readonly replaced: readonly Entry[];
}

export interface MempoolRules {
  /** sat per 1000 vB. */
  readonly minRelayFeerate: bigint;
  /** sat per 1000 vB that a replacement pays on top. */
  readonly incrementalFeerate: bigint;
}

export interface MempoolView {
  readonly tip: BlockNode;
  readonly time: number;
  readonly check: CheckScripts;
}

const MAX_RELATIVES = 25;
const MAX_RELATIVES_VSIZE = 101_000;
const MAX_REPLACED = 100;

/** A persistent value: `accept` and `without` give a new mempool, so that trying costs nothing. */
export class Mempool {
  readonly rules: MempoolRules;
  readonly entries: BytesMap<TxId, Entry>;
  /** The unconfirmed spender of an output. */
  readonly spenders: BytesMap<Bytes, TxId>;
  readonly #order: number;

  constructor(
    rules: MempoolRules,
    state: { readonly entries: BytesMap<TxId, Entry>; readonly spenders: BytesMap<Bytes, TxId>; readonly order: number } = {
      entries: bytesMap(),
      spenders: bytesMap(),
      order: 0,
    },
  ) {
    this.rules = rules;
    this.entries = state.entries;
    this.spenders = state.spenders;
    this.#order = state.order;
  }

  /** In the order of arrival, parents before children. */
  list(): readonly Entry[] {
    return [...this.entries.values()].sort((a, b) => a.order - b.order);
  }

  /** The mempool with the transaction in it, or why not. */
  accept(tx: Tx, view: MempoolView): Result<Accepted & { readonly mempool: Mempool }, Reject> {
    const found = this.#precheck(tx, view);
    if (!found.ok) return found;
    const { coins, conflicts } = found.value;
    const amounts = checkAmounts(tx, coins, view.tip.height + 1);
    if (!amounts.ok) return refuse(amounts.failure);
    const spent = coins.map((coin) => coin.output);
    const nonstandard = checkInputsStandard(tx, spent);
    if (nonstandard !== null) return refuse(nonstandard);
    const entry = this.#entry(tx, amounts.value, view);
    const least = feeAt(this.rules.minRelayFeerate, entry.vsize);
    if (entry.fee < least) return refuse('min relay fee not met', `${entry.fee} < ${least}`);
    const replaced = conflicts.length === 0 ? ok([]) : this.#checkReplacement(entry, conflicts);
    if (!replaced.ok) return replaced;
    const kept = this.without(replaced.value);
    const chained = kept.#checkRelatives(entry);
    if (chained !== null) return refuse('too-long-mempool-chain', chained);
    const fault = view.check(tx, spent);
    if (fault !== null) return refuse(`mempool-script-verify-flag-failed (${fault})`);
    return ok({ entry, replaced: replaced.value, mempool: kept.#with(entry) });
  }

  /** Without the given entries; their descendants must be among them. */
  without(gone: readonly Entry[]): Mempool {
    let { entries, spenders } = this;
    for (const entry of gone) {
      entries = entries.delete(entry.txid);
      for (const input of entry.tx.inputs) spenders = spenders.delete(coinKey(input.prevout));
    }
    return new Mempool(this.rules, { entries, spenders, order: this.#order });
  }

  /** An output that the mempool or the chain offers; `confirmed` false for the mempool's. */
  coin(key: { readonly txid: TxId; readonly vout: number }, tip: BlockNode): (Coin & { readonly confirmed: boolean }) | null {
    const parent = this.entries.get(key.txid);
    const output = parent?.tx.outputs[key.vout];
    if (output !== undefined) return { output, height: tip.height + 1, coinbase: false, confirmed: false };
    const coin = tip.coins.get(coinKey(key));
    return coin === undefined ? null : { ...coin, confirmed: true };
  }

  /** The entry and everything unconfirmed that it depends on. */
  ancestors(entry: Entry): readonly Entry[] {
    return closure([entry], (each) => each.parents.map((id) => this.entries.get(id)));
  }

  /** The entry and everything unconfirmed that depends on it. */
  descendants(entry: Entry): readonly Entry[] {
    return closure([entry], (each) => this.#children(each));
  }

  /** What a miner takes: packages of a transaction and its ancestors, by feerate, as much as fits a block. Parents come first. */
  template(maxWeight: number = MAX_BLOCK_WEIGHT - 4000): {
    readonly txs: readonly Tx[];
    readonly fees: bigint;
    readonly entries: readonly Entry[];
  } {
    const chosen: Entry[] = [];
    let taken = bytesMap<TxId, true>();
    let weight = 0;
    let waiting = this.list();
    while (waiting.length > 0) {
      let best: { readonly pack: readonly Entry[]; readonly fee: bigint; readonly vsize: bigint } | null = null;
      for (const entry of waiting) {
        const pack = entry.parents.length === 0 ? [entry] : this.ancestors(entry).filter((each) => !taken.has(each.txid));
        if (weight + pack.reduce((sum, each) => sum + each.weight, 0) > maxWeight) continue;
        const fee = pack.reduce((sum, each) => sum + each.fee, 0n);
        const vsize = BigInt(pack.reduce((sum, each) => sum + each.vsize, 0));
        if (best === null || fee * best.vsize > best.fee * vsize) best = { pack, fee, vsize };
      }
      if (best === null) break;
      for (const entry of best.pack.toSorted((a, b) => a.order - b.order)) {
        chosen.push(entry);
        taken = taken.set(entry.txid, true);
        weight += entry.weight;
      }
      waiting = waiting.filter((entry) => !taken.has(entry.txid));
    }
    return { txs: chosen.map((entry) => entry.tx), fees: chosen.reduce((sum, entry) => sum + entry.fee, 0n), entries: chosen };
  }

  #precheck(tx: Tx, { tip }: MempoolView): Result<{ readonly coins: readonly Coin[]; readonly conflicts: readonly Entry[] }, Reject> {
    const fault = checkTransaction(tx);
    if (fault !== null) return refuse(fault);
    if (isCoinbase(tx)) return refuse('coinbase');
    const nonstandard = checkStandard(tx);
    if (nonstandard !== null) return refuse(nonstandard);
    if (!isFinal(tx, tip)) return refuse('non-final');
    const txid = txId(tx);
    const same = this.entries.get(txid);
    if (same !== undefined)
      return refuse(toHex(wtxId(same.tx)) === toHex(wtxId(tx)) ? 'txn-already-in-mempool' : 'txn-same-nonwitness-data-in-mempool');
    const coins = tx.inputs.map((input) => this.coin(input.prevout, tip));
    if (!coins.every((coin) => coin !== null)) {
      // BIP 30: an output of it that is unspent on the chain shows that it has confirmed.
      if (tx.outputs.some((_, vout) => tip.coins.has(coinKey({ txid, vout })))) return refuse('txn-already-known');
      return fail({ code: -25, reason: 'bad-txns-inputs-missingorspent', details: null });
    }
    const heights = coins.map((coin) => coin.height);
    if (!sequenceLocksHold(tx, heights, tip)) return refuse('non-BIP68-final');
    let conflicts = bytesMap<TxId, Entry>();
    for (const input of tx.inputs) {
      const spender = this.spenders.get(coinKey(input.prevout));
      const entry = spender === undefined ? undefined : this.entries.get(spender);
      if (entry !== undefined) conflicts = conflicts.set(entry.txid, entry);
    }
    return ok({ coins, conflicts: [...conflicts.values()] });
  }

  /** BIP 125 as Bitcoin Core does it with full RBF: signalling is not asked for. Gives everything that would go. */
  #checkReplacement(entry: Entry, conflicts: readonly Entry[]): Result<readonly Entry[], Reject> {
    const name = formatTxId(entry.txid);
    const gone = closure(conflicts, (each) => this.#children(each));
    const parents = this.#parentsOf(entry);
    if (this.#ancestorsOf(parents).some((each) => conflicts.some((conflict) => conflict.order === each.order)))
      return refuse('bad-txns-spends-conflicting-tx', `${name} spends conflicting transaction`);
    for (const conflict of conflicts)
      if (entry.fee * BigInt(conflict.vsize) <= conflict.fee * BigInt(entry.vsize))
        return refuse('insufficient fee', `rejecting replacement ${name}; new feerate ${rate(entry)} <= old feerate ${rate(conflict)}`);
    if (gone.length > MAX_REPLACED)
      return refuse('too many potential replacements', `rejecting replacement ${name}; ${gone.length} > ${MAX_REPLACED}`);
    // BIP 125 rule 2: the replacement may spend only such unconfirmed outputs as the replaced ones did.
    const old = conflicts.flatMap((conflict) => conflict.parents);
    if (entry.parents.some((id) => !old.some((each) => toHex(each) === toHex(id))))
      return refuse('replacement-adds-unconfirmed', `replacement ${name} adds unconfirmed input`);
    const fees = gone.reduce((sum, each) => sum + each.fee, 0n);
    if (entry.fee < fees)
      return refuse('insufficient fee', `rejecting replacement ${name}, less fees than conflicting txs; ${btc(entry.fee)} < ${btc(fees)}`);
    const least = feeAt(this.rules.incrementalFeerate, entry.vsize);
    if (entry.fee - fees < least)
      return refuse(
        'insufficient fee',
        `rejecting replacement ${name}, not enough additional fees to relay; ${btc(entry.fee - fees)} < ${btc(least)}`,
      );
    return ok(gone);
  }

  #checkRelatives(entry: Entry): string | null {
    const parents = this.#parentsOf(entry);
    const ancestors = this.#ancestorsOf(parents);
    if (ancestors.length + 1 > MAX_RELATIVES) return `too many unconfirmed ancestors [limit: ${MAX_RELATIVES}]`;
    if (sizeOf(ancestors) + entry.vsize > MAX_RELATIVES_VSIZE) return `exceeds ancestor size limit [limit: ${MAX_RELATIVES_VSIZE}]`;
    for (const ancestor of ancestors) {
      const family = this.descendants(ancestor);
      if (family.length + 1 > MAX_RELATIVES) return `too many descendants for tx ${formatTxId(ancestor.txid)} [limit: ${MAX_RELATIVES}]`;
      if (sizeOf(family) + entry.vsize > MAX_RELATIVES_VSIZE)
        return `exceeds descendant size limit for tx ${formatTxId(ancestor.txid)} [limit: ${MAX_RELATIVES_VSIZE}]`;
    }
    return null;
  }

  #entry(tx: Tx, fee: bigint, { tip, time }: MempoolView): Entry {
    const parents = new Map(
      tx.inputs.filter(({ prevout }) => this.entries.has(prevout.txid)).map(({ prevout }) => [toHex(prevout.txid), prevout.txid] as const),
    );
    return {
      tx,
      txid: txId(tx),
      fee,
      vsize: txVsize(tx),
      weight: txWeight(tx),
      time,
      height: tip.height,
      order: this.#order,
      parents: [...parents.values()],
    };
  }

  #with(entry: Entry): Mempool {
    let { spenders } = this;
    for (const input of entry.tx.inputs) spenders = spenders.set(coinKey(input.prevout), entry.txid);
    return new Mempool(this.rules, { entries: this.entries.set(entry.txid, entry), spenders, order: this.#order + 1 });
  }

  #children(entry: Entry): (Entry | undefined)[] {
    return entry.tx.outputs.map((_, vout) => {
      const spender = this.spenders.get(coinKey({ txid: entry.txid, vout }));
      return spender === undefined ? undefined : this.entries.get(spender);
    });
  }

  #parentsOf(entry: Entry): readonly Entry[] {
    return entry.parents.map((id) => this.entries.get(id)).filter((each) => each !== undefined);
  }

  #ancestorsOf(parents: readonly Entry[]): readonly Entry[] {
    return closure(parents, (each) => each.parents.map((id) => this.entries.get(id)));
  }
}

export const feeAt = (feeratePerKvb: bigint, vsize: number): bigint => (feeratePerKvb * BigInt(vsize) + 999n) / 1000n;

const refuse = (reason: string, details: string | null = null): { readonly ok: false; readonly failure: Reject } =>
  fail({ code: -26, reason, details });

const btc = (amount: bigint): string => formatBtc(amount as Sat);
const rate = (entry: Entry): string => `${btc((entry.fee * 1000n) / BigInt(entry.vsize))} BTC/kvB`;
const sizeOf = (entries: readonly Entry[]): number => entries.reduce((sum, entry) => sum + entry.vsize, 0);

/** `from` and everything reached by `next`, each once. */
function closure(from: readonly Entry[], next: (entry: Entry) => readonly (Entry | undefined)[]): readonly Entry[] {
  const found = new Map<number, Entry>();
  const waiting = [...from];
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    if (found.has(entry.order)) continue;
    found.set(entry.order, entry);
    for (const each of next(entry)) if (each !== undefined) waiting.push(each);
  }
  return [...found.values()];
}
