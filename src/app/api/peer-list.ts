import { defineOperation } from '../define.ts';
import { peerJson, peerSchema } from '../forms/peer.ts';
import { list, object } from '../schema.ts';

export const peerList = defineOperation({
  name: 'peer.list',
  needs: 'peers',
  params: object({}),
  result: object({ peers: list(peerSchema) }),
  async run({ runtime: { state } }) {
    return { peers: [...state.peers.values()].map((peer) => peerJson(state, peer)) };
  },
});
