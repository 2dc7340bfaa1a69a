import { arg, flag } from '../../src/app/command.ts';
import { operationCommand } from '../../src/app/operation-command.ts';
import { peerView } from '../../src/app/view/peer.ts';

export default operationCommand({
  operation: 'peer.connect',
  summary: 'connect to a node',
  args: { peer: arg.text('NODE_ID@HOST:PORT', { completes: 'peers' }) },
  flags: { 'trust-zero-conf': flag.boolean('let it open channels that are used before they confirm') },
  params: ({ args, flags }) => ({ peer: args.peer, ...(flags['trust-zero-conf'] ? { trust_zero_conf: true } : {}) }),
  view: peerView,
});
