import { decodeTapAddress } from '../../asset/address/address.ts';
import { parseCourierFor } from '../../asset/address/courier.ts';
import { formatTxId } from '../../bitcoin/tx.ts';
import type { Anchor, AssetState, Delivery } from '../../node/asset/types.ts';
import { askCouriers, whileCarrying } from '../asset/couriers.ts';
import { commanded, defineOperation, notFound, usage } from '../define.ts';
import { AppError } from '../error.ts';
import { deliveryJson, deliverySchema } from '../forms/asset-custody.ts';
import { hex, list, object, text } from '../schema.ts';

interface Sent {
  readonly anchor: Anchor;
  readonly delivery: Delivery;
}

export const assetResend = defineOperation({
  name: 'asset.resend',
  needs: 'chain',
  params: object({ what: text({ description: 'the id of a transfer, or an address' }) }, { courier: text() }),
  result: object({ deliveries: list(object({ txid: hex(32), delivery: deliverySchema })) }),
  async run(context, { what, courier }) {
    const { runtime } = context;
    const found = sentTo(runtime.state.assets, what);
    if (found.length === 0) throw notFound(`nothing was sent by ${what}`, '`lnkit asset transfers` shows what was');
    for (const { anchor, delivery } of found) {
      if (courier !== undefined) checkCourier(delivery, courier);
      const action = { kind: 'redeliver', txid: anchor.txid, key: delivery.key, courier: courier ?? null } as const;
      await commanded(context, { kind: 'asset', what: action }, 'done');
    }
    await askCouriers(context, 'skipped');
    const isTried = (state: AssetState): true | null =>
      sentTo(state, what).every(({ anchor, delivery }) => anchor.block === null || delivery.deliveredAt !== null || delivery.attempts > 0)
        ? true
        : null;
    await whileCarrying(context, isTried, { message: 'the courier has not answered yet' });
    const { assets } = runtime.state;
    const after = sentTo(assets, what);
    const failed = after.find(({ delivery }) => delivery.deliveredAt === null && delivery.lastError !== null);
    if (failed !== undefined) throw notDelivered(failed);
    return {
      deliveries: after.map(({ anchor, delivery }) => ({
        txid: formatTxId(anchor.txid),
        delivery: deliveryJson(assets, anchor, delivery),
      })),
    };
  },
});

function sentTo(state: AssetState, what: string): readonly Sent[] {
  const wanted = what.toLowerCase();
  return [...state.anchors.values()].flatMap((anchor) =>
    anchor.deliveries.flatMap((delivery): readonly Sent[] =>
      formatTxId(anchor.txid) === wanted || delivery.address.toLowerCase() === wanted ? [{ anchor, delivery }] : [],
    ),
  );
}

function checkCourier({ address }: Delivery, courier: string): void {
  const decoded = decodeTapAddress(address);
  const chosen = parseCourierFor(decoded.ok ? decoded.value.address.version : 1, courier);
  if (!chosen.ok) throw usage(chosen.failure.message);
}

function notDelivered({ anchor, delivery }: Sent): AppError {
  const { code = '', message = '' } = delivery.lastError ?? {};
  const isAway = code === 'UNREACHABLE' || code === 'TIMEOUT';
  return new AppError({
    code: isAway ? 'PEER_UNREACHABLE' : code.startsWith('CHAIN_') ? 'CHAIN_UNREACHABLE' : 'PEER_ERROR',
    message: `the courier ${delivery.courier} does not have the proof: ${message}`,
    hint: 'it is tried again; --courier URL names another one',
    details: { txid: formatTxId(anchor.txid), reason: code },
  });
}
