import type { Fraction } from '../operation.ts';
import { isTerminal, writeErr } from '../output.ts';

export interface Progress {
  /** What is done now; where the whole is known, how much of it. */
  step(text: string, of?: Fraction): void;
  /** Clears the line, so that results and errors stand alone. */
  done(): void;
}

/** A spinner or a bar where stderr is a terminal; lines under --verbose; nothing where asked to be quiet. */
export function startProgress(part: { readonly quiet: boolean; readonly verbose: boolean; readonly noColor: boolean }): Progress {
  if (part.verbose) return { step: (text) => writeErr(`${text}\n`), done() {} };
  if (part.quiet || !isTerminal(2) || process.stderr.isTTY !== true) return { step() {}, done() {} };
  const spinner = new Spinner(part.noColor);
  const bar = new Bar((text) => writeErr(text), process.stderr.columns);
  return {
    step(text, of) {
      if (of === undefined) {
        bar.clear();
        spinner.step(text);
      } else {
        spinner.pause();
        bar.draw(text, of);
      }
    },
    done() {
      bar.clear();
      spinner.done();
    },
  };
}

const BAR_CELLS = 24;
const START_OF_LINE = '\r\u001b[2K';

/** `[=======>        ]  45 %  text`, cut at `columns`. */
export function barLine(text: string, { done, total }: Fraction, columns: number): string {
  const part = total <= 0 ? 0 : Math.min(1, Math.max(0, done / total));
  const full = Math.floor(part * BAR_CELLS);
  const cells = `${'='.repeat(full)}${full < BAR_CELLS ? '>' : ''}`.padEnd(BAR_CELLS);
  return `[${cells}] ${`${Math.floor(100 * part)}`.padStart(3)} %  ${text}`.slice(0, Math.max(1, columns - 1));
}

/** One line that is drawn over and over. */
class Bar {
  readonly #write: (text: string) => void;
  readonly #columns: number;
  #isDrawn = false;

  constructor(write: (text: string) => void, columns: number | undefined) {
    this.#write = write;
    // A terminal that does not know its width says 0.
    this.#columns = columns === undefined || columns === 0 ? 80 : columns;
  }

  draw(text: string, of: Fraction): void {
    this.#write(`${START_OF_LINE}${barLine(text, of, this.#columns)}`);
    this.#isDrawn = true;
  }

  clear(): void {
    if (this.#isDrawn) this.#write(START_OF_LINE);
    this.#isDrawn = false;
  }
}

/** ora takes 94 ms to load: it is asked for with the first step, in the background. */
class Spinner {
  #text = '';
  #state: 'idle' | 'loading' | 'running' | 'paused' | 'done' = 'idle';
  #spinner: { text: string; start(): unknown; stop(): unknown } | null = null;
  readonly #noColor: boolean;

  constructor(noColor: boolean) {
    this.#noColor = noColor;
  }

  step(text: string): void {
    this.#text = text;
    if (this.#spinner !== null) this.#spinner.text = text;
    if (this.#state === 'paused') this.#spinner?.start();
    if (this.#state === 'paused') this.#state = 'running';
    if (this.#state !== 'idle') return;
    this.#state = 'loading';
    void this.#load();
  }

  /** Gives the line to somebody else. */
  pause(): void {
    if (this.#state === 'idle') return;
    this.#state = 'paused';
    this.#spinner?.stop();
  }

  done(): void {
    this.#state = 'done';
    this.#spinner?.stop();
  }

  async #load(): Promise<void> {
    const { default: ora } = await import('ora');
    this.#spinner = ora({
      text: this.#text,
      stream: process.stderr,
      discardStdin: false,
      ...(this.#noColor ? { color: false } : {}),
    });
    if (this.#state !== 'loading' && this.#state !== 'running') return;
    this.#state = 'running';
    this.#spinner.start();
  }
}
