import { toHex } from '../../base/bytes.ts';
import { commanded, defineOperation, notFound } from '../define.ts';
import { peerOf } from '../forms/parse.ts';
import { hex, object, text } from '../schema.ts';

export const peerDisconnect = defineOperation({
  name: 'peer.disconnect',
  needs: 'store',
  params: object({ peer: text() }),
  result: object({ node_id: hex(33) }),
  async run(context, params) {
    const { nodeId } = peerOf(params.peer);
    if (!context.runtime.state.peers.has(nodeId)) throw notFound(`${toHex(nodeId)} is not a peer`, '`lnkit peer list` shows them');
    await commanded(context, { kind: 'disconnect_peer', peer: nodeId }, 'done');
    return { node_id: toHex(nodeId) };
  },
});
