/** What a bench says: one line of JSON. Parameters of the case stand beside the value (`hops`, `backend`, `in_flight`). */
export interface Measurement {
  readonly metric: string;
  /** null where it cannot be measured here: what it needs is not installed. */
  readonly value: number | null;
  /** `ms`, `1/s`, `x` (a ratio), `bytes`, `count`. */
  readonly unit: string;
  /** How many runs or samples the value is the median (or the quantile) of. */
  readonly n: number;
  readonly [parameter: string]: string | number | boolean | null;
}

export interface BenchContext {
  report(measurement: Measurement): void;
  /** Progress and circumstances, for people, on stderr. */
  note(text: string): void;
  /** Rounds to run: the number asked for with `--runs`, else the bench's own. */
  runs(otherwise: number): number;
  /** A parameter of the case, given as NAME:key=value: only that case is run. Null where none was given. */
  only(key: string): string | null;
}

export interface Bench {
  readonly summary: string;
  /** Keys that `only` understands. */
  readonly parameters?: readonly string[];
  run(context: BenchContext): Promise<void>;
}

/** The value below which a share `q` (0 to 1) of the samples lies, interpolated between neighbours. Throws a RangeError where there are none. */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new RangeError('no samples');
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/**
 * Runs the cases in turns and gives each one's samples. Neighbours in time meet the same machine, so that ratios of samples of one round
 * hold even while others load it; every second round goes backwards, so that no case always follows the same other.
 */
export async function inTurns<K extends string>(
  rounds: number,
  cases: { readonly [name in K]: () => number | Promise<number> },
): Promise<{ readonly [name in K]: readonly number[] }> {
  const names = Object.keys(cases) as K[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as { [name in K]: number[] };
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? names : [...names].reverse()) samples[name].push(await cases[name]());
  return samples;
}

/** The median of the ratios of paired samples. */
export function pairedRatio(samples: readonly number[], base: readonly number[]): number {
  if (samples.length !== base.length) throw new RangeError('not paired');
  return median(samples.map((sample, i) => sample / (base[i] as number)));
}

/** Milliseconds that `run` takes. */
export function timed(run: () => void): number {
  const started = performance.now();
  run();
  return performance.now() - started;
}

/** Calls a second of `run`, called with 0, 1, 2... until `least` milliseconds are over; the clock is read once in `stride` calls. */
export function rate(run: (i: number) => void, part: { readonly least: number; readonly stride: number }): number {
  const started = performance.now();
  let calls = 0;
  let elapsed = 0;
  while (elapsed < part.least) {
    for (let end = calls + part.stride; calls < end; calls++) run(calls);
    elapsed = performance.now() - started;
  }
  return (calls * 1000) / elapsed;
}

/** Repeatable bytes: benches of two days measure the same work. Not for keys of anything real. */
export function pseudoRandom(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  };
  return (length) => Uint8Array.from({ length }, next);
}

/** Keeps the digits that a measurement of this kind can mean. */
export const rounded = (value: number): number => (value === 0 ? 0 : Number(value.toPrecision(Math.abs(value) >= 1000 ? 5 : 4)));
