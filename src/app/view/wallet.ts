import { showSat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

export function balanceView(result: ResultOf<'wallet.balance'>, style: Style): string {
  const { confirmed_sat, unconfirmed_sat, immature_sat, reserved_sat } = result;
  const some = (amount: number | bigint): string | null => (amount > 0 ? showSat(amount) : null);
  return facts(
    [
      ['confirmed', style.bold(showSat(confirmed_sat))],
      ['unconfirmed', some(unconfirmed_sat)],
      ['immature', some(immature_sat)],
      ['reserved', some(reserved_sat)],
    ],
    style,
  );
}

export function utxosView({ utxos }: ResultOf<'wallet.utxos'>, style: Style): string {
  if (utxos.length === 0) return 'no coins; `lnkit wallet address` gives an address to fund';
  const rows = utxos.map((coin) => [showSat(coin.amount_sat), coin.state, `${coin.confirmations}`, coin.outpoint, coin.address ?? '']);
  return table(['amount>', 'state', 'confirmations>', 'output', 'address'], rows, style);
}

export function historyView({ transactions }: ResultOf<'wallet.history'>, style: Style): string {
  if (transactions.length === 0) return 'no transactions yet';
  const rows = transactions.map((tx) => [
    showTime(tx.seen_at),
    tx.amount_sat < 0 ? style.bad(`${tx.amount_sat} sat`) : style.good(`+${showSat(tx.amount_sat)}`),
    tx.fee_sat === null ? '' : showSat(tx.fee_sat),
    tx.label ?? '',
    tx.height === null ? 'unconfirmed' : `${tx.height}`,
    shorten(tx.txid),
  ]);
  return table(['time (UTC)', 'amount>', 'fee>', 'for', 'block>', 'transaction'], rows, style);
}

export function spendView(result: ResultOf<'wallet.send'>, style: Style): string {
  const verdict = result.published ? style.good('sent') : style.warn(result.dry_run ? 'dry run: not sent' : 'not sent');
  return facts(
    [
      ['transaction', `${result.txid} (${verdict})`],
      ['fee', `${showSat(result.fee_sat)} (${result.fee_rate_sat_per_vbyte} sat/vB, ${result.vsize} vB)`],
    ],
    style,
  );
}
