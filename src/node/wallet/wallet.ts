import { type Bytes, equal } from '../../base/bytes.ts';
import { bytesMap } from '../../base/bytes-map.ts';
import type { OutPoint, TxId } from '../../base/ids.ts';
import type { Height, UnixTime } from '../../base/units.ts';
import { ACCOUNT_KINDS, KEY_CHAINS } from '../../bitcoin/hd.ts';
import { type Tx, type TxOutput, txId } from '../../bitcoin/tx.ts';
import type { TxLabel } from '../../bolt/channel/types.ts';
import { demote, evict, isFinal, isRecorded, matches, record, retire } from './record.ts';
import {
  type AccountKind,
  type ChainCursor,
  type ChainCursors,
  GAP_LIMIT,
  type KeyChain,
  type KeyPath,
  outPointKey,
  type Wallet,
  type WalletDurable,
  type WalletKeys,
} from './types.ts';

const FRESH: ChainCursor = { next: 0, used: 0 };
const FRESH_CURSORS: ChainCursors = { p2tr: { receive: FRESH, change: FRESH }, p2wpkh: { receive: FRESH, change: FRESH } };

/** A wallet that has seen nothing yet. */
export const newWallet = (keys: WalletKeys): Wallet => restoreWallet({ cursors: FRESH_CURSORS, coins: bytesMap(), txs: bytesMap() }, keys);

/** The wallet of what was stored. */
export function restoreWallet(durable: WalletDurable, keys: WalletKeys): Wallet {
  let wallet: Wallet = { ...durable, scripts: bytesMap(), pending: bytesMap(), reservations: bytesMap() };
  for (const account of ACCOUNT_KINDS)
    for (const chain of KEY_CHAINS) wallet = watchMore(wallet, keys, account, chain, { from: 0, to: watchedUpTo(wallet, account, chain) });
  let pending = wallet.pending;
  for (const entry of durable.txs.values())
    if (entry.height === null) for (const input of entry.tx?.inputs ?? []) pending = pending.set(outPointKey(input.prevout), entry.txid);
  return { ...wallet, pending };
}

/** Every script that a block source must look for. Grows as addresses are used. */
export const scriptsToWatch = (wallet: Wallet): readonly Bytes[] => [...wallet.scripts.keys()];

/** The path of a script of ours, or null. */
export const pathOfScript = (wallet: Wallet, script: Bytes): KeyPath | null => wallet.scripts.get(script) ?? null;

/** The path of an output that an input of a PSBT claims to spend; null where it is not ours, or not the coin we know under that out point. */
export function pathOfCoin(wallet: Wallet, input: { readonly prevout: OutPoint; readonly output: TxOutput }): KeyPath | null {
  const coin = wallet.coins.get(outPointKey(input.prevout));
  if (coin !== undefined && (coin.output.amount !== input.output.amount || !equal(coin.output.script, input.output.script))) return null;
  return pathOfScript(wallet, input.output.script);
}

export interface NewScript {
  readonly wallet: Wallet;
  readonly script: Bytes;
  readonly path: KeyPath;
}

/**
 * An address script to hand out. When GAP_LIMIT of them wait unused, the first unused one is handed out again: a rescan from the seed finds
 * everything this wallet ever gave out.
 */
export function newScript(wallet: Wallet, keys: WalletKeys, account: AccountKind = 'p2tr', chain: KeyChain = 'receive'): NewScript {
  const cursor = wallet.cursors[account][chain];
  const full = cursor.next - cursor.used >= GAP_LIMIT;
  const index = full ? cursor.used : cursor.next;
  const path: KeyPath = { account, chain, index };
  const moved = full ? wallet : moveCursor(wallet, keys, path, { next: cursor.next + 1, used: cursor.used });
  return { wallet: moved, script: keys.script(path), path };
}

/** The script that the next change goes to. Looking does not use it up; a transaction that pays it does. */
export function peekChange(
  wallet: Wallet,
  keys: WalletKeys,
  account: AccountKind = 'p2tr',
): { readonly script: Bytes; readonly path: KeyPath } {
  const { next, used } = wallet.cursors[account].change;
  const path: KeyPath = { account, chain: 'change', index: next - used >= GAP_LIMIT ? used : next };
  return { script: keys.script(path), path };
}

/** Marks a script as handed out. */
export function handOut(wallet: Wallet, keys: WalletKeys, path: KeyPath): Wallet {
  const cursor = wallet.cursors[path.account][path.chain];
  if (path.index < cursor.next) return wallet;
  return moveCursor(wallet, keys, path, { next: path.index + 1, used: cursor.used });
}

export interface WalletBlock {
  readonly height: Height;
  readonly time: UnixTime;
  /** All transactions in block order, or at least every one that touches `scriptsToWatch` or an unconfirmed transaction's inputs. */
  readonly txs: readonly Tx[];
}

/** Takes in a block. The same wallet comes back where the block does not concern it. */
export function connectBlock(wallet: Wallet, keys: WalletKeys, block: WalletBlock): Wallet {
  let next = wallet;
  let before: Wallet;
  // A payment may widen the watched range so far that an earlier transaction of the same block now matters: look again until nothing changes.
  do {
    before = next;
    for (const [i, tx] of block.txs.entries()) {
      if (!matches(next, tx) || isRecorded(next, tx, block.height)) continue;
      next = record(next, tx, { height: block.height, seenAt: block.time, label: null, coinbase: i === 0 && isCoinbase(tx) });
      next = extend(next, keys, tx);
    }
  } while (before !== next);
  if (next === wallet) return wallet;
  for (const entry of next.txs.values()) if (isFinal(entry, block.height)) next = retire(next, entry);
  return next;
}

/** Takes back the block at `height`: its transactions are unconfirmed again, its coinbase is gone. Blocks go from the top down. */
export function disconnectBlock(wallet: Wallet, height: Height): Wallet {
  let next = wallet;
  for (const entry of wallet.txs.values()) {
    if (entry.height !== height || !next.txs.has(entry.txid)) continue;
    next = entry.tx !== null && isCoinbase(entry.tx) ? evict(next, entry.txid) : demote(next, entry);
  }
  return next;
}

/**
 * Takes in a transaction that is not in a block: our own when it is published (`label` says what for), or one seen in the mempool. What
 * it conflicts with and is unconfirmed is replaced by it; where it conflicts with a block it is ignored.
 */
export function addUnconfirmed(
  wallet: Wallet,
  keys: WalletKeys,
  part: { readonly tx: Tx; readonly now: UnixTime; readonly label: TxLabel | null },
): Wallet {
  const { tx, now, label } = part;
  const id = txId(tx);
  const freed = wallet.reservations.has(id) ? { ...wallet, reservations: wallet.reservations.delete(id) } : wallet;
  const known = freed.txs.get(id);
  if (known !== undefined) {
    if (label === null || known.label !== null) return freed;
    return { ...freed, txs: freed.txs.set(id, { ...known, label }) };
  }
  if (!matches(freed, tx) || spendsConfirmedSpent(freed, tx)) return freed;
  return extend(record(freed, tx, { height: null, seenAt: now, label, coinbase: false }), keys, tx);
}

/** Forgets an unconfirmed transaction that will never confirm, and what was built on it. Coins that it spent are free again. */
export function forgetUnconfirmed(wallet: Wallet, txid: TxId): Wallet {
  const entry = wallet.txs.get(txid);
  return entry === undefined || entry.height !== null ? wallet : evict(wallet, txid);
}

/** Holds the inputs of a signed transaction that is not published yet. */
export const reserve = (wallet: Wallet, tx: Tx): Wallet => ({ ...wallet, reservations: wallet.reservations.set(txId(tx), tx) });

/** The transaction will never be published: its inputs are free again. */
export function release(wallet: Wallet, tx: Tx): Wallet {
  const reservations = wallet.reservations.delete(txId(tx));
  return reservations.size === wallet.reservations.size ? wallet : { ...wallet, reservations };
}

const isCoinbase = (tx: Tx): boolean => tx.inputs.length === 1 && tx.inputs[0]?.prevout.vout === 0xffffffff;

/** A block already spends one of its inputs otherwise. */
function spendsConfirmedSpent(wallet: Wallet, tx: Tx): boolean {
  return tx.inputs.some((input) => {
    const spender = wallet.coins.get(outPointKey(input.prevout))?.spentBy ?? null;
    return spender !== null && wallet.txs.get(spender)?.height !== null;
  });
}

/** Moves the cursors of the scripts that a transaction pays. */
function extend(wallet: Wallet, keys: WalletKeys, tx: Tx): Wallet {
  let next = wallet;
  for (const output of tx.outputs) {
    const path = next.scripts.get(output.script);
    if (path === undefined) continue;
    const cursor = next.cursors[path.account][path.chain];
    const used = Math.max(cursor.used, path.index + 1);
    if (used !== cursor.used) next = moveCursor(next, keys, path, { used, next: Math.max(cursor.next, used) });
  }
  return next;
}

function moveCursor(wallet: Wallet, keys: WalletKeys, { account, chain }: KeyPath, cursor: ChainCursor): Wallet {
  const from = watchedUpTo(wallet, account, chain);
  const cursors = { ...wallet.cursors, [account]: { ...wallet.cursors[account], [chain]: cursor } };
  const moved = { ...wallet, cursors };
  return watchMore(moved, keys, account, chain, { from, to: watchedUpTo(moved, account, chain) });
}

function watchedUpTo(wallet: WalletDurable, account: AccountKind, chain: KeyChain): number {
  const { next, used } = wallet.cursors[account][chain];
  return Math.max(next, used) + GAP_LIMIT;
}

function watchMore(
  wallet: Wallet,
  keys: WalletKeys,
  account: AccountKind,
  chain: KeyChain,
  range: { readonly from: number; readonly to: number },
): Wallet {
  let scripts = wallet.scripts;
  for (let index = range.from; index < range.to; index++) {
    const path: KeyPath = { account, chain, index };
    scripts = scripts.set(keys.script(path), path);
  }
  return scripts === wallet.scripts ? wallet : { ...wallet, scripts };
}
