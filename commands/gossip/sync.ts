import { arg, flag } from '../../src/app/command.ts';
import { durationSeconds } from '../../src/app/duration.ts';
import { given, operationCommand } from '../../src/app/operation-command.ts';
import { gossipView } from '../../src/app/view/graph.ts';

export default operationCommand({
  operation: 'gossip.sync',
  summary: 'learn the graph from peers',
  description:
    'Every signature is checked, and every funding output is looked up in the chain. With --assume-valid the second is left out: a peer can then ' +
    'make you believe in channels that do not exist (it must sign them), which makes routes fail and costs no money. ' +
    'Where two peers tell different things of a channel, the first is believed.',
  examples: ['gossip sync', 'gossip sync 02...@203.0.113.5:9735 --assume-valid'],
  args: { peers: arg.rest('NODE_ID@HOST:PORT to ask; else the peers of our channels') },
  flags: { 'assume-valid': flag.boolean('do not look funding outputs up in the chain') },
  params: ({ args, flags }) => ({
    peers: args.peers,
    ...(flags['assume-valid'] ? { assume_valid: true } : {}),
    ...given({ seconds: flags.timeout === undefined ? undefined : durationSeconds(flags.timeout) }),
  }),
  view: gossipView,
});
