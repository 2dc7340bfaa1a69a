import { type GlobalFlags, resolveSettings, type Settings } from './config.ts';
import { AppError, exitCodeOf, toAppError, worseExit } from './error.ts';
import { type ArgSpecs, type ArgValues, type FlagSpecs, type FlagValues, GLOBAL_FLAGS, type GlobalValues, parseArgv } from './flags.ts';
import { stringify } from './json.ts';
import type { JsonObject, Schema } from './operation.ts';
import { writeErr, writeError, writeJson, writeLine, writeOut } from './output.ts';
import { type Progress, startProgress } from './view/progress.ts';
import { type Style, styleFor } from './view/style.ts';

export { arg, flag } from './flags.ts';

/** What a command has in hand while it runs. */
export interface CommandContext<F extends FlagSpecs = FlagSpecs, A extends ArgSpecs = ArgSpecs> {
  readonly flags: FlagValues<F> & GlobalValues;
  readonly args: ArgValues<A>;
  /** Read when first asked for: a command that needs no node reads no configuration. */
  readonly settings: Settings;
  readonly style: Style;
  /** Ends when the user interrupts, or the time given with --timeout is over. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Keeps the worse of the exit codes told so far. */
  exitWith(code: number): void;
  /** One object of a stream: a line of JSON under --json, else the text of it. */
  emit(item: JsonObject, text: () => string): void;
  warn(message: string): void;
}

export interface CommandSpec<F extends FlagSpecs, A extends ArgSpecs> {
  readonly summary: string;
  readonly description?: string;
  readonly examples?: readonly string[];
  readonly flags?: F;
  readonly args?: A;
  /** Of the JSON on stdout, or of each line of it. */
  readonly output: Schema | (() => Promise<Schema>);
  /** Answers without a node and without waiting: SIGINT may simply end it. */
  readonly light?: boolean;
  /** The JSON of the result with its text for people, or null where everything was emitted. */
  run(context: CommandContext<F, A>): Promise<Answer | null>;
}

export interface Answer {
  readonly json: JsonObject;
  readonly text: () => string;
}

/** What oclif asks of a command: statics for manifest and help, and `run`. The base class of oclif itself would cost 20 ms at every start. */
export interface CommandClass {
  id: string;
  readonly summary: string;
  readonly description: string | undefined;
  readonly examples: readonly string[];
  readonly flags: FlagSpecs;
  readonly baseFlags: FlagSpecs;
  readonly args: ArgSpecs;
  readonly strict: boolean;
  /** A function, so that the manifest does not hold it. */
  readonly outputSchema: () => Promise<Schema>;
  run(argv: readonly string[]): Promise<void>;
}

/** Makes the class that a command file exports by default. */
export function defineCommand<const F extends FlagSpecs = Record<never, never>, const A extends ArgSpecs = Record<never, never>>(
  spec: CommandSpec<F, A>,
): CommandClass {
  const { output } = spec;
  // biome-ignore lint/complexity/noStaticOnlyClass: oclif finds commands as classes with statics
  return class Command {
    static id = '';
    static readonly summary = spec.summary;
    static readonly description = spec.description;
    static readonly examples = (spec.examples ?? []).map((example) => `<%= config.bin %> ${example}`);
    static readonly flags: FlagSpecs = spec.flags ?? {};
    static readonly baseFlags: FlagSpecs = GLOBAL_FLAGS;
    static readonly args: ArgSpecs = spec.args ?? {};
    static readonly strict = true;
    static readonly outputSchema = async (): Promise<Schema> => (typeof output === 'function' ? await output() : output);
    static run(argv: readonly string[]): Promise<void> {
      return execute(spec, argv);
    }
  };
}

async function execute<F extends FlagSpecs, A extends ArgSpecs>(spec: CommandSpec<F, A>, argv: readonly string[]): Promise<void> {
  const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const form = { json: words.includes('--json'), quiet: words.includes('--quiet'), verbose: words.includes('--verbose') };
  let session: Session<F, A> | null = null;
  try {
    const parsed = parseArgv({ flags: spec.flags ?? ({} as F), args: spec.args ?? ({} as A) }, argv);
    session = new Session<F, A>(parsed, spec.light === true);
    const answer = await spec.run(session);
    session.end();
    if (answer !== null && form.json) writeJson(session.withWarnings(answer.json));
    else if (answer !== null) writeText(answer.text());
    process.exitCode = session.exit;
  } catch (thrown) {
    session?.end();
    const error = session === null ? toAppError(thrown) : session.errorOf(thrown);
    writeError(error, form);
    process.exitCode = worseExit(session?.exit ?? 0, exitCodeOf(error.code));
  }
  // A lingering handle (a socket that closes slowly) must not hold the shell up; everything was written synchronously.
  if (spec.light !== true) process.exit();
}

const writeText = (text: string): void => {
  if (text !== '') writeOut(text.endsWith('\n') ? text : `${text}\n`);
};

class Session<F extends FlagSpecs, A extends ArgSpecs> implements CommandContext<F, A> {
  readonly flags: FlagValues<F> & GlobalValues;
  readonly args: ArgValues<A>;
  exit = 0;
  readonly #warnings: string[] = [];
  readonly #abort = new AbortController();
  readonly #onSignal: ((signal: NodeJS.Signals) => void) | null;
  #settings: Settings | null = null;
  #style: Style | null = null;
  #progress: Progress | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(parsed: { readonly flags: FlagValues<F> & GlobalValues; readonly args: ArgValues<A> }, light: boolean) {
    this.flags = parsed.flags;
    this.args = parsed.args;
    this.#onSignal = light ? null : (signal) => this.#interrupt(signal);
    if (this.#onSignal === null) return;
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal);
    const { timeoutMs } = this.settings;
    if (timeoutMs === null) return;
    const late = new AppError({
      code: 'TIMEOUT',
      message: 'the time is over',
      hint: 'what was started goes on; run it again to go on waiting',
    });
    this.#timer = setTimeout(() => this.#abort.abort(late), timeoutMs);
  }

  get settings(): Settings {
    this.#settings ??= resolveSettings(this.flags as GlobalFlags);
    return this.#settings;
  }
  get style(): Style {
    this.#style ??= styleFor({ noColor: this.flags['no-color'] });
    return this.#style;
  }
  get progress(): Progress {
    this.#progress ??= startProgress({ quiet: this.flags.quiet, verbose: this.flags.verbose, noColor: this.flags['no-color'] });
    return this.#progress;
  }
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  // Properties, not methods: commands take them out of the context by name.
  readonly exitWith = (code: number): void => {
    this.exit = worseExit(this.exit, code);
  };

  readonly emit = (item: JsonObject, text: () => string): void => {
    if (this.flags.json) writeLine(item);
    else writeText(text());
  };

  /** Told on stderr at once, and kept in the JSON, where oclif would drop it. */
  readonly warn = (message: string): void => {
    this.#warnings.push(message);
    if (!this.flags.json && !this.flags.quiet) writeErr(`warning: ${message}\n`);
  };

  withWarnings(json: JsonObject): JsonObject {
    return this.#warnings.length === 0 ? json : { ...json, warnings: this.#warnings };
  }

  /** What aborts a wait throws the signal's reason, whatever it was wrapped in on the way. */
  errorOf(thrown: unknown): AppError {
    const { aborted, reason } = this.#abort.signal;
    if (aborted && !(thrown instanceof AppError)) return toAppError(reason);
    return toAppError(thrown);
  }

  end(): void {
    this.#progress?.done();
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#onSignal !== null) process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
  }

  #interrupt(signal: NodeJS.Signals): void {
    // The second time the user means it: whatever is durable is safe anyway.
    if (this.#abort.signal.aborted) process.exit(exitCodeOf('INTERRUPTED'));
    const what = signal === 'SIGINT' ? 'interrupted' : 'terminated';
    const hint = 'what was sent goes on and is recorded as pending';
    this.#abort.abort(new AppError({ code: 'INTERRUPTED', message: what, hint }));
  }
}

/** For answers whose text is their JSON. */
export const asText = (json: JsonObject): string => stringify(json, 2);
