import { AppError, errorJson, toAppError } from '../error.ts';
import { stringify } from '../json.ts';
import type { JsonObject } from '../operation.ts';
import type { Style } from '../view/style.ts';

/** What a step found to be so: a sentence for people and the facts behind it. */
export interface Told {
  readonly text: string;
  readonly facts: JsonObject;
}

export interface TellerOptions {
  readonly style: Style;
  /** What may turn on stderr. */
  readonly spinner: 'none' | 'plain' | 'coloured';
  emit(item: JsonObject, text: () => string): void;
}

interface Spinner {
  text: string;
  start(): unknown;
  stop(): unknown;
}

/** Tells a story step by step: what happened and how long it took; and, where a step does not hold, which one and why. */
export class Teller {
  readonly #options: TellerOptions;
  readonly #started = performance.now();
  #spinner: Spinner | null = null;
  #steps = 0;

  private constructor(options: TellerOptions, spinner: Spinner | null) {
    this.#options = options;
    this.#spinner = spinner;
  }

  static async create(options: TellerOptions): Promise<Teller> {
    if (options.spinner === 'none') return new Teller(options, null);
    const { default: ora } = await import('ora');
    const plain = options.spinner === 'plain' ? { color: false as const } : {};
    return new Teller(options, ora({ stream: process.stderr, discardStdin: false, ...plain }));
  }

  get steps(): number {
    return this.#steps;
  }
  get elapsedMs(): number {
    return Math.round(performance.now() - this.#started);
  }

  /** Runs a step and tells what it found. Throws INTERNAL (or what interrupted it) where it fails, after telling that. */
  async step(name: string, doing: string, work: () => Promise<Told>): Promise<void> {
    const number = ++this.#steps;
    const started = performance.now();
    const since = (): number => Math.round(performance.now() - started);
    this.#spin(`${doing} ...`);
    try {
      const { text, facts } = await work();
      this.#quiet();
      const duration_ms = since();
      this.#options.emit({ step: number, name, ok: true, text, duration_ms, ...facts }, () => this.#line('good', name, text, duration_ms));
    } catch (thrown) {
      this.#quiet();
      const error = failureOf(thrown, name);
      const duration_ms = since();
      const { emit } = this.#options;
      emit({ step: number, name, ok: false, text: error.message, duration_ms, error: errorJson(error) }, () =>
        this.#line('bad', name, error.message, duration_ms),
      );
      throw error;
    }
  }

  done(): void {
    this.#quiet();
  }

  #line(kind: 'good' | 'bad', name: string, text: string, durationMs: number): string {
    const { style } = this.#options;
    const mark = kind === 'good' ? style.good('✔') : style.bad('✘');
    const [first = '', ...more] = text.split('\n');
    const took = style.dim(`${(durationMs / 1000).toFixed(2)} s`);
    return [`${mark} ${style.bold(name.padEnd(8))} ${first}  ${took}`, ...more.map((line) => `           ${line}`)].join('\n');
  }

  #spin(text: string): void {
    if (this.#spinner === null) return;
    this.#spinner.text = text;
    this.#spinner.start();
  }

  #quiet(): void {
    this.#spinner?.stop();
  }
}

/** A step that does not hold is a bug of lnkit, whatever code the operation in it ended with; an interruption stays one. */
function failureOf(thrown: unknown, step: string): AppError {
  const error = toAppError(thrown);
  if (error.code === 'INTERRUPTED' || error.code === 'TIMEOUT') return error;
  const message = error.code === 'INTERNAL' ? error.message : `${error.message} (${error.code})`;
  const hint = 'run `lnkit demo --keep` and look at the logs in its directory';
  return new AppError({ code: 'INTERNAL', message, hint, details: { step, ...(error.details ?? {}) } }, { cause: thrown });
}

/** A claim of the story. Throws where it does not hold, with what was found instead. */
export function claim(held: boolean, what: string, found?: unknown): asserts held {
  if (!held)
    throw new AppError({
      code: 'INTERNAL',
      message: `it is not so that ${what}${found === undefined ? '' : `; found ${stringify(found)}`}`,
    });
}
