import { type Bytes, EMPTY, equal } from '../base/bytes.ts';
import type { Preimage, ShortChannelId } from '../base/ids.ts';
import type { Height, Msat } from '../base/units.ts';
import type { ChannelEvent, ChannelView, HtlcFailure } from '../bolt/channel/types.ts';
import { view } from '../bolt/channel/view.ts';
import { buildFailure, wrapFailure } from '../bolt/onion/failure.ts';
import { encodeFailure, failureName, type OnionFailure } from '../bolt/wire/failure.ts';
import { feed } from './channels.ts';
import { channelByScid, type Draft, emit, forwardKey, INSIDE, update } from './draft.ts';
import { failHtlc, type Incoming } from './incoming.ts';
import { ownUpdate, policyOf } from './own-gossip.ts';
import type { Forward } from './types.ts';

/** BOLT 4, expiry_too_soon: what is left must let us claim downstream and then upstream. */
const MIN_BLOCKS_LEFT = 18;
/** BOLT 2, "Bounding exposure to timeout": two weeks, the usual max_htlc_cltv. */
const MAX_CLTV_EXPIRY_BLOCKS = 2016;
/** Answers to commands inside of a step are returned at once; the id only has to be there. */

interface Next {
  readonly shortChannelId: ShortChannelId;
  readonly amtToForward: Msat;
  readonly outgoingCltvValue: Height;
  readonly onion: Bytes;
}

/** Sends an HTLC on to the next hop, or fails it with what BOLT 4 wants said. */
export function forward(draft: Draft, part: Incoming, next: Next): void {
  const named = channelByScid(draft.state, next.shortChannelId);
  if (named === null) {
    failHtlc(draft, part, { name: 'unknown_next_peer' });
    return;
  }
  const refusal = policyRefusal(draft, part, next, named);
  if (refusal !== null) {
    failHtlc(draft, part, refusal);
    return;
  }
  for (const candidate of candidates(draft, named)) {
    const answer = feed(draft, candidate.channelId, {
      kind: 'add_htlc',
      id: INSIDE,
      amountMsat: next.amtToForward,
      paymentHash: part.htlc.paymentHash,
      cltvExpiry: next.outgoingCltvValue,
      onion: next.onion,
      pathKey: null,
      origin: { kind: 'forward', channelId: part.channelId, htlcId: part.htlc.id },
    });
    if (answer?.ok === true) {
      keep(draft, part, next, candidate);
      return;
    }
  }
  failHtlc(draft, part, { name: 'temporary_channel_failure', channelUpdate: ownUpdate(draft, named.channelId) ?? EMPTY });
}

function keep(draft: Draft, part: Incoming, next: Next, out: ChannelView): void {
  const row: Forward = {
    inChannel: part.channelId,
    inHtlcId: part.htlc.id,
    outChannel: out.channelId,
    sharedSecret: part.sharedSecret,
    paymentHash: part.htlc.paymentHash,
    amountInMsat: part.htlc.amountMsat,
    amountOutMsat: next.amtToForward,
    createdAt: draft.env.now,
  };
  update(draft, { forwards: draft.state.forwards.set(forwardKey(part.channelId, part.htlc.id), row) });
}

/** The named channel first, then others with the same peer (BOLT 4: non-strict forwarding). */
function candidates(draft: Draft, named: ChannelView): readonly ChannelView[] {
  const others = [...draft.state.channels.values()]
    .map(view)
    .filter((seen) => equal(seen.peer, named.peer) && !equal(seen.channelId, named.channelId));
  return [named, ...others].filter((seen) => seen.usable);
}

function policyRefusal(draft: Draft, part: Incoming, next: Next, out: ChannelView): OnionFailure | null {
  const policy = policyOf(draft, out.channelId);
  const channelUpdate = ownUpdate(draft, out.channelId) ?? EMPTY;
  const { amtToForward, outgoingCltvValue } = next;
  const { htlc } = part;
  if (amtToForward < policy.htlcMinimumMsat || amtToForward < out.htlcMinimumMsat)
    return { name: 'amount_below_minimum', htlcMsat: amtToForward, channelUpdate };
  // BOLT 7: fee_base_msat + ( amount_to_forward * fee_proportional_millionths / 1000000 )
  const fee = policy.feeBaseMsat + (amtToForward * BigInt(policy.feeProportionalMillionths)) / 1_000_000n;
  if (htlc.amountMsat < amtToForward + fee) return { name: 'fee_insufficient', htlcMsat: htlc.amountMsat, channelUpdate };
  if (htlc.cltvExpiry < outgoingCltvValue + policy.cltvExpiryDelta)
    return { name: 'incorrect_cltv_expiry', cltvExpiry: htlc.cltvExpiry, channelUpdate };
  if (outgoingCltvValue <= draft.env.height + MIN_BLOCKS_LEFT) return { name: 'expiry_too_soon', channelUpdate };
  if (outgoingCltvValue > draft.env.height + MAX_CLTV_EXPIRY_BLOCKS) return { name: 'expiry_too_far' };
  const maximum = policy.htlcMaximumMsat;
  if (maximum !== null && amtToForward > maximum) return { name: 'temporary_channel_failure', channelUpdate };
  return null;
}

/** The preimage came from downstream: claim upstream at once. */
export function forwardFulfilled(
  draft: Draft,
  origin: { readonly channelId: Forward['inChannel']; readonly htlcId: bigint },
  preimage: Preimage,
): void {
  const row = take(draft, origin, 'settled');
  if (row === null) return;
  feed(draft, row.inChannel, { kind: 'fulfill_htlc', htlcId: row.inHtlcId, preimage, attributionData: null });
}

/** Downstream is irrevocably without the HTLC: fail it upstream, wrapped for its origin. */
export function forwardFailed(
  draft: Draft,
  event: Extract<ChannelEvent, { kind: 'htlc_failed' }>,
  origin: { readonly channelId: Forward['inChannel']; readonly htlcId: bigint },
): void {
  const row = take(draft, origin, 'failed');
  if (row === null) return;
  const reason = upstreamReason(draft, row, event.failure);
  feed(draft, row.inChannel, { kind: 'fail_htlc', htlcId: row.inHtlcId, reason, attributionData: null });
}

function upstreamReason(draft: Draft, row: Forward, failure: HtlcFailure): Bytes {
  const { sharedSecret } = row;
  if (failure.kind === 'reason') return wrapFailure({ sharedSecret, packet: failure.reason, received: null, holdTime: null }).packet;
  const own = (message: OnionFailure | Bytes): Bytes =>
    buildFailure({ sharedSecret, message: message instanceof Uint8Array ? message : encodeFailure(message), holdTime: null }).packet;
  if (failure.kind === 'on_chain') return own({ name: 'permanent_channel_failure' });
  // BOLT 4: a malformed report becomes a failure of ours that carries the same code and hash.
  const name = failureName(failure.failureCode);
  if (
    name === 'invalid_onion_version' ||
    name === 'invalid_onion_hmac' ||
    name === 'invalid_onion_key' ||
    name === 'invalid_onion_blinding'
  )
    return own({ name, sha256OfOnion: failure.sha256OfOnion });
  return own({ name: 'temporary_channel_failure', channelUpdate: ownUpdate(draft, row.outChannel) ?? EMPTY });
}

function take(
  draft: Draft,
  origin: { readonly channelId: Forward['inChannel']; readonly htlcId: bigint },
  outcome: 'settled' | 'failed',
): Forward | null {
  const key = forwardKey(origin.channelId, origin.htlcId);
  const row = draft.state.forwards.get(key);
  if (row === undefined) return null;
  update(draft, { forwards: draft.state.forwards.delete(key) });
  emit(draft, { kind: 'record', row: { kind: 'forwarding', at: draft.env.now, forward: row, outcome } });
  return row;
}
