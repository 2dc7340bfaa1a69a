import { equal } from '../../base/bytes.ts';
import type { TxId } from '../../base/ids.ts';
import { type Height, type Sat, sat, type UnixTime } from '../../base/units.ts';
import { type Tx, txId } from '../../bitcoin/tx.ts';
import type { TxLabel } from '../../bolt/channel/types.ts';
import { type Coin, FINAL_DEPTH, outPointKey, type Wallet, type WalletTx } from './types.ts';

/** True where the transaction pays us, spends from us, or takes an input that an unconfirmed transaction of ours relies on. */
export function matches(wallet: Wallet, tx: Tx): boolean {
  for (const output of tx.outputs) if (mayBeOurs(output.script) && wallet.scripts.has(output.script)) return true;
  for (const input of tx.inputs) {
    const key = outPointKey(input.prevout);
    if (wallet.coins.has(key) || wallet.pending.has(key)) return true;
  }
  return false;
}

export interface Sighting {
  /** null: not in a block. */
  readonly height: Height | null;
  readonly seenAt: UnixTime;
  readonly label: TxLabel | null;
  readonly coinbase: boolean;
}

/** Writes down a transaction that matches: evicts what it conflicts with, marks what it spends, adds what it pays us. */
export function record(wallet: Wallet, tx: Tx, sighting: Sighting): Wallet {
  const id = txId(tx);
  const known = wallet.txs.get(id);
  const { next: cleared, replaced } = evictConflicts(wallet, tx, id);
  // It was only in the way of one of ours.
  if (!concerns(cleared, tx)) return cleared;
  const paid = pay(spend(cleared, tx, id, sighting.height), tx, id, sighting);
  const entry: WalletTx = {
    txid: id,
    tx,
    height: sighting.height,
    seenAt: known?.seenAt ?? sighting.seenAt,
    ...sums(paid, tx, id),
    label: known?.label ?? sighting.label,
    replaces: known?.replaces ?? replaced,
  };
  return { ...paid, txs: paid.txs.set(id, entry) };
}

/** True where a transaction of a block is written down whole already. */
export function isRecorded(wallet: Wallet, tx: Tx, height: Height): boolean {
  const id = txId(tx);
  if (wallet.txs.get(id)?.height !== height) return false;
  const paid = tx.outputs.every((output, vout) => !wallet.scripts.has(output.script) || wallet.coins.has(outPointKey({ txid: id, vout })));
  return paid && tx.inputs.every((input) => !wallet.coins.has(outPointKey(input.prevout)) || isSpentBy(wallet, input.prevout, id));
}

/** Removes an unconfirmed (or reorganised-away) transaction with all that was built on it. */
export function evict(wallet: Wallet, txid: TxId): Wallet {
  const entry = wallet.txs.get(txid);
  if (entry === undefined) return wallet;
  let next: Wallet = { ...wallet, txs: wallet.txs.delete(txid) };
  for (const vout of entry.tx?.outputs.keys() ?? []) {
    const key = outPointKey({ txid, vout });
    const spender = next.coins.get(key)?.spentBy ?? next.pending.get(key) ?? null;
    if (spender !== null) next = evict(next, spender);
    next = { ...next, coins: next.coins.delete(key) };
  }
  for (const { prevout } of entry.tx?.inputs ?? []) {
    const key = outPointKey(prevout);
    const coin = next.coins.get(key);
    if (coin !== undefined && isSpentBy(next, prevout, txid)) next = { ...next, coins: next.coins.set(key, { ...coin, spentBy: null }) };
    const relying = next.pending.get(key);
    if (relying !== undefined && equal(relying, txid)) next = { ...next, pending: next.pending.delete(key) };
  }
  return next;
}

/** A transaction of a disconnected block is unconfirmed again. */
export function demote(wallet: Wallet, entry: WalletTx): Wallet {
  let { coins, pending } = wallet;
  for (const vout of entry.tx?.outputs.keys() ?? []) {
    const key = outPointKey({ txid: entry.txid, vout });
    const coin = coins.get(key);
    if (coin !== undefined) coins = coins.set(key, { ...coin, height: null });
  }
  for (const input of entry.tx?.inputs ?? []) pending = pending.set(outPointKey(input.prevout), entry.txid);
  return { ...wallet, coins, pending, txs: wallet.txs.set(entry.txid, { ...entry, height: null }) };
}

export const isFinal = (entry: WalletTx, height: Height): boolean =>
  entry.tx !== null && entry.height !== null && height - entry.height >= FINAL_DEPTH;

/** Reduces a final transaction to its line of history, and drops the coins it spent. */
export function retire(wallet: Wallet, entry: WalletTx): Wallet {
  let coins = wallet.coins;
  for (const input of entry.tx?.inputs ?? []) coins = coins.delete(outPointKey(input.prevout));
  return { ...wallet, coins, txs: wallet.txs.set(entry.txid, { ...entry, tx: null }) };
}

/** Whoever spends the same input and is not this transaction gives way: the chain decides, and without it the newest. */
function evictConflicts(wallet: Wallet, tx: Tx, id: TxId): { readonly next: Wallet; readonly replaced: TxId | null } {
  let next = wallet;
  let replaced: TxId | null = null;
  for (const input of tx.inputs) {
    const key = outPointKey(input.prevout);
    const spender = next.coins.get(key)?.spentBy ?? next.pending.get(key) ?? null;
    if (spender === null || equal(spender, id)) continue;
    if (next.txs.get(spender)?.label === 'spend') replaced = spender;
    next = evict(next, spender);
  }
  return { next, replaced };
}

/** Marks our coins as spent, and the inputs as relied on while the transaction is unconfirmed. */
function spend(wallet: Wallet, tx: Tx, id: TxId, height: Height | null): Wallet {
  let { coins, pending } = wallet;
  for (const input of tx.inputs) {
    const key = outPointKey(input.prevout);
    const coin = coins.get(key);
    if (coin !== undefined) coins = coins.set(key, { ...coin, spentBy: id });
    pending = height === null ? pending.set(key, id) : pending.delete(key);
  }
  return { ...wallet, coins, pending };
}

function pay(wallet: Wallet, tx: Tx, id: TxId, sighting: Sighting): Wallet {
  let next = wallet;
  for (const [vout, output] of tx.outputs.entries()) {
    const path = wallet.scripts.get(output.script);
    if (path === undefined) continue;
    const outpoint = { txid: id, vout };
    const key = outPointKey(outpoint);
    const spentBy = next.coins.get(key)?.spentBy ?? next.pending.get(key) ?? null;
    const coin: Coin = { outpoint, output, path, height: sighting.height, coinbase: sighting.coinbase, spentBy };
    next = { ...next, coins: next.coins.set(key, coin) };
    // The spender was seen first: now its sums are known better.
    const spender = spentBy === null ? undefined : next.txs.get(spentBy);
    if (spender?.tx) next = { ...next, txs: next.txs.set(spender.txid, { ...spender, ...sums(next, spender.tx, spender.txid) }) };
  }
  return next;
}

/** Pays us or spends from us. */
const concerns = (wallet: Wallet, tx: Tx): boolean =>
  tx.outputs.some((output) => wallet.scripts.has(output.script)) || tx.inputs.some((input) => wallet.coins.has(outPointKey(input.prevout)));

function isSpentBy(wallet: Wallet, prevout: Coin['outpoint'], id: TxId): boolean {
  const spender = wallet.coins.get(outPointKey(prevout))?.spentBy ?? null;
  return spender !== null && equal(spender, id);
}

function sums(wallet: Wallet, tx: Tx, id: TxId): { readonly received: Sat; readonly spent: Sat; readonly fee: Sat | null } {
  let [received, spent, paid, ours] = [0n, 0n, 0n, 0];
  for (const output of tx.outputs) {
    paid += output.amount;
    if (wallet.scripts.has(output.script)) received += output.amount;
  }
  for (const input of tx.inputs) {
    const coin = wallet.coins.get(outPointKey(input.prevout));
    if (coin === undefined || !isSpentBy(wallet, input.prevout, id)) continue;
    spent += coin.output.amount;
    ours += 1;
  }
  return { received: sat(received), spent: sat(spent), fee: ours === tx.inputs.length ? sat(spent - paid) : null };
}

/** P2WPKH or P2TR by its first bytes: spares most outputs of a block the look-up. */
const mayBeOurs = (script: Uint8Array): boolean =>
  (script.length === 22 && script[0] === 0x00 && script[1] === 0x14) || (script.length === 34 && script[0] === 0x51 && script[1] === 0x20);
