import { type Height, height, type Msat } from '../../base/units.ts';
import { extraOf, isExtra, type Problem, scidOf, targetOf } from './problem.ts';
import type { ForwardingPolicy, RouteHop } from './query.ts';

/** BOLT 7, "HTLC Fees": fee_base_msat + (amount_to_forward * fee_proportional_millionths / 1000000). */
export const forwardingFee = (
  policy: { readonly feeBaseMsat: number; readonly feeProportionalMillionths: number },
  amount: bigint,
): bigint => BigInt(policy.feeBaseMsat) + (amount * BigInt(policy.feeProportionalMillionths)) / 1_000_000n;

/** What the node that an edge leaves asks for it. */
export function policyOf(problem: Problem, edge: number): ForwardingPolicy {
  const learned = problem.adjustments.get(edge)?.policy ?? null;
  if (learned !== null) return learned;
  if (isExtra(problem, edge)) return extraOf(problem, edge);
  const { graph } = problem;
  return {
    feeBaseMsat: graph.feeBaseMsat[edge] as number,
    feeProportionalMillionths: graph.feeProportionalMillionths[edge] as number,
    cltvExpiryDelta: graph.cltvExpiryDelta[edge] as number,
  };
}

/** Amounts and expiries of a path in whole msat and heights, computed backward from what arrives (the search itself counts in doubles). */
export function exactHops(
  problem: Problem,
  edges: readonly number[],
  arrives: { readonly amountMsat: Msat; readonly cltvExpiry: Height },
): RouteHop[] {
  const hops: RouteHop[] = [];
  let amount: bigint = arrives.amountMsat;
  let expiry: number = arrives.cltvExpiry;
  for (let i = edges.length - 1; i >= 0; i--) {
    const edge = edges[i] as number;
    hops.unshift({
      nodeId: problem.idOf(targetOf(problem, edge)),
      scid: scidOf(problem, edge),
      amountMsat: amount as Msat,
      cltvExpiry: height(expiry),
    });
    const policy = policyOf(problem, edge);
    amount += forwardingFee(policy, amount);
    expiry += policy.cltvExpiryDelta;
  }
  return hops;
}
