import { isTerminal, writeErr } from '../output.ts';

export interface Progress {
  /** What is done now. */
  step(text: string): void;
  /** Clears the line, so that results and errors stand alone. */
  done(): void;
}

/** A spinner where stderr is a terminal; lines under --verbose; nothing where asked to be quiet. */
export function startProgress(part: { readonly quiet: boolean; readonly verbose: boolean; readonly noColor: boolean }): Progress {
  if (part.verbose) return { step: (text) => writeErr(`${text}\n`), done() {} };
  if (part.quiet || !isTerminal(2) || process.stderr.isTTY !== true) return { step() {}, done() {} };
  return new Spinner(part.noColor);
}

/** ora takes 94 ms to load: it is asked for with the first step, in the background. */
class Spinner implements Progress {
  #text = '';
  #state: 'idle' | 'loading' | 'done' = 'idle';
  #spinner: { text: string; stop(): unknown } | null = null;
  readonly #noColor: boolean;

  constructor(noColor: boolean) {
    this.#noColor = noColor;
  }

  step(text: string): void {
    this.#text = text;
    if (this.#spinner !== null) this.#spinner.text = text;
    if (this.#state !== 'idle') return;
    this.#state = 'loading';
    void this.#load();
  }

  done(): void {
    this.#state = 'done';
    this.#spinner?.stop();
  }

  async #load(): Promise<void> {
    const { default: ora } = await import('ora');
    if (this.#state === 'done') return;
    this.#spinner = ora({
      text: this.#text,
      stream: process.stderr,
      discardStdin: false,
      ...(this.#noColor ? { color: false } : {}),
    }).start();
  }
}
