import type { ResultOf } from '../api/index.ts';
import type { PeerJson } from '../forms/peer.ts';
import type { Style } from './style.ts';
import { facts, table } from './table.ts';

const stateOf = (peer: PeerJson, style: Style): string => (peer.state === 'up' ? style.good('up') : style.warn(peer.state));

export function peersView({ peers }: ResultOf<'peer.list'>, style: Style): string {
  if (peers.length === 0) return 'no peers; `lnkit peer connect NODE_ID@HOST:PORT` connects to one';
  const rows = peers.map((peer) => [stateOf(peer, style), peer.node_id, peer.address ?? '', `${peer.channels}`, peer.why ?? '']);
  return table(['state', 'node', 'address', 'channels>', ''], rows, style);
}

export function peerView(peer: PeerJson, style: Style): string {
  const features = peer.features.map(({ bit, name }) => name ?? `${bit}`).join(', ');
  return facts(
    [
      ['node', peer.node_id],
      ['state', stateOf(peer, style)],
      ['address', peer.address],
      ['features', features === '' ? null : features],
      ['zero-conf', peer.trusted_for_zero_conf ? 'trusted' : null],
    ],
    style,
  );
}
