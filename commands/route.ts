import { arg, defineCommand, flag } from '../src/app/command.ts';
import { exitCodeOf, isErrorCode } from '../src/app/error.ts';
import { routeCommand } from '../src/app/graph/route-command.ts';
import { routeView } from '../src/app/view/graph.ts';

export default defineCommand({
  summary: 'routes over the stored graph, without starting a node',
  description: 'From our own channels, or from any node with --from. Nothing is sent. Exit 4 where there is no route.',
  examples: [
    'route 02... 100000sat',
    'route 02... 100000sat --from 03... --explain',
    'route 02... 5000000sat --parts 8 --export q.route',
    'route --replay q.route',
  ],
  args: {
    destination: arg.optional('node id or BOLT 11 invoice; not with --replay'),
    amount: arg.optionalMsat('where the destination leaves it to you'),
  },
  flags: {
    from: flag.hex('from this node; its balances are taken to be enough', 33, { helpValue: 'NODE_ID' }),
    'max-fee': flag.msat('highest fee (default: 1 %, at least 5sat)'),
    parts: flag.integer('split into so many parts at most (default: 1)'),
    'final-cltv': flag.integer('blocks that the destination asks for (default: 18)'),
    prior: flag.choice('how likely balances are before anything is learned (default: routing.prior of lnkit.toml, else apriori)', [
      'apriori',
      'bimodal',
    ]),
    'blinded-path': flag.texts('a path that the destination gave; may be repeated', { helpValue: 'NODE_ID,fee_base_msat=N,...' }),
    graph: flag.text('another graph: a folder with graph.db, or a graph.snapshot', { helpValue: 'PATH', completes: 'files' }),
    explain: flag.boolean('which rules closed how many edges around the destination, and the cheapest way out'),
    export: flag.text('write graph, knowledge and question to one file', { helpValue: 'FILE', completes: 'files' }),
    replay: flag.text('ask the question of such a file again, to the same answer', { helpValue: 'FILE', completes: 'files' }),
  },
  output: async () => (await import('../src/app/graph/route.ts')).routeSchema,
  async run(context) {
    const result = await routeCommand(context);
    const code = result.error?.['code'];
    if (isErrorCode(code)) context.exitWith(exitCodeOf(code));
    return { json: result, text: () => routeView(result, context.style) };
  },
});
