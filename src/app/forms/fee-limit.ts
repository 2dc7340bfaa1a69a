import { type Msat, msat } from '../../base/units.ts';

/** Where no limit is given: one percent, and five satoshi for small amounts. */
const DEFAULT_MAX_FEE_PERCENT = 1;
export const DEFAULT_MAX_FEE_FLOOR = msat(5_000);
export const DEFAULT_MAX_FEE_MILLIONTHS = 10_000;

interface Given {
  readonly max_fee_msat?: number | bigint;
  readonly max_fee_percent?: number;
}

/** The fee limit as given, the smaller one of two, or the default. */
export function maxFee(params: Given, amountMsat: bigint): Msat {
  const percent = (share: number): bigint => (amountMsat * BigInt(Math.round(share * 10_000))) / 1_000_000n;
  const byAmount = params.max_fee_msat === undefined ? null : BigInt(params.max_fee_msat);
  const byShare = params.max_fee_percent === undefined ? null : percent(params.max_fee_percent);
  if (byAmount !== null && byShare !== null) return msat(byAmount < byShare ? byAmount : byShare);
  const standard = percent(DEFAULT_MAX_FEE_PERCENT);
  return msat(byAmount ?? byShare ?? (standard > DEFAULT_MAX_FEE_FLOOR ? standard : DEFAULT_MAX_FEE_FLOOR));
}
