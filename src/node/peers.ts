import { assertNever } from '../base/assert.ts';
import { compare, EMPTY, equal, toHex, utf8 } from '../base/bytes.ts';
import type { ChannelId, NodeId } from '../base/ids.ts';
import { type UnixTime, unixTime } from '../base/units.ts';
import { NETWORK_PARAMS } from '../bitcoin/network.ts';
import { channelIdOf } from '../bolt/channel/state.ts';
import { view } from '../bolt/channel/view.ts';
import { isVersion2Type } from '../bolt/gossip/version-2.ts';
import { checkFeatures, combineFeatures, initFeatures, negotiatedFeatures } from '../bolt/wire/features.ts';
import { type Message, type MessageName, type MessageNamed, messageType } from '../bolt/wire/message.ts';
import { printable } from '../bolt/wire/setup.ts';
import { channelOf, disconnect, feed, openMessage } from './channels.ts';
import { channelView, type Draft, emit, log, sendTo, setPeer, update } from './draft.ts';
import { peerUpdate } from './own-gossip.ts';
import type { NodeInput, Peer, PeerSession } from './types.ts';

/** Silence after which we ask whether the peer is there, and after which it is not. */
const PING_AFTER_SECONDS = 60;
const GONE_AFTER_SECONDS = 30;
const GREETING_SECONDS = 30;
/** Reconnection: 1 s, doubled up to this. */
const MAX_BACKOFF_SECONDS = 300;
/** A link that lasted so long was a good one: the back-off begins anew. Shorter ones go on with it, up to 16 s. */
const STABLE_SECONDS = 60;
const MAX_ATTEMPTS_KEPT = 4;
/** Two links of opposite directions within this time: both sides dialled at the same moment. */
const RACE_SECONDS = 10;
/** Inbound peers without a channel: node ids cost nothing, so their number is bounded. */
const MAX_STRANGERS = 200;
/** Of one link so many errors and warnings are logged and recorded. */
const MAX_COMPLAINTS = 20;
const ALL_CHANNELS = new Uint8Array(32) as ChannelId;

export const DOWN: PeerSession = { kind: 'down', attempts: 0, retryAt: unixTime(0), why: 'never connected' };

export function newPeer(nodeId: NodeId): Peer {
  return { nodeId, address: null, trustedForZeroConf: false, wanted: false, session: DOWN };
}

export function linkUp(draft: Draft, input: Extract<NodeInput, { kind: 'link_up' }>): void {
  const before = draft.state.peers.get(input.peer) ?? newPeer(input.peer);
  const refused = reasonAgainst(draft, before, input);
  if (refused !== null) {
    emit(draft, { kind: 'close_link', link: input.link, peer: input.peer, why: refused });
    return;
  }
  // The newest link wins: the old one may be dead without our knowing.
  if (before.session.kind === 'up' || before.session.kind === 'greeting') {
    emit(draft, { kind: 'close_link', link: before.session.link, peer: input.peer, why: 'replaced by a newer connection' });
    goDown(draft, before, 'replaced by a newer connection');
  }
  const attempts = Math.min(before.session.attempts, MAX_ATTEMPTS_KEPT);
  setPeer(draft, {
    ...before,
    address: input.inbound ? before.address : (input.address ?? before.address),
    session: { kind: 'greeting', link: input.link, inbound: input.inbound, since: draft.env.now, attempts },
  });
  sendTo(draft, input.peer, {
    name: 'init',
    globalfeatures: EMPTY,
    features: ownInit(before),
    tlvs: { networks: [NETWORK_PARAMS[draft.env.network].chainHash] },
  });
}

function reasonAgainst(draft: Draft, before: Peer, input: Extract<NodeInput, { kind: 'link_up' }>): string | null {
  const { session } = before;
  if (session.kind === 'up' || session.kind === 'greeting') {
    const age = draft.env.now - session.since;
    const isRace = session.inbound !== input.inbound && age >= 0 && age <= RACE_SECONDS;
    // Each side would call another link the newest one, and close the other's for ever. As other nodes do it: the one that the smaller
    // node id dialled stays.
    const inboundStays = compare(draft.state.nodeId, input.peer) > 0;
    return isRace && input.inbound !== inboundStays ? 'both sides connected at the same moment' : null;
  }
  if (!input.inbound || isKept(draft, before)) return null;
  let strangers = 0;
  for (const peer of draft.state.peers.values())
    if ((peer.session.kind === 'up' || peer.session.kind === 'greeting') && peer.session.inbound && !isKept(draft, peer)) strangers++;
  return strangers >= MAX_STRANGERS ? 'too many peers without a channel' : null;
}

/** Whether a peer is remembered when its link is gone. One that only came and went leaves nothing behind. */
const isKept = (draft: Draft, peer: Peer): boolean =>
  peer.address !== null || peer.wanted || peer.trustedForZeroConf || channelsOf(draft, peer.nodeId).length > 0;

const ownInit = (peer: Peer): Uint8Array => initFeatures({ zeroconf: peer.trustedForZeroConf ? 'offered' : 'absent' });

export function linkDown(draft: Draft, input: Extract<NodeInput, { kind: 'link_down' }>): void {
  const peer = draft.state.peers.get(input.peer);
  if (peer === undefined || !isLink(peer, input.link)) return;
  goDown(draft, peer, input.why);
}

export function linkFailed(draft: Draft, input: Extract<NodeInput, { kind: 'link_failed' }>): void {
  const peer = draft.state.peers.get(input.peer);
  if (peer?.session.kind !== 'connecting') return;
  setPeer(draft, { ...peer, session: down(draft, peer.session.attempts, input.why) });
}

function goDown(draft: Draft, peer: Peer, why: string): void {
  const { session } = peer;
  if (session.kind === 'up') {
    emit(draft, { kind: 'peer_gone', link: session.link, peer: peer.nodeId });
    for (const channelId of channelsOf(draft, peer.nodeId)) feed(draft, channelId, { kind: 'disconnected' });
  }
  if (!isKept(draft, peer)) {
    update(draft, { peers: draft.state.peers.delete(peer.nodeId) });
    return;
  }
  const lasted = session.kind === 'up' ? draft.env.now - session.since : 0;
  setPeer(draft, { ...peer, session: down(draft, lasted >= STABLE_SECONDS ? 0 : session.attempts, why) });
}

function down(draft: Draft, attempts: number, why: string): PeerSession {
  const wait = Math.min(2 ** attempts, MAX_BACKOFF_SECONDS);
  return { kind: 'down', attempts: Math.min(attempts + 1, 16), retryAt: unixTime(draft.env.now + wait), why };
}

const isLink = (peer: Peer, link: number): boolean =>
  (peer.session.kind === 'up' || peer.session.kind === 'greeting') && peer.session.link === link;

export function channelsOf(draft: Draft, peer: NodeId): readonly ChannelId[] {
  const ids: ChannelId[] = [];
  for (const [id, channel] of draft.state.channels.entries()) if (equal(view(channel).peer, peer)) ids.push(id);
  return ids;
}

export function malformed(draft: Draft, input: Extract<NodeInput, { kind: 'malformed_message' }>): void {
  const peer = draft.state.peers.get(input.peer);
  if (peer === undefined || !isLink(peer, input.link)) return;
  if (GOSSIP_TYPES.has(input.type)) emit(draft, { kind: 'gossip_malformed', link: input.link, peer: input.peer, type: input.type });
  // A draft may change: a peer that speaks another revision of it has done nothing wrong.
  if (isVersion2Type(input.type) && input.type % 2 === 1) return;
  // BOLT 1: an unreadable message of even type cannot be ignored; one of odd type that we know was meant to be understood as well.
  sendTo(draft, input.peer, {
    name: 'warning',
    channelId: ALL_CHANNELS,
    data: utf8(`malformed message ${input.type}: ${input.why}`),
    tlvs: {},
  });
  disconnect(draft, input.peer, `malformed message ${input.type}: ${input.why}`);
}

const GOSSIP: ReadonlySet<MessageName> = new Set<MessageName>([
  'channel_announcement',
  'node_announcement',
  'channel_update',
  'query_short_channel_ids',
  'reply_short_channel_ids_end',
  'query_channel_range',
  'reply_channel_range',
  'gossip_timestamp_filter',
  'announcement_signatures_2',
  'channel_announcement_2',
  'node_announcement_2',
  'channel_update_2',
]);
const GOSSIP_TYPES: ReadonlySet<number> = new Set([...GOSSIP].map(messageType));

/** A message of a peer. Returns the gossip and channel parts to their rooms. */
export function message(draft: Draft, input: Extract<NodeInput, { kind: 'message' }>): void {
  const peer = draft.state.peers.get(input.peer);
  if (peer === undefined || !isLink(peer, input.link)) return;
  if (peer.session.kind === 'greeting') {
    greet(draft, peer, input);
    return;
  }
  if (peer.session.kind !== 'up') return;
  setPeer(draft, { ...peer, session: { ...peer.session, lastHeard: draft.env.now, pingSentAt: null } });
  const { message: received } = input;
  if (received.name === 'unknown') {
    // BOLT 1: "upon receiving a message of even, unknown type: MUST close the connection"
    if (received.type % 2 === 0) {
      sendTo(draft, input.peer, { name: 'warning', channelId: ALL_CHANNELS, data: utf8(`unknown message ${received.type}`), tlvs: {} });
      disconnect(draft, input.peer, `unknown even message ${received.type}`);
    }
    return;
  }
  if (received.name === 'channel_update') peerUpdate(draft, input.peer, received);
  if (GOSSIP.has(received.name)) {
    emit(draft, { kind: 'gossip', link: input.link, peer: input.peer, message: received });
    return;
  }
  switch (received.name) {
    case 'ping':
      pong(draft, input.peer, received);
      return;
    case 'pong':
    case 'init':
    case 'onion_message':
    case 'peer_storage':
    case 'peer_storage_retrieval':
      return;
    case 'error':
    case 'warning':
      complaint(draft, input.peer, received);
      return;
    case 'open_channel':
      openMessage(draft, input.peer, received);
      return;
    default:
      channelMessage(draft, input.peer, received);
  }
}

function greet(draft: Draft, peer: Peer, input: Extract<NodeInput, { kind: 'message' }>): void {
  const init = input.message;
  if (init.name !== 'init') {
    // BOLT 1: "MUST send init as the first Lightning message for any connection"
    disconnect(draft, peer.nodeId, 'the first message was not init');
    return;
  }
  const remote = combineFeatures(init.globalfeatures, init.features);
  const checked = checkFeatures(remote);
  if (!checked.ok) {
    const why =
      checked.failure.kind === 'unknown_required'
        ? `needs features ${checked.failure.bits.join(', ')}`
        : `${checked.failure.feature} without ${checked.failure.needs}`;
    disconnect(draft, peer.nodeId, `the peer ${why}`);
    return;
  }
  const { chainHash } = NETWORK_PARAMS[draft.env.network];
  if (init.tlvs.networks !== undefined && !init.tlvs.networks.some((hash: Uint8Array) => equal(hash, chainHash))) {
    disconnect(draft, peer.nodeId, 'the peer is on other networks');
    return;
  }
  if (peer.session.kind !== 'greeting') return;
  const features = negotiatedFeatures({ local: ownInit(peer), remote });
  const { link, inbound, attempts } = peer.session;
  const now = draft.env.now;
  setPeer(draft, {
    ...peer,
    session: {
      ...{ kind: 'up', link, inbound, remoteFeatures: remote, features, since: now, lastHeard: now, pingSentAt: null },
      ...{ attempts, complaints: 0 },
    },
  });
  emit(draft, { kind: 'peer_ready', link, peer: peer.nodeId, features });
  for (const channelId of channelsOf(draft, peer.nodeId)) feed(draft, channelId, { kind: 'connected', features, remoteFeatures: remote });
}

/** Pongs share their bytes: a peer asks for 64 KiB with each of its pings. */
const IGNORED = new Uint8Array(65531);

function pong(draft: Draft, peer: NodeId, ping: MessageNamed<'ping'>): void {
  // BOLT 1: "if num_pong_bytes is less than 65532: MUST respond by sending a pong"
  if (ping.numPongBytes < 65532) sendTo(draft, peer, { name: 'pong', ignored: IGNORED.subarray(0, ping.numPongBytes), tlvs: {} });
}

function complaint(draft: Draft, nodeId: NodeId, received: MessageNamed<'error' | 'warning'>): void {
  const peer = draft.state.peers.get(nodeId);
  if (peer?.session.kind !== 'up') return;
  const complaints = peer.session.complaints + 1;
  setPeer(draft, { ...peer, session: { ...peer.session, complaints } });
  const isFlood = complaints > MAX_COMPLAINTS;
  if (!isFlood) log(draft, 'warn', `${received.name} of ${toHex(nodeId)}: ${printable(received.data)}`);
  const all = equal(received.channelId, ALL_CHANNELS);
  for (const channelId of channelsOf(draft, nodeId)) {
    if (!all && !equal(channelId, received.channelId)) continue;
    // Each is a line in the log and a row in the store. Of a flood only what still fails a channel counts.
    if (isFlood && (received.name === 'warning' || channelView(draft, channelId).closing !== null)) continue;
    feed(draft, channelId, { kind: 'message', message: received });
  }
}

function channelMessage(draft: Draft, peer: NodeId, received: Message): void {
  const channelId = received.name === 'funding_signed' ? temporaryIdOf(draft, peer, received.channelId) : channelOf(received);
  const channel = channelId === null ? undefined : draft.state.channels.get(channelId);
  if (channelId !== null && channel !== undefined && equal(view(channel).peer, peer)) {
    feed(draft, channelId, { kind: 'message', message: received });
    return;
  }
  if (channelId === null) return;
  // BOLT 2, channel_reestablish: "MUST send an error" for a channel that is not known, so that the peer can end it.
  sendTo(draft, peer, { name: 'error', channelId, data: utf8('unknown channel'), tlvs: {} });
}

/** `funding_signed` is the first message under the final id; our channel stands under the temporary one until it is handled. */
function temporaryIdOf(draft: Draft, peer: NodeId, channelId: ChannelId): ChannelId {
  for (const id of channelsOf(draft, peer)) {
    const outpoint = channelView(draft, id).fundingOutpoint;
    if (outpoint !== null && equal(channelIdOf(outpoint), channelId)) return id;
  }
  return channelId;
}

/** Time passed: asks the silent, drops the dead, reconnects the wanted. */
export function tickPeers(draft: Draft): void {
  for (const peer of draft.state.peers.values()) {
    const { session } = peer;
    switch (session.kind) {
      case 'up':
        tickLink(draft, peer, session);
        break;
      case 'greeting':
        if (isOver(draft, session.since, GREETING_SECONDS + 1)) disconnect(draft, peer.nodeId, 'no init came');
        break;
      case 'down':
        if (isWanted(draft, peer) && isDue(draft, session.retryAt)) dial(draft, peer);
        break;
      case 'connecting':
        break;
      default:
        assertNever(session, 'session');
    }
  }
}

/** A clock that was set back must not make us wait for what it said before. */
const isOver = (draft: Draft, since: UnixTime, seconds: number): boolean => draft.env.now - since >= seconds || draft.env.now < since;
const isDue = (draft: Draft, at: UnixTime): boolean => draft.env.now >= at || at - draft.env.now > MAX_BACKOFF_SECONDS;

function tickLink(draft: Draft, peer: Peer, session: Extract<PeerSession, { kind: 'up' }>): void {
  if (session.pingSentAt !== null && draft.env.now >= session.pingSentAt) {
    if (draft.env.now - session.pingSentAt > GONE_AFTER_SECONDS) disconnect(draft, peer.nodeId, 'no answer to a ping');
    return;
  }
  if (!isOver(draft, session.lastHeard, PING_AFTER_SECONDS)) return;
  setPeer(draft, { ...peer, session: { ...session, pingSentAt: draft.env.now } });
  sendTo(draft, peer.nodeId, { name: 'ping', numPongBytes: 1, ignored: EMPTY, tlvs: {} });
}

function isWanted(draft: Draft, peer: Peer): boolean {
  if (peer.address === null) return false;
  return peer.wanted || channelsOf(draft, peer.nodeId).length > 0;
}

export function dial(draft: Draft, peer: Peer): void {
  if (peer.address === null) return;
  const attempts = peer.session.kind === 'down' ? peer.session.attempts : 0;
  setPeer(draft, { ...peer, session: { kind: 'connecting', attempts } });
  emit(draft, { kind: 'connect', peer: peer.nodeId, address: peer.address });
}

/** When the peer is next dialled, for the commands that show it. */
export const retryAt = (peer: Peer): UnixTime | null => (peer.session.kind === 'down' ? peer.session.retryAt : null);
