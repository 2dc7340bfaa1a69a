import { arg, defineCommand, flag } from '../src/app/command.ts';
import { durationSeconds } from '../src/app/duration.ts';
import { exitCodeOf, isErrorCode } from '../src/app/error.ts';
import { given } from '../src/app/operation-command.ts';
import { PROBE_TITLE, probeView, trialPoints } from '../src/app/view/graph.ts';

export default defineCommand({
  summary: 'find out whether an amount arrives, or how much does, with parts that cannot settle',
  description:
    'Costs nothing. What is learned stays: later routes know it. With --find-max and --json each amount tried is a line, the result the last one.',
  examples: ['probe lnbc1...', 'probe 02... 250000sat', 'probe 02... --find-max --max-parts 4 --svg probe.svg'],
  args: { destination: arg.text('invoice or node id'), amount: arg.optionalMsat('with --find-max: not more than this') },
  flags: {
    'find-max': flag.boolean('the largest amount that arrives, by bisection'),
    'max-parts': flag.integer('split into so many parts at most (default: 16)'),
    'max-fee': flag.msat('highest fee (default: 1 %, at least 5sat)'),
    'max-fee-percent': flag.number('highest fee in percent'),
    outgoing: flag.texts('only over this channel; may be repeated', { completes: 'channels', helpValue: 'CHAN' }),
    exclude: flag.texts('not through this node or channel; may be repeated', { helpValue: 'NODE|CHAN' }),
    prior: flag.choice('how likely balances are before anything is learned (default: routing.prior of lnkit.toml, else apriori)', [
      'apriori',
      'bimodal',
    ]),
    'blinded-path': flag.texts('a path that the destination gave; may be repeated', { helpValue: 'NODE_ID,fee_base_msat=N,...' }),
    svg: flag.text('write success against amount as SVG', { helpValue: 'FILE', completes: 'files' }),
  },
  output: async () => (await import('../src/app/forms/probe.ts')).probeOutput,
  async run(context) {
    const { args, flags, settings, signal, progress } = context;
    const { callOperation } = await import('../src/app/call.ts');
    const { 'max-parts': max_parts, 'max-fee': max_fee_msat, 'max-fee-percent': max_fee_percent, outgoing, exclude } = flags;
    const seconds = flags.timeout === undefined ? undefined : Math.max(1, durationSeconds(flags.timeout) - 1);
    const paths = flags['blinded-path'].map((await import('../src/app/forms/blinded-path.ts')).blindedPathOf);
    const params = { destination: args.destination, find_max: flags['find-max'], outgoing, exclude };
    const more = given({
      amount_msat: args.amount,
      max_parts,
      max_fee_msat,
      max_fee_percent,
      seconds,
      prior: flags.prior,
      blinded_paths: paths.length > 0 ? paths : undefined,
    });
    const emit = (item: Parameters<typeof context.emit>[0]): void => (flags.json ? context.emit(item, () => '') : undefined);
    const json = await callOperation('probe', { ...params, ...more }, { settings, signal, progress: (text) => progress.step(text), emit });
    const code = json.error?.['code'];
    if (isErrorCode(code)) context.exitWith(exitCodeOf(code));
    if (flags.svg !== undefined) {
      const [{ successSvg }, { writeSvg }] = await Promise.all([import('../src/app/view/plot.ts'), import('../src/app/view/svg.ts')]);
      writeSvg(flags.svg, successSvg(PROBE_TITLE, trialPoints(json.trials)));
    }
    return { json, text: () => probeView(json, context.style) };
  },
});
