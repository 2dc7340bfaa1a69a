import type { Policy } from '../../node/types.ts';
import { jsonInteger } from '../json.ts';
import { amount, count, nullable, object, type TypeOf } from '../schema.ts';

/** What we ask of those who forward through a channel (BOLT 7). */
export const policySchema = object({
  fee_base_msat: amount(),
  fee_proportional_millionths: count(),
  cltv_expiry_delta: count(),
  htlc_minimum_msat: amount(),
  htlc_maximum_msat: nullable(amount()),
});
export type PolicyJson = TypeOf<typeof policySchema>;

export const policyJson = (policy: Policy): PolicyJson => ({
  fee_base_msat: jsonInteger(policy.feeBaseMsat),
  fee_proportional_millionths: policy.feeProportionalMillionths,
  cltv_expiry_delta: policy.cltvExpiryDelta,
  htlc_minimum_msat: jsonInteger(policy.htlcMinimumMsat),
  htlc_maximum_msat: policy.htlcMaximumMsat === null ? null : jsonInteger(policy.htlcMaximumMsat),
});
