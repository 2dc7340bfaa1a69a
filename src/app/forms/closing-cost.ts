import { type FeeratePerKw, type Sat, sat } from '../../base/units.ts';
import { feeOfWeight } from '../../bitcoin/fees.ts';
import type { ChannelView } from '../../bolt/channel/types.ts';

/** BOLT 3, "Expected Weight of the Commitment Transaction" with anchors, one HTLC output, and of a closing transaction of two P2TR outputs. */
const COMMITMENT_WEIGHT = 1124;
const HTLC_OUTPUT_WEIGHT = 172;
const CLOSING_WEIGHT = 770;
const ANCHOR_SAT = 330n;

/** What closing costs us: the fee of the transaction where we pay it, and in a force close the two anchors. */
export function closingCost(seen: ChannelView, how: { readonly force: boolean; readonly feerate: FeeratePerKw }): Sat {
  if (!how.force) return feeOfWeight(CLOSING_WEIGHT, how.feerate);
  if (!seen.isFunder) return sat(0);
  const anchors = seen.channelType.includes('option_anchors') ? 2n * ANCHOR_SAT : 0n;
  return sat(feeOfWeight(COMMITMENT_WEIGHT + seen.htlcs.length * HTLC_OUTPUT_WEIGHT, seen.feeratePerKw) + anchors);
}
