import { toHex } from '../../base/bytes.ts';
import { formatOutPoint } from '../../bitcoin/tx.ts';
import { arrivalStatus } from '../../node/asset/arrivals.ts';
import type { Anchor, Arrival, AssetAddress, AssetState, Delivery, Tries } from '../../node/asset/types.ts';
import { choice, count, flag, hex, list, nullable, object, outpoint, type SchemaOf, type TypeOf, text, time } from '../schema.ts';

const units = (): SchemaOf<string> => text({ pattern: '^\\d+$', description: 'asset units' });

const tries = {
  attempts: count({ description: 'tries that failed' }),
  retry_at: nullable(time({ description: 'not tried again before' })),
  last_error: nullable(object({ code: text(), message: text() })),
};
const triesJson = ({ attempts, retryAt, lastError }: Tries) => ({
  attempts,
  retry_at: attempts === 0 ? null : retryAt,
  last_error: lastError,
});

/** `waiting`: for a confirmation of the transfer. `pending`: for the courier. */
const DELIVERY_STATES = ['waiting', 'pending', 'delivered'] as const;

export const deliverySchema = object({
  address: text(),
  courier: text(),
  amount: units(),
  state: choice(DELIVERY_STATES),
  delivered_at: nullable(time()),
  ...tries,
});

export const deliveryJson = (state: AssetState, anchor: Anchor, delivery: Delivery): TypeOf<typeof deliverySchema> => ({
  address: delivery.address,
  courier: delivery.courier,
  amount: `${state.holdings.get(delivery.key)?.facts.amount ?? 0n}`,
  state: delivery.deliveredAt !== null ? 'delivered' : anchor.block === null ? 'waiting' : 'pending',
  delivered_at: delivery.deliveredAt,
  ...triesJson(delivery),
});

const STATUSES = ['detected', 'confirmed', 'proof_received', 'completed'] as const;

export const arrivalSchema = object({
  address: text(),
  outpoint: outpoint(),
  height: nullable(count({ description: 'of the block that holds it' })),
  status: choice(STATUSES),
  proved: flag(),
  assets: list(object({ asset_id: hex(32), amount: units(), script_key: hex(33) })),
  ...tries,
});

export function arrivalJson(state: AssetState, address: AssetAddress, arrival: Arrival): TypeOf<typeof arrivalSchema> {
  const status = arrivalStatus(state, arrival);
  return {
    address: address.text,
    outpoint: formatOutPoint(arrival.outPoint),
    height: arrival.height,
    status,
    proved: status === 'completed',
    assets: arrival.parts.map(({ assetId, amount, scriptKey }) => ({
      asset_id: toHex(assetId),
      amount: `${amount}`,
      script_key: toHex(scriptKey),
    })),
    ...triesJson(arrival),
  };
}

export const arrivalsJson = (state: AssetState): readonly TypeOf<typeof arrivalSchema>[] =>
  [...state.addresses.values()].flatMap((address) => address.arrivals.map((arrival) => arrivalJson(state, address, arrival)));
