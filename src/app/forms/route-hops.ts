import { toHex } from '../../base/bytes.ts';
import { formatScid } from '../../base/ids.ts';
import { type Msat, msat } from '../../base/units.ts';
import type { Route } from '../../bolt/route/query.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, hex, object, scid, type TypeOf } from '../schema.ts';

/** What every hop of a route is told by. */
export const hopFields = { node_id: hex(33), short_channel_id: scid(), amount_msat: amount(), fee_msat: amount(), cltv_expiry: count() };
const hopSchema = object(hopFields);

/** Hops as they are printed; `fee_msat` is what the node that a hop leads to keeps for going on. */
export const hopsJson = ({ hops }: Pick<Route, 'hops'>): readonly TypeOf<typeof hopSchema>[] =>
  hops.map((hop, i) => ({
    node_id: toHex(hop.nodeId),
    short_channel_id: formatScid(hop.scid),
    amount_msat: jsonInteger(hop.amountMsat),
    fee_msat: jsonInteger(hop.amountMsat - (hops[i + 1]?.amountMsat ?? hop.amountMsat)),
    cltv_expiry: hop.cltvExpiry,
  }));

/** What arrives at the end of a route. */
export const arrivesMsat = ({ hops }: Pick<Route, 'hops'>): Msat => hops.at(-1)?.amountMsat ?? msat(0);
/** What all hops keep together. */
export const routeFeeMsat = (route: Pick<Route, 'hops'>): Msat => msat(route.hops[0].amountMsat - arrivesMsat(route));
