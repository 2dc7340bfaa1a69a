import { toHex } from '../../base/bytes.ts';
import { blocks } from '../../base/units.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { channelOf, msatOfJson } from '../forms/parse.ts';
import { policyJson, policySchema } from '../forms/policy.ts';
import { amount, count, hex, object, text } from '../schema.ts';

export const channelPolicy = defineOperation({
  name: 'channel.policy',
  needs: 'peers',
  params: object(
    { channel: text() },
    {
      fee_base_msat: amount(),
      fee_proportional_millionths: count(),
      cltv_expiry_delta: count(),
      htlc_minimum_msat: amount(),
      htlc_maximum_msat: amount(),
    },
  ),
  result: object({ channel_id: hex(32), policy: policySchema }),
  async run(context, params) {
    const { channelId } = channelOf(context.runtime.state, params.channel).seen;
    const policy = {
      ...(params.fee_base_msat === undefined ? {} : { feeBaseMsat: msatOfJson(params.fee_base_msat) }),
      ...(params.fee_proportional_millionths === undefined ? {} : { feeProportionalMillionths: params.fee_proportional_millionths }),
      ...(params.cltv_expiry_delta === undefined ? {} : { cltvExpiryDelta: blocks(params.cltv_expiry_delta) }),
      ...(params.htlc_minimum_msat === undefined ? {} : { htlcMinimumMsat: msatOfJson(params.htlc_minimum_msat) }),
      ...(params.htlc_maximum_msat === undefined ? {} : { htlcMaximumMsat: msatOfJson(params.htlc_maximum_msat) }),
    };
    // BOLT 7: the fields of channel_update have 32 and 16 bits.
    if ((policy.feeBaseMsat ?? 0n) > 0xffffffffn || (policy.feeProportionalMillionths ?? 0) > 0xffffffff)
      throw usage('the fee is too large');
    if ((policy.cltvExpiryDelta ?? 0) > 0xffff) throw usage('a cltv delta has at most 65535 blocks');
    if (Object.keys(policy).length > 0) await commanded(context, { kind: 'set_policy', channelId, policy }, 'done');
    const extras = context.runtime.state.extras.get(channelId);
    return { channel_id: toHex(channelId), policy: policyJson(extras?.policy ?? context.runtime.env().defaultPolicy) };
  },
});
