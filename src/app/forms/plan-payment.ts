import { toHex } from '../../base/bytes.ts';
import { formatScid } from '../../base/ids.ts';
import type { Msat } from '../../base/units.ts';
import { view } from '../../bolt/channel/view.ts';
import { firstHops, paymentQuery } from '../../node/pay.ts';
import type { FirstHop, PayCommand, Route } from '../../node/types.ts';
import { jsonInteger } from '../json.ts';
import type { NodeRuntime } from '../runtime.ts';
import { type PaymentJson, refusedPayment } from './payment.ts';

type Wanted = PayCommand['payment'];

/** A dry run: the routes that the payment would take first, with their exact fees. Nothing is sent and nothing is kept. */
export function planPayment(runtime: NodeRuntime, wanted: Wanted, facts: Partial<PaymentJson>): PaymentJson {
  const env = runtime.env();
  const planned = env.plan(paymentQuery({ state: runtime.state, env }, wanted, wanted.amountMsat));
  if (!planned.ok) return { ...refusedPayment(facts, planned.failure), dry_run: true };
  const { error: _, ...rest } = refusedPayment(facts, { code: 'POLICY', message: '' });
  const parts = planned.value.map((route, id) => plannedPart(route, id));
  const fee = planned.value.reduce((sum, route) => sum + feeOf(route), 0n);
  return { ...rest, status: 'planned', fee_msat: jsonInteger(fee), parts, dry_run: true };
}

/** Our channels that the payment may leave by, as they are now. */
export const ownFirstHops = (runtime: NodeRuntime, wanted: Wanted): readonly FirstHop[] => firstHops(runtime, wanted);

/** What we could send if every peer were connected. */
export const offlineMsat = (runtime: NodeRuntime): bigint =>
  [...runtime.state.channels.values()]
    .map(view)
    .filter(({ phase, connected }) => phase === 'normal' && !connected)
    .reduce((sum, { localMsat }) => sum + localMsat, 0n);

const feeOf = (route: Route): bigint => route.hops[0].amountMsat - (route.hops.at(-1)?.amountMsat ?? 0n);

function plannedPart(route: Route, id: number): PaymentJson['parts'][number] {
  const { hops } = route;
  return {
    id,
    status: 'planned',
    amount_msat: jsonInteger(hops.at(-1)?.amountMsat ?? (0n as Msat)),
    fee_msat: jsonInteger(feeOf(route)),
    sent_at: null,
    resolved_at: null,
    hops: hops.map((hop, i) => ({
      node_id: toHex(hop.nodeId),
      short_channel_id: formatScid(hop.scid),
      amount_msat: jsonInteger(hop.amountMsat),
      fee_msat: jsonInteger(hop.amountMsat - (hops[i + 1]?.amountMsat ?? hop.amountMsat)),
      cltv_expiry: hop.cltvExpiry,
    })),
  };
}
