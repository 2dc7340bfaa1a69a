import { commanded, defineOperation } from '../define.ts';
import { directPayout, directSchema, leaseSecondsOf } from '../forms/asset-keys.ts';
import { packetJson, packetSchema } from '../forms/asset-packet.ts';
import { count, object } from '../schema.ts';

/** As long as a person with a signing device may need. */
const LEASE_SECONDS = 3600;

export const assetPsbtFund = defineOperation({
  name: 'asset.psbt.fund',
  needs: 'chain',
  params: object({ to: directSchema }, { lease_seconds: count() }),
  result: packetSchema,
  async run(context, { to, lease_seconds: lease = LEASE_SECONDS }) {
    const { runtime } = context;
    const payout = directPayout(to, { state: runtime.state.assets, keys: runtime.env().walletKeys });
    const what = { kind: 'fund_packet', request: { payouts: [payout], leaseSeconds: leaseSecondsOf(lease) } } as const;
    const { packet } = await commanded(context, { kind: 'asset', what }, 'asset_packet');
    return packetJson(packet);
  },
});
