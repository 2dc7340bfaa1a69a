import type { PhaseName } from '../../src/bolt/channel/types.ts';
import { CRASH_POINTS } from './node.ts';
import { type SimOptions, type SimReport, simulate } from './simulate.ts';

/** Phases that every campaign must meet. Not `frozen`: only a bug leads there, and any bug fails its seed. */
const PHASES: readonly PhaseName[] = [
  'opening',
  'awaiting_confirmation',
  'awaiting_channel_ready',
  'normal',
  'shutdown',
  'negotiating',
  'closing',
  'force_closing',
  'data_loss',
  'closed',
];

/** Besides crashes: what must have happened at least once, or the simulation has become blind to it. */
const EVENTS: readonly string[] = [
  ...['crash idle', 'link cut', 'start', 'block disconnected', 'reorg 1', 'reorg 2', 'reorg 3', 'old state restored'],
  ...['open public', 'open private', 'open zero-conf', 'force close asked', 'hold invoice decided', 'agreement checked'],
  ...['forward', 'payment in parts', 'sent update_fail_htlc', 'sent update_fulfill_htlc', 'sent update_fee'],
  ...['sent closing_signed', 'sent closing_sig', 'sent channel_reestablish', 'sent announcement_signatures'],
  ...['published funding', 'published closing', 'published commitment', 'published sweep', 'published spend'],
];

/** `npm test` runs twice as many, in two files. */
export const SEEDS_OF_A_TEST = 150;
/** Some 10 s of one core; a loaded machine may need much longer. */
export const PATIENCE_MS = 300_000;

export interface Campaign {
  readonly seeds: number;
  readonly milliseconds: number;
  readonly crashPoints: ReadonlyMap<string, number>;
  readonly phases: ReadonlyMap<string, number>;
  readonly events: ReadonlyMap<string, number>;
}

/** Runs seeds `first` to `last`. Throws SeedFailed at the first that fails. */
export function campaign(first: number, last: number, options: SimOptions = {}): Campaign {
  const began = performance.now();
  const reports: SimReport[] = [];
  for (let seed = first; seed <= last; seed++) reports.push(simulate(seed, options));
  const counted = (names: readonly string[], of: (report: SimReport, name: string) => number | undefined): ReadonlyMap<string, number> =>
    new Map(names.map((name) => [name, reports.reduce((sum, report) => sum + (of(report, name) ?? 0), 0)]));
  return {
    seeds: reports.length,
    milliseconds: performance.now() - began,
    crashPoints: counted(CRASH_POINTS, (report, name) => report.counts.get(`crash ${name}`)),
    phases: counted(PHASES, (report, name) => report.phases.get(name)),
    events: counted(EVENTS, (report, name) => report.counts.get(name)),
  };
}

/** What never happened. */
export const neverMet = (result: Campaign): readonly string[] =>
  [result.crashPoints, result.phases, result.events].flatMap((counts) =>
    [...counts].flatMap(([name, count]) => (count === 0 ? [name] : [])),
  );

export function tell(result: Campaign): string {
  const line = (title: string, counts: ReadonlyMap<string, number>): string =>
    `  ${title}: ${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}`;
  return [
    `${result.seeds} seeds in ${(result.milliseconds / 1000).toFixed(1)} s`,
    line('crash points', result.crashPoints),
    line('channel phases committed', result.phases),
    line('events', result.events),
  ].join('\n');
}

/** `SIM_SEED`: only this one. `SIM_TRACE`: tell what happens. */
export function wanted(): { readonly seed: number | null; readonly options: SimOptions } {
  const { SIM_SEED, SIM_TRACE } = process.env;
  return {
    seed: SIM_SEED === undefined ? null : Number(SIM_SEED),
    options: SIM_TRACE === undefined ? {} : { trace: (line) => process.stdout.write(`${line}\n`) },
  };
}
