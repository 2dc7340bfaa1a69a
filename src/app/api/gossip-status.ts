import { defineOperation } from '../define.ts';
import { countsOf, statusSchema } from '../graph/gossip.ts';
import { object } from '../schema.ts';

export const gossipStatus = defineOperation({
  name: 'gossip.status',
  needs: 'store',
  params: object({}),
  result: statusSchema,
  async run({ runtime }) {
    const status = runtime.gossip.status();
    const { synced, peers, waiting } = status;
    return { ...countsOf(status), synced, peers, waiting, assume_valid: runtime.assumesValid, learned: runtime.gossip.knowledge().size };
  },
});
