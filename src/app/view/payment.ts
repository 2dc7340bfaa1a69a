import { showMsat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import { showDuration } from '../duration.ts';
import type { PaymentJson } from '../forms/payment.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

function statusOf(payment: PaymentJson, style: Style): string {
  if (payment.status === 'settled') return style.good('settled');
  if (payment.status === 'planned') return style.warn('dry run: not sent');
  return payment.status === 'failed' ? style.bad('failed') : style.warn(payment.status);
}

export function paymentView(payment: PaymentJson, style: Style): string {
  const error = payment.error as { readonly message?: string; readonly hint?: string } | undefined;
  const about = facts(
    [
      ['status', statusOf(payment, style)],
      ['why', error?.message],
      ['hint', error?.hint],
      ['amount', payment.amount_msat === null ? null : showMsat(payment.amount_msat)],
      ['fee', payment.status === 'settled' || payment.status === 'planned' ? showMsat(payment.fee_msat) : null],
      ['preimage', payment.preimage],
      ['payment hash', payment.payment_hash],
      ['destination', payment.destination],
      ['took', payment.duration_ms === 0 ? null : showDuration(payment.duration_ms)],
    ],
    style,
  );
  const parts = payment.parts.map((part) => [
    part.status.replaceAll('_', ' '),
    showMsat(part.amount_msat),
    showMsat(part.fee_msat),
    part.hops.map((hop) => hop.short_channel_id).join(' > '),
  ]);
  return parts.length === 0 ? about : `${about}\n\n${table(['part', 'amount>', 'fee>', 'over'], parts, style)}`;
}

export function paymentsView({ payments }: ResultOf<'payment.list'>, style: Style): string {
  if (payments.length === 0) return 'no payments yet';
  const rows = payments.map((payment) => [
    payment.created_at === null ? '' : showTime(payment.created_at),
    statusOf(payment, style),
    payment.amount_msat === null ? '' : showMsat(payment.amount_msat),
    payment.status === 'settled' ? showMsat(payment.fee_msat) : '',
    payment.payment_hash ?? '',
    payment.destination === null ? '' : shorten(payment.destination),
  ]);
  return table(['created (UTC)', 'status', 'amount>', 'fee>', 'payment hash', 'to'], rows, style);
}

export function explainedView({ verdict, attempts }: ResultOf<'payment.explain'>, style: Style): string {
  const lines = attempts.flatMap(({ part, status, where, what, help }) => [
    `${style.dim(`${part + 1}.`)} ${status === 'failed' ? style.bad(what) : what}`,
    ...(where === null ? [] : [`   at ${where}`]),
    ...(help === null ? [] : [`   ${style.dim(`would help: ${help}`)}`]),
  ]);
  return [style.bold(verdict), ...lines].join('\n');
}
