import { showSat } from '../amount.ts';
import type { ResultOf } from '../api/index.ts';
import type { Style } from './style.ts';
import { facts, shorten, showTime, table } from './table.ts';

export const keysView = ({ script_key, internal_key }: ResultOf<'asset.keys'>, style: Style): string =>
  facts(
    [
      ['script key', script_key],
      ['internal key', internal_key],
    ],
    style,
  );

export function bumpedView(result: ResultOf<'asset.bump'>, style: Style): string {
  const verdict = result.published ? style.good('sent') : style.warn('dry run: not sent');
  return facts(
    [
      ['transaction', `${result.txid} (${verdict})`],
      ['how', result.method === 'rbf' ? 'in the place of the old one' : 'a child that pays for it'],
      ['fee', showSat(result.fee_sat)],
    ],
    style,
  );
}

export function leasesView({ leases }: ResultOf<'asset.lease.list'>, style: Style): string {
  if (leases.length === 0) return 'nothing is held back';
  const rows = leases.map((each) => [each.outpoint, each.purpose, shorten(each.id), showTime(each.expires_at)]);
  return table(['output', 'for', 'id', 'until (UTC)'], rows, style);
}
