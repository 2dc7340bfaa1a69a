import { showMsat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import type { InvoiceJson } from '../forms/invoice.ts';
import type { Style } from './style.ts';
import { facts, showTime, table } from './table.ts';

function stateOf(invoice: InvoiceJson, style: Style): string {
  if (invoice.state === 'settled') return style.good('settled');
  return invoice.state === 'open' ? 'open' : style.warn(invoice.state);
}

export function createdView(result: ResultOf<'invoice.create'>, style: Style): string {
  const about = facts(
    [
      ['amount', result.amount_msat === null ? 'any' : showMsat(result.amount_msat)],
      ['payment hash', result.payment_hash],
      ['expires', `${showTime(result.expires_at)} UTC`],
    ],
    style,
  );
  return `${result.bolt11}\n${about}`;
}

export function invoicesView({ invoices }: ResultOf<'invoice.list'>, style: Style): string {
  if (invoices.length === 0) return 'no invoices; `lnkit invoice create AMOUNT` makes one';
  const rows = invoices.map((invoice) => [
    showTime(invoice.created_at),
    stateOf(invoice, style),
    invoice.amount_msat === null ? 'any' : showMsat(invoice.amount_msat),
    invoice.amount_received_msat === 0 ? '' : showMsat(invoice.amount_received_msat),
    invoice.payment_hash,
    invoice.description,
  ]);
  return table(['created (UTC)', 'state', 'amount>', 'received>', 'payment hash', 'description'], rows, style);
}

export function invoiceView({ invoice }: { readonly invoice: InvoiceJson }, style: Style): string {
  return facts(
    [
      ['state', stateOf(invoice, style)],
      ['amount', invoice.amount_msat === null ? 'any' : showMsat(invoice.amount_msat)],
      ['received', invoice.amount_received_msat === 0 ? null : showMsat(invoice.amount_received_msat)],
      ['description', invoice.description],
      ['payment hash', invoice.payment_hash],
      ['preimage', invoice.preimage],
      ['created', `${showTime(invoice.created_at)} UTC`],
      ['expires', `${showTime(invoice.expires_at)} UTC`],
      ['invoice', invoice.bolt11],
    ],
    style,
  );
}
