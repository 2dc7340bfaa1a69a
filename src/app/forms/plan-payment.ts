import { view } from '../../bolt/channel/view.ts';
import { firstHops, paymentQuery } from '../../node/pay.ts';
import type { FirstHop, PayCommand, Route } from '../../node/types.ts';
import { jsonInteger } from '../json.ts';
import type { NodeRuntime } from '../runtime.ts';
import { type PaymentJson, refusedPayment } from './payment.ts';
import { arrivesMsat, hopsJson, routeFeeMsat } from './route-hops.ts';

type Wanted = PayCommand['payment'];

/** A dry run: the routes that the payment would take first, with their exact fees. Nothing is sent and nothing is kept. */
export function planPayment(runtime: NodeRuntime, wanted: Wanted, facts: Partial<PaymentJson>): PaymentJson {
  const env = runtime.env();
  const planned = env.plan(paymentQuery({ state: runtime.state, env }, wanted, wanted.amountMsat));
  if (!planned.ok) return { ...refusedPayment(facts, planned.failure), dry_run: true };
  const { error: _, ...rest } = refusedPayment(facts, { code: 'POLICY', message: '' });
  const parts = planned.value.map((route, id) => plannedPart(route, id));
  const fee = planned.value.reduce((sum, route) => sum + routeFeeMsat(route), 0n);
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

function plannedPart(route: Route, id: number): PaymentJson['parts'][number] {
  return {
    id,
    status: 'planned',
    amount_msat: jsonInteger(arrivesMsat(route)),
    fee_msat: jsonInteger(routeFeeMsat(route)),
    sent_at: null,
    resolved_at: null,
    hops: hopsJson(route),
  };
}
