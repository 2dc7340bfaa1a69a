import { toHex } from '../../base/bytes.ts';
import type { NodeId } from '../../base/ids.ts';
import { view } from '../../bolt/channel/view.ts';
import { describeFeatures } from '../../bolt/invoice/features.ts';
import type { NodeState, Peer } from '../../node/types.ts';
import { choice, count, flag, hex, list, nullable, object, type TypeOf, text, time } from '../schema.ts';

/** A peer as `peer list` and `peer connect` print it. */
export const peerSchema = object({
  node_id: hex(33),
  address: nullable(text()),
  state: choice(['down', 'connecting', 'greeting', 'up']),
  inbound: flag(),
  trusted_for_zero_conf: flag(),
  channels: count(),
  features: list(object({ bit: count(), name: nullable(text()), required: flag() })),
  why: nullable(text({ description: 'of a peer that is down: why' })),
  since: nullable(time()),
});
export type PeerJson = TypeOf<typeof peerSchema>;

export function peerJson(state: NodeState, peer: Peer): PeerJson {
  const { session, address } = peer;
  return {
    node_id: toHex(peer.nodeId),
    address: address === null ? null : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`,
    state: session.kind,
    inbound: 'inbound' in session && session.inbound,
    trusted_for_zero_conf: peer.trustedForZeroConf,
    channels: channelsWith(state, peer.nodeId),
    features:
      session.kind === 'up' ? describeFeatures(session.remoteFeatures).map(({ bit, name, required }) => ({ bit, name, required })) : [],
    why: session.kind === 'down' ? session.why : null,
    since: 'since' in session ? session.since : null,
  };
}

function channelsWith(state: NodeState, nodeId: NodeId): number {
  const id = toHex(nodeId);
  return [...state.channels.values()].filter((channel) => toHex(view(channel).peer) === id).length;
}
