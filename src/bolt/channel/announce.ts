// `announcement_signatures` (BOLT 7): both sides sign the same `channel_announcement`.
import { type Bytes, compare } from '../../base/bytes.ts';
import type { ShortChannelId } from '../../base/ids.ts';
import { secp } from '../../crypto/ec.ts';
import { sha256d } from '../../crypto/hash.ts';
import { channelFeatures } from '../wire/features.ts';
import { encodeMessage, type MessageNamed } from '../wire/message.ts';
import { fault, warningMessage } from './faults.ts';
import { fundingDepth, realScid } from './ready.ts';
import { type Active, type Channel, type ChannelParams, withPhase, withSession } from './state.ts';
import { andThen, type Handled, handled, isReady, raise, send, stepTo } from './turn.ts';
import type { ChannelStep, Env } from './types.ts';

/** BOLT 7: "the funding transaction has at least 6 confirmations". */
export const ANNOUNCE_DEPTH = 6;

/** Type and four signatures come before what is signed. */
const SIGNED_FROM = 2 + 4 * 64;

const ZERO_SIGNATURE: Bytes = new Uint8Array(64);

interface Signatures {
  readonly node: Bytes;
  readonly bitcoin: Bytes;
}

const UNSIGNED: Signatures = { node: ZERO_SIGNATURE, bitcoin: ZERO_SIGNATURE };

function announcementOf(
  params: ChannelParams,
  scid: ShortChannelId,
  env: Env,
  ours: Signatures,
  theirs: Signatures,
): MessageNamed<'channel_announcement'> {
  const own = { id: env.keys.nodeId, key: params.local.basepoints.fundingPubkey, signatures: ours };
  const peer = { id: params.peer, key: params.remote.basepoints.fundingPubkey, signatures: theirs };
  // BOLT 7: node_id_1 is the lexicographically lesser of the two.
  const [first, second] = compare(own.id, peer.id) < 0 ? [own, peer] : [peer, own];
  return {
    name: 'channel_announcement',
    nodeSignature1: first.signatures.node,
    nodeSignature2: second.signatures.node,
    bitcoinSignature1: first.signatures.bitcoin,
    bitcoinSignature2: second.signatures.bitcoin,
    features: channelFeatures(),
    chainHash: params.chainHash as MessageNamed<'channel_announcement'>['chainHash'],
    shortChannelId: scid,
    nodeId1: first.id,
    nodeId2: second.id,
    bitcoinKey1: first.key,
    bitcoinKey2: second.key,
    tlvs: {},
  };
}

const announcementHash = (params: ChannelParams, scid: ShortChannelId, env: Env): Bytes =>
  sha256d(encodeMessage(announcementOf(params, scid, env, UNSIGNED, UNSIGNED)).subarray(SIGNED_FROM));

function ownSignatures(params: ChannelParams, scid: ShortChannelId, env: Env): Signatures {
  const hash = announcementHash(params, scid, env);
  return {
    node: secp.sign(hash, env.keys.nodeSecret),
    bitcoin: secp.sign(hash, env.keys.channelSecrets(params.keyIndex).fundingKey),
  };
}

/** BOLT 7: announce_channel, no shutdown sent, channel_ready both ways, six confirmations. */
function mayAnnounce(channel: Channel, active: Active, env: Env): boolean {
  return (
    channel.durable.params.isPublic &&
    !active.shutdown.sent &&
    isReady(active) &&
    channel.session.link === 'established' &&
    fundingDepth(active, env.height) >= ANNOUNCE_DEPTH
  );
}

function sendSignatures(channel: Channel, active: Active, env: Env): ChannelStep {
  const { params } = channel.durable;
  const scid = realScid(params, active);
  if (scid === null || !mayAnnounce(channel, active, env)) return stepTo(channel);
  const ours = ownSignatures(params, scid, env);
  return stepTo(withSession(channel, { announcementSent: true }), [
    send({
      name: 'announcement_signatures',
      channelId: params.channelId,
      shortChannelId: scid,
      nodeSignature: ours.node,
      bitcoinSignature: ours.bitcoin,
      tlvs: {},
    }),
  ]);
}

/** Once per connection while the peer's have not come; after a block, a reconnection, `channel_ready`. */
export function maybeAnnounce(channel: Channel, env: Env): ChannelStep {
  const { phase } = channel.durable;
  if (phase.kind !== 'active' || channel.session.announcementSent) return complete(channel, env);
  const step = phase.announcement.announced && phase.announcement.remote !== null ? stepTo(channel) : sendSignatures(channel, phase, env);
  return andThen(step, (next) => complete(next, env));
}

/** The peer asks for them once more (`retransmit_flags` of `my_current_funding_locked`). */
export function repeatAnnouncement(channel: Channel, env: Env): ChannelStep {
  const { phase } = channel.durable;
  return phase.kind !== 'active' || channel.session.announcementSent ? stepTo(channel) : sendSignatures(channel, phase, env);
}

export function receiveAnnouncementSignatures(
  channel: Channel,
  active: Active,
  message: MessageNamed<'announcement_signatures'>,
  env: Env,
): Handled {
  const { params } = channel.durable;
  if (!params.isPublic) return fault('bad_announcement', 'announcement_signatures for an unannounced channel');
  const scid = realScid(params, active);
  const isSigned = signedBy(params, message, env);
  const remote = { scid: message.shortChannelId, nodeSignature: message.nodeSignature, bitcoinSignature: message.bitcoinSignature };
  // BOLT 7: "If the short_channel_id doesn't match one of its funding transactions: SHOULD send a warning." Valid ones are kept all the same:
  // the peer may have seen a reorganization that we have yet to see.
  if (scid !== null && scid !== message.shortChannelId) {
    const early = isSigned ? withPhase(channel, { ...active, announcement: { remote, announced: false } }) : channel;
    return handled(early, [send(warningMessage(params.channelId, 'short_channel_id is not the one of the funding transaction'))]);
  }
  if (!isSigned) return fault('bad_announcement', 'a signature of the announcement is invalid');
  const next = withPhase(channel, { ...active, announcement: { ...active.announcement, remote } });
  // BOLT 7: "If it receives announcement_signatures for the funding transaction: MUST respond with its own".
  const step = andThen(repeatAnnouncement(next, env), (answered) => complete(answered, env));
  return handled(step.channel, step.effects);
}

function signedBy(params: ChannelParams, message: MessageNamed<'announcement_signatures'>, env: Env): boolean {
  const hash = announcementHash(params, message.shortChannelId, env);
  return (
    secp.verify(message.nodeSignature, hash, params.peer) &&
    secp.verify(message.bitcoinSignature, hash, params.remote.basepoints.fundingPubkey)
  );
}

/** Raises `announced` once both signatures are there for the confirmed short channel id. */
function complete(channel: Channel, env: Env): ChannelStep {
  const { phase, params } = channel.durable;
  if (phase.kind !== 'active' || phase.announcement.announced || phase.announcement.remote === null) return stepTo(channel);
  const scid = realScid(params, phase);
  const { remote } = phase.announcement;
  if (scid !== remote.scid || !isReady(phase) || fundingDepth(phase, env.height) < ANNOUNCE_DEPTH) return stepTo(channel);
  const theirs = { node: remote.nodeSignature, bitcoin: remote.bitcoinSignature };
  const announcement = announcementOf(params, scid, env, ownSignatures(params, scid, env), theirs);
  const next = withPhase(channel, { ...phase, announcement: { remote, announced: true } });
  return stepTo(next, [raise({ kind: 'announced', announcement })]);
}
