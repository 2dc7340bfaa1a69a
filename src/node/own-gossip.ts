import { type Bytes, compare, EMPTY, equal, utf8 } from '../base/bytes.ts';
import type { ChannelId, NodeId } from '../base/ids.ts';
import { blocks, type Msat, msat, type Sat, satToMsat, unixTime } from '../base/units.ts';
import { NETWORK_PARAMS } from '../bitcoin/network.ts';
import type { ChannelView } from '../bolt/channel/types.ts';
import { view } from '../bolt/channel/view.ts';
import { addressOf, encodeAddresses } from '../bolt/wire/address.ts';
import { nodeFeatures } from '../bolt/wire/features.ts';
import { decodeMessage, encodeMessage, type MessageNamed } from '../bolt/wire/message.ts';
import { secp } from '../crypto/ec.ts';
import { sha256d } from '../crypto/hash.ts';
import { channelView, type Draft, emit, sendTo, update } from './draft.ts';
import type { ChannelExtras, NodeEnv, Policy } from './types.ts';

/** What lnkit asks of those who forward through it, until the operator says otherwise. */
export const DEFAULT_POLICY: Policy = {
  feeBaseMsat: msat(1000),
  feeProportionalMillionths: 100,
  cltvExpiryDelta: blocks(80),
  htlcMinimumMsat: msat(1),
  htlcMaximumMsat: null,
};

/** BOLT 2, "`cltv_expiry_delta` Selection": 3R+2G+2S. With less an HTLC may be claimed downstream when it cannot be upstream any more. */
const LEAST_CLTV_EXPIRY_DELTA = 34;

/** Why a policy cannot be told or would cost money, or null. BOLT 7: the fields of channel_update have 16 and 32 bits. */
export function policyProblem(policy: Policy, capacity: Sat): string | null {
  if (policy.cltvExpiryDelta < LEAST_CLTV_EXPIRY_DELTA || policy.cltvExpiryDelta > 0xffff)
    return `a cltv delta is from ${LEAST_CLTV_EXPIRY_DELTA} to 65535 blocks`;
  if (policy.feeBaseMsat > 0xffff_ffffn || policy.feeProportionalMillionths > 0xffff_ffff) return 'the fee is too large';
  // BOLT 7: htlc_maximum_msat "MUST be less than or equal to the channel capacity".
  if (policy.htlcMaximumMsat !== null && policy.htlcMaximumMsat > satToMsat(capacity)) return 'the largest HTLC is beyond the capacity';
  return policy.htlcMinimumMsat > satToMsat(capacity) ? 'the least HTLC is beyond the capacity' : null;
}

const MUST_BE_ONE = 1;
const DONT_FORWARD = 2;
const DISABLED = 2;

export function extrasOf(draft: Draft, channelId: ChannelId): ChannelExtras {
  return (
    draft.state.extras.get(channelId) ?? {
      channelId,
      policy: draft.env.defaultPolicy,
      updateTimestamp: unixTime(0),
      remoteUpdate: null,
      announcement: null,
      openedAt: draft.env.now,
    }
  );
}

export const policyOf = (draft: Draft, channelId: ChannelId): Policy => extrasOf(draft, channelId).policy;

function setExtras(draft: Draft, extras: ChannelExtras): void {
  update(draft, { extras: draft.state.extras.set(extras.channelId, extras) });
}

/** So long we wait for the peer's channel_update before we send ours all the same. */
const PATIENCE_SECONDS = 3;

/**
 * A channel has got a name: our update for it is made, and told when the peer has told its own. A peer that is still taking the channel in
 * (lnd, for one) refuses an update of it, and remembers for long that it did.
 */
export function nameUpdate(draft: Draft, channelId: ChannelId): void {
  if (extrasOf(draft, channelId).remoteUpdate !== null) {
    refreshUpdate(draft, channelId);
    return;
  }
  stampUpdate(draft, channelId);
  update(draft, { untold: draft.state.untold.set(channelId, draft.env.now) });
}

function tellUntold(draft: Draft, channelId: ChannelId): void {
  if (!draft.state.untold.has(channelId)) return;
  update(draft, { untold: draft.state.untold.delete(channelId) });
  if (channelView(draft, channelId).phase === 'normal') resendUpdate(draft, channelId);
}

/** Time passed: a peer that says nothing hears us all the same, and what everybody knows of us is not left to grow old. */
export function tickUpdates(draft: Draft): void {
  const { now } = draft.env;
  for (const [channelId, since] of draft.state.untold.entries()) {
    if (!draft.state.channels.has(channelId)) update(draft, { untold: draft.state.untold.delete(channelId) });
    else if (now - since >= PATIENCE_SECONDS || now < since) tellUntold(draft, channelId);
  }
  tickAway(draft);
  let refreshed = false;
  for (const { channelId, announcement, updateTimestamp } of draft.state.extras.values()) {
    if (announcement === null || now - updateTimestamp <= REFRESH_SECONDS) continue;
    const channel = draft.state.channels.get(channelId);
    if (channel === undefined || view(channel).phase !== 'normal') continue;
    refreshUpdate(draft, channelId);
    refreshed = true;
  }
  if (refreshed) emit(draft, { kind: 'announce', message: nodeAnnouncement(draft.env) });
}

/** A peer that is away for so long is told to everybody; lnd waits as long. Short breaks are nobody's business. */
const DISABLE_AFTER_SECONDS = 20 * 60;
/** Back for so long, the peer is taken to stay. */
const ENABLE_AFTER_SECONDS = 60;

/** BOLT 7: the disable bit may signal a temporary unavailability, for one that the peer is offline. Both ways with a delay, so that nobody flaps. */
function tickAway(draft: Draft): void {
  const { now } = draft.env;
  for (const { channelId, announcement, toldDisabled = false } of draft.state.extras.values()) {
    const channel = draft.state.channels.get(channelId);
    if (announcement === null || channel === undefined || view(channel).phase !== 'normal') continue;
    // What is counted is how long the channel is in the state that differs from what was told.
    if (view(channel).connected === !toldDisabled) {
      if (draft.state.away.has(channelId)) update(draft, { away: draft.state.away.delete(channelId) });
      continue;
    }
    const since = draft.state.away.get(channelId);
    if (since === undefined || now < since) update(draft, { away: draft.state.away.set(channelId, now) });
    else if (now - since >= (toldDisabled ? ENABLE_AFTER_SECONDS : DISABLE_AFTER_SECONDS)) {
      setExtras(draft, { ...extrasOf(draft, channelId), toldDisabled: !toldDisabled });
      update(draft, { away: draft.state.away.delete(channelId) });
      refreshUpdate(draft, channelId);
    }
  }
}

/** A new timestamp, and the policy where it changes. */
function stampUpdate(draft: Draft, channelId: ChannelId, policy?: Policy): ChannelExtras {
  const before = extrasOf(draft, channelId);
  // BOLT 7: "MUST set timestamp ... greater than any previously-sent channel_update for this short_channel_id"
  const updateTimestamp = unixTime(Math.max(draft.env.now, before.updateTimestamp + 1));
  const extras = { ...before, policy: policy ?? before.policy, updateTimestamp };
  setExtras(draft, extras);
  return extras;
}

/** Makes a new channel_update of ours and tells the peer, and everybody where the channel is announced. */
export function refreshUpdate(draft: Draft, channelId: ChannelId, policy?: Policy): void {
  const extras = stampUpdate(draft, channelId, policy);
  const seen = channelView(draft, channelId);
  const message = signedUpdate(draft.env, seen, extras);
  if (message === null) return;
  if (extras.announcement !== null) emit(draft, { kind: 'announce', message });
  if (!draft.state.untold.has(channelId)) sendTo(draft, seen.peer, message);
}

/** A week: BOLT 7 has peers forget channels whose updates are two weeks old. */
const REFRESH_SECONDS = 7 * 24 * 3600;

/** After a reconnection: the peer hears our update again; others only where it grows old. */
export function resendUpdate(draft: Draft, channelId: ChannelId): void {
  const extras = extrasOf(draft, channelId);
  update(draft, { untold: draft.state.untold.delete(channelId) });
  if (draft.env.now - extras.updateTimestamp > REFRESH_SECONDS) {
    refreshUpdate(draft, channelId);
    return;
  }
  const seen = channelView(draft, channelId);
  const message = signedUpdate(draft.env, seen, extras);
  if (message !== null) sendTo(draft, seen.peer, message);
}

/** Our current update for a channel, as it stands in failures: with its message type. Null before the channel has a name. */
export function ownUpdate(draft: Draft, channelId: ChannelId): Bytes | null {
  const message = signedUpdate(draft.env, channelView(draft, channelId), extrasOf(draft, channelId));
  return message === null ? null : encodeMessage(message);
}

function signedUpdate(env: NodeEnv, seen: ChannelView, extras: ChannelExtras): MessageNamed<'channel_update'> | null {
  const isAnnounced = extras.announcement !== null;
  // BOLT 7: for an unannounced channel "MUST set short_channel_id to either an alias it has received from the peer, or the real one".
  const shortChannelId = isAnnounced ? seen.scid : (seen.remoteAlias ?? seen.scid);
  if (shortChannelId === null) return null;
  const maximum = extras.policy.htlcMaximumMsat ?? satToMsat(seen.capacity);
  const direction = compare(env.keys.nodeId, seen.peer) < 0 ? 0 : 1;
  const unsigned: MessageNamed<'channel_update'> = {
    name: 'channel_update',
    signature: new Uint8Array(64),
    chainHash: NETWORK_PARAMS[env.network].chainHash,
    shortChannelId,
    timestamp: extras.updateTimestamp,
    messageFlags: MUST_BE_ONE | (seen.isPublic ? 0 : DONT_FORWARD),
    channelFlags: direction | (seen.closing === null && extras.toldDisabled !== true ? 0 : DISABLED),
    cltvExpiryDelta: extras.policy.cltvExpiryDelta,
    htlcMinimumMsat: (extras.policy.htlcMinimumMsat > seen.htlcMinimumMsat ? extras.policy.htlcMinimumMsat : seen.htlcMinimumMsat) as Msat,
    feeBaseMsat: Number(extras.policy.feeBaseMsat),
    feeProportionalMillionths: extras.policy.feeProportionalMillionths,
    htlcMaximumMsat: maximum,
    tlvs: {},
  };
  return { ...unsigned, signature: secp.sign(signedHash(encodeMessage(unsigned)), env.keys.nodeSecret) };
}

/** BOLT 7: the signature covers everything behind it; it stands first, behind the two bytes of the type. */
const signedHash = (message: Bytes): Bytes => sha256d(message.subarray(2 + 64));

export function verifyUpdate(message: MessageNamed<'channel_update'>, nodeId: NodeId): boolean {
  return secp.verify(message.signature, signedHash(encodeMessage(message)), nodeId);
}

/** Both sides signed the announcement: from now on everybody may know. */
export function announced(draft: Draft, channelId: ChannelId, announcement: MessageNamed<'channel_announcement'>): void {
  setExtras(draft, { ...extrasOf(draft, channelId), announcement: encodeMessage(announcement) });
  emit(draft, { kind: 'announce', message: announcement });
  refreshUpdate(draft, channelId);
  emit(draft, { kind: 'announce', message: nodeAnnouncement(draft.env) });
}

/** BOLT 7 node_announcement of ours. */
export function nodeAnnouncement(env: NodeEnv): MessageNamed<'node_announcement'> {
  const alias = new Uint8Array(32);
  alias.set(utf8(env.alias).subarray(0, 32));
  const unsigned: MessageNamed<'node_announcement'> = {
    name: 'node_announcement',
    signature: new Uint8Array(64),
    features: nodeFeatures(),
    timestamp: env.now,
    nodeId: env.keys.nodeId,
    rgbColor: Uint8Array.of(0xf7, 0x93, 0x1a),
    alias,
    addresses: env.addresses.length === 0 ? EMPTY : encodeAddresses(env.addresses.map(addressOf)),
    tlvs: {},
  };
  return { ...unsigned, signature: secp.sign(signedHash(encodeMessage(unsigned)), env.keys.nodeSecret) };
}

/** A repeated update costs neither a signature check nor a row, an old one does not come back. Another name of the channel begins anew. */
function isNewer(known: Bytes | null, message: MessageNamed<'channel_update'>): boolean {
  const before = known === null ? null : decodeMessage(known);
  if (before?.ok !== true || before.value.name !== 'channel_update') return true;
  return before.value.shortChannelId !== message.shortChannelId || message.timestamp > before.value.timestamp;
}

/** A channel_update of the peer for one of our own channels: kept for the hints of our invoices. */
export function peerUpdate(draft: Draft, peer: NodeId, message: MessageNamed<'channel_update'>): void {
  for (const channelId of draft.state.channels.keys()) {
    const seen = channelView(draft, channelId);
    if (!equal(seen.peer, peer)) continue;
    if (![seen.scid, seen.localAlias, seen.remoteAlias].includes(message.shortChannelId)) continue;
    const before = extrasOf(draft, channelId);
    if (!isNewer(before.remoteUpdate, message) || !verifyUpdate(message, peer)) return;
    setExtras(draft, { ...before, remoteUpdate: encodeMessage(message) });
    // Its own update shows that the peer has the channel in its graph: now it can take ours.
    if (before.remoteUpdate === null && seen.phase === 'normal') resendUpdate(draft, channelId);
    return;
  }
}
