import { type Bytes, compare } from '../../base/bytes.ts';
import { type BytesMap, bytesMap } from '../../base/bytes-map.ts';
import { type Height, type Sat, sat } from '../../base/units.ts';
import { COINBASE_MATURITY, type Coin, outPointKey, type Wallet, type WalletTx } from './types.ts';

export type CoinState = 'confirmed' | 'unconfirmed' | 'immature' | 'reserved';

export interface CoinView {
  readonly coin: Coin;
  readonly state: CoinState;
  /** 0 while unconfirmed. */
  readonly confirmations: number;
}

/** Every coin that no known transaction spends. */
export function coins(wallet: Wallet, height: Height): readonly CoinView[] {
  const held = reservedOutPoints(wallet);
  const views: CoinView[] = [];
  for (const [key, coin] of wallet.coins.entries()) {
    if (coin.spentBy !== null) continue;
    const confirmations = coin.height === null ? 0 : Math.max(0, height - coin.height + 1);
    views.push({ coin, state: held.has(key) ? 'reserved' : stateOf(coin, height), confirmations });
  }
  return views;
}

export interface Balance {
  /** Confirmed and free to spend. */
  readonly confirmed: Sat;
  /** In no block yet; counts our own change. */
  readonly unconfirmed: Sat;
  /** Coinbase outputs not yet COINBASE_MATURITY deep. */
  readonly immature: Sat;
  /** Held by transactions that are signed and not published. */
  readonly reserved: Sat;
}

export function balance(wallet: Wallet, height: Height): Balance {
  const sums: { [S in CoinState]: bigint } = { confirmed: 0n, unconfirmed: 0n, immature: 0n, reserved: 0n };
  for (const view of coins(wallet, height)) sums[view.state] += view.coin.output.amount;
  return { confirmed: sat(sums.confirmed), unconfirmed: sat(sums.unconfirmed), immature: sat(sums.immature), reserved: sat(sums.reserved) };
}

export interface Spendable {
  /** In blocks, mature, not reserved. */
  readonly confirmed: readonly Coin[];
  /** Unconfirmed, but nobody other than us can undo them: our own change and sweeps. */
  readonly trusted: readonly Coin[];
}

/** The coins that a new transaction may use, largest first; equal ones in the order of their out points, so that the choice repeats. */
export function spendable(wallet: Wallet, height: Height): Spendable {
  const confirmed: Coin[] = [];
  const trusted: Coin[] = [];
  for (const { coin, state } of coins(wallet, height)) {
    if (state === 'confirmed') confirmed.push(coin);
    else if (state === 'unconfirmed' && isTrusted(wallet, coin)) trusted.push(coin);
  }
  return { confirmed: confirmed.sort(largestFirst), trusted: trusted.sort(largestFirst) };
}

/** One line of history, newest first: unconfirmed ones, then by height. `amount` is what the balance gained, negative where it lost. */
export interface HistoryLine extends Omit<WalletTx, 'tx'> {
  readonly amount: bigint;
  readonly confirmations: number;
}

export function history(wallet: Wallet, height: Height): readonly HistoryLine[] {
  const lines = [...wallet.txs.values()].map(({ tx: _, ...entry }) => ({
    ...entry,
    amount: entry.received - entry.spent,
    confirmations: entry.height === null ? 0 : Math.max(0, height - entry.height + 1),
  }));
  const rank = (line: HistoryLine): number => line.height ?? Number.MAX_SAFE_INTEGER;
  return lines.sort((a, b) => rank(b) - rank(a) || b.seenAt - a.seenAt || compare(a.txid, b.txid));
}

/** The unconfirmed transactions that lnkit itself made and that should be in a mempool, parents before children. */
export function unconfirmedOwn(wallet: Wallet): readonly WalletTx[] {
  const left = new Map([...wallet.txs.entries()].filter(([, e]) => e.height === null && e.label !== null && e.tx !== null));
  const sorted: WalletTx[] = [];
  const visit = (id: WalletTx['txid'], entry: WalletTx): void => {
    if (!left.delete(id)) return;
    for (const input of entry.tx?.inputs ?? [])
      for (const [parentId, parent] of left) if (compare(parentId, input.prevout.txid) === 0) visit(parentId, parent);
    sorted.push(entry);
  };
  for (const [id, entry] of [...left]) visit(id, entry);
  return sorted;
}

function stateOf(coin: Coin, height: Height): CoinState {
  if (coin.height === null) return 'unconfirmed';
  // Consensus: a coinbase output may be spent in a block 100 above its own, which is the next block once the chain is at 99 above.
  return coin.coinbase && height + 1 - coin.height < COINBASE_MATURITY ? 'immature' : 'confirmed';
}

function reservedOutPoints(wallet: Wallet): BytesMap<Bytes, true> {
  let held = bytesMap<Bytes, true>();
  for (const tx of wallet.reservations.values()) for (const input of tx.inputs) held = held.set(outPointKey(input.prevout), true);
  return held;
}

/** All inputs were ours, or it sweeps what only we could spend. Of a transaction with assets our change: who else pays us there may take it back. */
function isTrusted(wallet: Wallet, coin: Coin): boolean {
  const entry = wallet.txs.get(coin.outpoint.txid);
  if (entry === undefined || entry.label === null) return false;
  return entry.fee !== null || entry.label === 'sweep' || (entry.label === 'asset' && coin.path.chain === 'change');
}

function largestFirst(a: Coin, b: Coin): number {
  if (a.output.amount !== b.output.amount) return a.output.amount > b.output.amount ? -1 : 1;
  return compare(outPointKey(a.outpoint), outPointKey(b.outpoint));
}
