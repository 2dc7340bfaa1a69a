// Our anchor on our own commitment (BOLT 3, "to_local_anchor"): what a child spends that lifts the commitment to today's feerates.
import type { TxId } from '../../base/ids.ts';
import { msatToSat, type Sat, sat } from '../../base/units.ts';
import { txWeight } from '../../bitcoin/tx.ts';
import { anchorClaim, type Claim } from './claims.ts';
import { localCommitmentTx } from './force-close.ts';
import { type Channel, formatOf } from './state.ts';
import type { Env } from './types.ts';
import { snapshot } from './update.ts';

export interface OwnAnchor {
  readonly claim: Claim;
  /** The commitment as it is published. */
  readonly parent: { readonly weight: number; readonly fee: Sat };
  /** What confirmation brings us: our balance, and the HTLCs that we may claim. */
  readonly atStake: Sat;
  /** HTLCs stand in it, and each has a deadline. */
  readonly isUrgent: boolean;
}

/** The anchor of a commitment of ours that was published and is in no block; null where there is none. */
export function ownAnchor(channel: Channel, env: Env): OwnAnchor | null {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'closing' || phase.how !== 'local_force' || formatOf(params) !== 'anchors') return null;
  if (phase.spend !== null && (phase.spend.owner !== 'local' || phase.spend.height !== null)) return null;
  // Before the funding output is in the chain there is nothing to hurry.
  if (phase.funding.confirmed === null) return null;
  const tx = localCommitmentTx(params, phase, env);
  const claim = anchorClaim(tx, env.keys.channelSecrets(params.keyIndex).fundingKey);
  if (claim === null) return null;
  const content = snapshot(phase.commitments, 'local', params.isFunder);
  const claimable = content.htlcs.filter((entry) => entry.direction === 'offered' || entry.preimage !== null);
  const value = claimable.reduce((sum, { htlc }) => sum + msatToSat(htlc.amountMsat), msatToSat(content.localMsat) as bigint);
  const fee = params.capacity - tx.outputs.reduce((sum, output) => sum + output.amount, 0n);
  return { claim, parent: { weight: txWeight(tx), fee: sat(fee) }, atStake: sat(value), isUrgent: claimable.length > 0 };
}

/** The id of our commitment where another transaction than it spent the funding output: a child of it will never confirm. */
export function deadCommitment(channel: Channel): TxId | null {
  const { phase } = channel.durable;
  if (phase.kind !== 'closing' || phase.spend === null || phase.spend.height === null) return null;
  return phase.spend.owner === 'local' ? null : phase.commitments.local.txid;
}
