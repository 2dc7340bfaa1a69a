// The price of sending an amount over an edge, in msat:
//
//   fee + amount * cltv_expiry_delta * risk + penalty * -ln P(the edge can carry the amount)
//
// fee and delta as BOLT 7 ("HTLC Fees") charges them; risk is the price of money that is locked (lnd's RiskFactorBillionths, 15 by default);
// P is the chance that the liquidity of the edge, somewhere in [low, high], is at least the amount. Prior 'apriori': every balance is as likely
// as every other (Pickhardt, Tikhomirov, Biryukov, Nowostawski: "Security and Privacy of Lightning Network Payments with Uncertain Channel
// Balances", 2021), with c the capacity: P = (c + 1 - a) / (c + 1) in satoshi. Prior 'bimodal': balances lie near the ends, with density
// e^(-x/s) + e^(-(c-x)/s) (as measured by lnd's bimodal estimator). What was learned narrows [low, high]. -ln P adds up along a path, so the
// cheapest path is the one that maximises exp(-cost).

export const PRIORS = ['apriori', 'bimodal'] as const;
export type Prior = (typeof PRIORS)[number];

export interface CostModel {
  readonly prior: Prior;
  /** What one unit of -ln P is worth, msat. */
  readonly penaltyMsat: number;
  /** Billionths of the amount for each block that it may be locked. */
  readonly riskBillionths: number;
  /** Scale s of the bimodal prior as a share of the capacity. */
  readonly bimodalScale: number;
}

export const DEFAULT_COSTS: CostModel = { prior: 'apriori', penaltyMsat: 100_000, riskBillionths: 15, bimodalScale: 0.1 };

/** One satoshi: balances are counted in whole satoshi, so that the whole capacity is not impossible. */
const UNIT = 1000;

/** -ln of the chance that an edge with liquidity in [low, high] carries `amount`, all in msat; Infinity where it cannot. */
export function surprise(
  model: CostModel,
  edge: { readonly capacity: number; readonly low: number; readonly high: number },
  amount: number,
): number {
  if (amount <= edge.low) return 0;
  if (amount > edge.high) return Number.POSITIVE_INFINITY;
  const span = edge.high - edge.low + UNIT;
  if (model.prior === 'apriori') return Math.log(span / (span - (amount - edge.low)));
  return bimodalSurprise(edge, amount, Math.max(UNIT, model.bimodalScale * edge.capacity));
}

function bimodalSurprise(
  edge: { readonly capacity: number; readonly low: number; readonly high: number },
  amount: number,
  scale: number,
): number {
  // The integral of the density up to x, without the factor s, which cancels.
  const mass = (x: number): number => Math.exp((x - edge.capacity) / scale) - Math.exp(-x / scale);
  const top = mass(edge.high + UNIT);
  const all = top - mass(edge.low);
  const left = top - mass(amount);
  return left <= 0 || all <= 0 ? Math.log((edge.high - edge.low + UNIT) / (edge.high - amount + UNIT)) : Math.max(0, Math.log(all / left));
}
