import { toHex } from '../../base/bytes.ts';
import { commanded, defineOperation, usage } from '../define.ts';
import { peerOf } from '../forms/parse.ts';
import { peerJson, peerSchema } from '../forms/peer.ts';
import { flag, object, text } from '../schema.ts';

export const peerConnect = defineOperation({
  name: 'peer.connect',
  needs: 'peers',
  params: object({ peer: text() }, { trust_zero_conf: flag() }),
  result: peerSchema,
  async run(context, params) {
    const { runtime, signal } = context;
    const { nodeId, address } = peerOf(params.peer);
    const known = runtime.state.peers.get(nodeId)?.address ?? null;
    const to = address ?? known;
    if (to === null) throw usage(`the address of ${toHex(nodeId)} is not known`, 'give NODE_ID@HOST:PORT');
    // Before the link: our `init` tells a trusted peer that it may open zero-conf channels.
    const trusted = params.trust_zero_conf;
    if (trusted !== undefined) await commanded(context, { kind: 'trust_peer', peer: nodeId, trusted }, 'done');
    context.progress(`connecting to ${to.host}:${to.port}`);
    await runtime.connect({ nodeId, host: to.host, port: to.port }, signal);
    const peer = await runtime.until((state) => state.peers.get(nodeId) ?? null, signal);
    return peerJson(runtime.state, peer);
  },
});
