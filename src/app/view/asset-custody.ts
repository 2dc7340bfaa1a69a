import type { ResultOf } from '../api/index.ts';
import type { Style } from './style.ts';
import { shorten, table } from './table.ts';

export function receivesView({ receives }: ResultOf<'asset.receives'>, style: Style): string {
  if (receives.length === 0) return 'nothing has arrived';
  const rows = receives.map((each) => [
    each.status === 'completed' ? style.good(each.status) : style.warn(each.status.replace('_', ' ')),
    each.assets.map(({ amount, asset_id: id }) => `${amount} of ${id.slice(0, 8)}`).join(', '),
    each.height === null ? '' : `${each.height}`,
    shorten(each.outpoint),
    shorten(each.address),
    each.last_error?.message ?? '',
  ]);
  return table(['status', 'assets', 'block>', 'output', 'address', 'last error'], rows, style);
}

export function resentView({ deliveries }: ResultOf<'asset.resend'>, style: Style): string {
  const rows = deliveries.map(({ txid, delivery }) => [
    delivery.state === 'delivered' ? style.good('delivered') : style.warn(delivery.state),
    delivery.amount,
    shorten(delivery.address),
    delivery.courier,
    shorten(txid),
  ]);
  return table(['proof', 'units>', 'address', 'courier', 'transaction'], rows, style);
}
